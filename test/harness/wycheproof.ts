import { readFileSync } from 'node:fs'

/** One of Project Wycheproof's cases: its id, its verdict, and bytes by their names there. */
export interface WycheproofCase {
  readonly id: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly bytes: (name: string) => Uint8Array
}
export interface WycheproofGroup {
  readonly file: string
  readonly spec: string
  readonly algorithm: string
  readonly bytes: (name: string) => Uint8Array
  readonly cases: readonly WycheproofCase[]
}

type Texts = Readonly<Record<string, string>>
interface Stored {
  readonly groups: readonly (Texts & { readonly cases: readonly Texts[] })[]
}

const path = new URL('../vectors/wycheproof.json', import.meta.url)
const stored: Stored = JSON.parse(readFileSync(path, 'utf8'))
const bytesIn =
  (texts: Texts) =>
  (name: string): Uint8Array => {
    const text = texts[name]
    if (text === undefined) throw new Error(`the vector has no ${name}`)
    return new Uint8Array(Buffer.from(text, 'base64'))
  }

/** The groups of a kind, by the file that they are from. @throws Error when there is none */
export function wycheproof(kind: string): readonly (readonly [file: string, groups: readonly WycheproofGroup[]])[] {
  const groups = stored.groups.filter((group) => group.kind === kind)
  if (groups.length === 0) throw new Error(`no vectors of kind ${kind}`)
  const read = groups.map((group): WycheproofGroup => {
    const { file = '', spec = '', algorithm = '' } = group
    const cases = group.cases.map((each) => ({
      id: Number(each.id),
      result: each.result as WycheproofCase['result'],
      bytes: bytesIn(each),
    }))
    return { file, spec, algorithm, bytes: bytesIn(group as Texts), cases }
  })
  return [...Map.groupBy(read, ({ file }) => file)]
}

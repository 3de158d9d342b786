import { readFileSync, statSync } from 'node:fs'
import { LineCounter, parseDocument, visit } from 'yaml'
import { textOf } from '../../lib/bytes.ts'

/** Names of members and numbers of items, from the top of the file. */
export type Path = readonly (string | number)[]

/** What keeps a seed from being planted: where in the file, and why. It never repeats a value that may be a secret. */
export class SeedError extends Error {
  override readonly name = 'SeedError'
}

export interface SeedFile {
  /** Plain data: mappings, lists, text, booleans and null. Numbers are the text that they were written as. */
  readonly json: unknown
  /** Throws the error that says where. */
  readonly fail: (path: Path, why: string) => never
}

const maxBytes = 1024 * 1024
/** A few anchors spare repetition; more than this is a file that grows when it is read. */
const maxAliases = 100

const shownPath = (path: Path): string =>
  path
    .map((each) => (typeof each === 'number' ? `[${each}]` : `.${each}`))
    .join('')
    .replace(/^\./, '')

function textIn(file: string): string {
  try {
    const found = statSync(file)
    if (!found.isFile() || found.size > maxBytes) throw new SeedError(`${file} is not a file of at most 1 MiB`)
    return textOf(readFileSync(file))
  } catch (error) {
    if (error instanceof SeedError) throw error
    throw new SeedError(`${file} cannot be read as UTF-8 text`, { cause: error })
  }
}

/**
 * Reads YAML 1.2 without tags, merge keys or a second document. A parser's own messages quote the file, so only their
 * codes are shown.
 * @throws SeedError
 */
export function readSeedFile(file: string): SeedFile {
  const text = textIn(file)
  const lines = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    schema: 'core',
    stringKeys: true,
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) {
    throw new SeedError(`${at(problem.pos[0])}: is not YAML (${problem.code.toLowerCase().replaceAll('_', ' ')})`)
  }
  visit(document, {
    Scalar(_, node) {
      // A key in hexadecimal may be all digits; an account id begins with zeros.
      if (typeof node.value === 'number') node.value = node.source
    },
  })
  const fail = (path: Path, why: string): never => {
    const shown = shownPath(path)
    for (let rest = path; ; rest = rest.slice(0, -1)) {
      const node = document.getIn(rest, true) as { readonly range?: readonly number[] | null } | undefined
      const [offset] = node?.range ?? []
      if (offset === undefined && rest.length > 0) continue
      throw new SeedError(`${at(offset ?? 0)}: ${shown && `${shown} `}${why}`)
    }
  }
  let json: unknown
  try {
    json = document.toJS({ maxAliasCount: maxAliases })
  } catch {
    return fail([], 'repeats too much by aliases')
  }
  return { json, fail }
}

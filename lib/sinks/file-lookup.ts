import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type FoundRecord, isAskedFor, isFull, type Lookup, type LookupPage } from '../audit/lookup.ts'
import { fileOfDay, readLine } from '../audit/mark.ts'
import { InvalidNextTokenException } from '../errors.ts'

/** Where the lines that were not looked at yet end. */
interface Position {
  readonly file: string
  readonly end: number
}

const dayMs = 86_400_000
const chunkBytes = 1 << 18
/** What one call looks at, at most: it then answers what it found, and where to go on. */
const budgetBytes = 64 << 20
const newline = 0x0a

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Records of the file sink, the last written first. @throws InvalidNextTokenException */
export async function lookUpInFiles(directory: string, lookup: Lookup): Promise<LookupPage> {
  const start = lookup.token === undefined ? undefined : positionIn(lookup.token)
  // A record is written when it is done: by then it may be the next day.
  const first = start?.file ?? fileOfDay(dayOf(lookup.to + dayMs))
  const last = fileOfDay(dayOf(lookup.from))
  const found: FoundRecord[] = []
  let left = budgetBytes
  for (const file of await filesBetween(directory, last, first)) {
    const handle = await open(join(directory, file), 'r')
    try {
      const end = start?.file === file ? start.end : (await handle.stat()).size
      for await (const { text, offset } of linesBackwards(handle, end)) {
        left -= text.length + 1
        const record = readLine(text)?.record
        if (record && isAskedFor(record, lookup)) found.push({ record, text })
        if (isFull(found, lookup) || left <= 0) {
          return { found, token: tokenOf({ file, end: offset }) }
        }
      }
    } finally {
      await handle.close()
    }
  }
  return { found }
}

async function filesBetween(directory: string, last: string, first: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = names.filter((name) => /^audit-\d{4}-\d\d-\d\d\.jsonl$/.test(name) && name >= last && name <= first)
  return files.sort().reverse()
}

/** Whole lines before `end`, the last first, each with the offset of its first byte. */
async function* linesBackwards(handle: FileHandle, end: number) {
  let rest = Buffer.alloc(0)
  let from = end
  while (from > 0) {
    const length = Math.min(chunkBytes, from)
    from -= length
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, from)
    rest = Buffer.concat([buffer.subarray(0, bytesRead), rest])
    for (let at = rest.lastIndexOf(newline); at >= 0; at = rest.lastIndexOf(newline)) {
      const text = rest.toString('utf8', at + 1)
      rest = rest.subarray(0, at)
      if (text !== '') yield { text, offset: from + at + 1 }
    }
  }
  if (rest.length > 0) yield { text: rest.toString('utf8'), offset: 0 }
}

const tokenOf = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url')

function positionIn(token: string): Position {
  try {
    const { file, end } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Position
    if (typeof file === 'string' && Number.isSafeInteger(end) && end >= 0) return { file, end }
  } catch {
    // Not one of ours.
  }
  throw new InvalidNextTokenException('The token is not one that this service has made.')
}

/** What of the trail's files no digest has yet: read in order, and told as what a digest says of it. */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WindowDraft } from '../audit/digest.ts'
import { isCounting, placedLine, type Range, type TrailLine } from '../audit/mark.ts'
import type { Unsealed } from '../audit/trail.ts'

/** How far the trail is sealed: bytes of the last day files, and the last number of each writer, with its last file. */
interface Cursor {
  readonly files: Readonly<Record<string, number>>
  readonly writers: Readonly<Record<string, readonly [last: number, file: string]>>
}

export const dayFile = /^audit-\d{4}-\d\d-\d\d\.jsonl$/
const newline = 0x0a
/** Two writers' clocks may disagree about which day it is. */
const daysOpen = 2
const chunkBytes = 1 << 18

/** @param cursor of the newest digest; undefined when there is none */
export async function readWindow(directory: string, cursor: string | undefined, limit: number): Promise<Unsealed> {
  const from: Cursor = cursor === undefined ? { files: {}, writers: {} } : (JSON.parse(cursor) as Cursor)
  const known = Object.keys(from.files)
  const collected = new Collected(from)
  for (const file of await namesIn(directory, dayFile)) {
    const sealed = from.files[file] ?? (known.some((each) => each > file) ? undefined : 0)
    if (sealed === undefined) continue
    await collected.read(directory, file, sealed, limit)
    if (collected.draft.records >= limit) break
  }
  return collected.result(limit)
}

/** In order; none where there is no such directory. */
export async function namesIn(directory: string, pattern: RegExp): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => pattern.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

class Collected {
  readonly draft = new WindowDraft()
  readonly #files: Record<string, number>
  readonly #writers: Record<string, readonly [last: number, file: string]>
  readonly #missing: Record<string, Range[]> = {}

  constructor({ files, writers }: Cursor) {
    this.#files = { ...files }
    this.#writers = { ...writers }
  }

  /** Whole lines from `offset` on, until there are `limit` in all: a line without its end is still being written. */
  async read(directory: string, file: string, offset: number, limit: number): Promise<void> {
    this.#files[file] = offset
    const path = join(directory, file)
    if ((await stat(path)).size <= offset) return
    const handle = await open(path, 'r')
    try {
      let chunk = Buffer.alloc(chunkBytes)
      // The chunk holds what begins at `at`, up to `held`.
      let at = offset
      let held = 0
      for (;;) {
        if (held === chunk.length) chunk = Buffer.concat([chunk, Buffer.alloc(chunk.length)])
        const { bytesRead } = await handle.read(chunk, held, chunk.length - held, at + held)
        if (bytesRead === 0) return
        held += bytesRead
        const bytes = chunk.subarray(0, held)
        let start = 0
        for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
          this.#take(placedLine(file, at, bytes.toString('utf8', start, end)))
          at += end + 1 - start
          start = end + 1
          this.#files[file] = at
          if (this.draft.records >= limit) return
        }
        held = bytes.copy(chunk, 0, start)
      }
    } finally {
      await handle.close()
    }
  }

  #take(line: TrailLine): void {
    this.draft.add(line)
    const { writer, sequence } = line.mark
    if (!isCounting(writer)) return
    const [last] = this.#writers[writer] ?? [0]
    if (sequence > last + 1) this.#missing[writer] = [...(this.#missing[writer] ?? []), [last + 1, sequence - 1]]
    this.#writers[writer] = [Math.max(last, sequence), line.file]
  }

  result(limit: number): Unsealed {
    const files = Object.fromEntries(Object.entries(this.#files).sort().slice(-daysOpen))
    // Each day has writers of its own.
    const writers = Object.fromEntries(Object.entries(this.#writers).filter(([, [, file]]) => file in files))
    const cursor: Cursor = { files, writers }
    return {
      window: this.draft.done(),
      missing: this.#missing,
      cursor: JSON.stringify(cursor),
      more: this.draft.records >= limit,
    }
  }
}

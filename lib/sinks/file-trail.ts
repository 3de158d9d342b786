import { createPublicKey, randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { filesOf, isPast } from '../audit/digest.ts'
import { fileOfDay, isCounting, placedLine, type Range, type TrailLine } from '../audit/mark.ts'
import type { StoredDigest, Trail, Unsealed } from '../audit/trail.ts'
import { Conflict } from '../ports.ts'
import { lookUpInFiles } from './file-lookup.ts'

/** How far the trail is sealed: bytes of the last day files, and the last number of each writer, with its last file. */
interface Cursor {
  readonly files: Readonly<Record<string, number>>
  readonly writers: Readonly<Record<string, readonly [last: number, file: string]>>
}

const dayFile = /^audit-\d{4}-\d\d-\d\d\.jsonl$/
const digestFile = /^\d{9}\.json$/
const newline = 0x0a
/** Two writers' clocks may disagree about which day it is. */
const daysOpen = 2
const chunkBytes = 1 << 20

/**
 * The trail that the file sink wrote, and its digests beside it: `digests/000000001.json`, …, `head.json`,
 * `public-key.pem`. So the directory as it stands is an export that can be verified anywhere.
 */
export function fileTrail(directory: string): Trail {
  const digests = join(directory, 'digests')

  const read = async (name: string): Promise<StoredDigest> =>
    JSON.parse(await readFile(join(digests, name), 'utf8')) as StoredDigest

  return {
    lookUp: (lookup) => lookUpInFiles(directory, lookup),
    async prune(before) {
      const names = await namesIn(digests, digestFile)
      const gone: string[] = []
      let kept: StoredDigest | undefined
      // The newest stays: it says how far everything is sealed.
      for (const name of names.slice(0, -1)) {
        const digest = await read(name)
        if (!isPast(digest.digest, before)) {
          kept = digest
          break
        }
        gone.push(name)
      }
      kept ??= names.length > 0 ? await read(names.at(-1) ?? '') : undefined
      const needed = kept && filesOf(kept.digest).toSorted()[0]
      const files = (await namesIn(directory, dayFile)).filter(
        (file) => before !== undefined && file < fileOfDay(before) && needed !== undefined && file < needed,
      )
      return {
        ...(kept && { from: kept.number }),
        remove: async () => {
          for (const name of gone) await rm(join(digests, name), { force: true })
          for (const file of files) await rm(join(directory, file), { force: true })
        },
      }
    },
    async unsealed(cursor, limit) {
      const from: Cursor = cursor === undefined ? { files: {}, writers: {} } : (JSON.parse(cursor) as Cursor)
      const collected = new Collected(from)
      for (const file of await namesIn(directory, dayFile)) {
        const known = Object.keys(from.files)
        const sealed = from.files[file] ?? (known.some((each) => each > file) ? undefined : 0)
        if (sealed === undefined) continue
        await collected.read(directory, file, sealed, limit)
        if (collected.lines.length >= limit) break
      }
      return collected.result(limit)
    },
    async newestDigest() {
      const newest = (await namesIn(digests, digestFile)).at(-1)
      if (newest === undefined) return undefined
      return read(newest)
    },
    async findDigest(number) {
      const name = nameOf(number)
      return (await namesIn(digests, digestFile)).includes(name) ? read(name) : undefined
    },
    async addDigest(digest) {
      await mkdir(digests, { recursive: true, mode: 0o700 })
      const path = join(digests, nameOf(digest.number))
      await written(path, JSON.stringify(digest), async (draft) => {
        try {
          // Unlike renaming it, this fails where there is one.
          await link(draft, path)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new Conflict(undefined, { cause: error })
          throw error
        }
      })
    },
    async setHead(head, publicKey) {
      const pem = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
        .export({ format: 'pem', type: 'spki' })
        .toString()
      for (const [name, text] of [
        ['public-key.pem', pem],
        ['head.json', JSON.stringify(head)],
      ] as const) {
        const path = join(directory, name)
        await written(path, text, (draft) => rename(draft, path))
      }
    },
  }
}

const nameOf = (number: number): string => `${String(number).padStart(9, '0')}.json`

/** Writes a draft beside `path`, synced, and lets `publish` give it its name. */
async function written(path: string, text: string, publish: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}.new`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
    await handle.close()
    await publish(draft)
  } finally {
    await handle.close().catch(() => {})
    await rm(draft, { force: true })
  }
}

async function namesIn(directory: string, pattern: RegExp): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => pattern.test(name)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

class Collected {
  readonly lines: TrailLine[] = []
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
      let at = offset
      let rest = Buffer.alloc(0)
      for (;;) {
        const { bytesRead, buffer } = await handle.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at + rest.length)
        if (bytesRead === 0) return
        rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
        for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
          this.#take(placedLine(file, at, rest.toString('utf8', 0, end)))
          at += end + 1
          this.#files[file] = at
          rest = rest.subarray(end + 1)
          if (this.lines.length >= limit) return
        }
      }
    } finally {
      await handle.close()
    }
  }

  #take(line: TrailLine): void {
    this.lines.push(line)
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
      lines: this.lines,
      missing: this.#missing,
      cursor: JSON.stringify(cursor),
      more: this.lines.length >= limit,
    }
  }
}

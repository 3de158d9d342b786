import { createPublicKey, randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isCounting, placedLine, type Range, type TrailLine } from '../audit/mark.ts'
import type { StoredDigest, Trail, Unsealed } from '../audit/trail.ts'
import { Conflict } from '../ports.ts'
import { lookUpInFiles } from './file-lookup.ts'

/** How far the trail is sealed: bytes of the last day files, and the last number of each writer seen in them. */
interface Cursor {
  readonly files: Readonly<Record<string, number>>
  readonly writers: Readonly<Record<string, number>>
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

  return {
    lookUp: (lookup) => lookUpInFiles(directory, lookup),
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
      return JSON.parse(await readFile(join(digests, newest), 'utf8')) as StoredDigest
    },
    async addDigest(digest) {
      await mkdir(digests, { recursive: true, mode: 0o700 })
      const path = join(digests, `${String(digest.number).padStart(9, '0')}.json`)
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
  readonly #writers: Record<string, number>
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
    const last = this.#writers[writer] ?? 0
    if (sequence > last + 1) this.#missing[writer] = [...(this.#missing[writer] ?? []), [last + 1, sequence - 1]]
    this.#writers[writer] = Math.max(last, sequence)
  }

  result(limit: number): Unsealed {
    const files = Object.fromEntries(Object.entries(this.#files).sort().slice(-daysOpen))
    const cursor: Cursor = { files, writers: this.#writers }
    return {
      lines: this.lines,
      missing: this.#missing,
      cursor: JSON.stringify(cursor),
      more: this.lines.length >= limit,
    }
  }
}

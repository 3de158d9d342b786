import { type FileHandle, mkdir, open, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Trail } from '../audit/trail.ts'
import { utf8 } from '../bytes.ts'
import { GroupCommit } from '../group-commit.ts'
import type { AuditSink } from '../ports.ts'
import { fileTrail } from './file-trail.ts'
import { unwritten } from './unwritten.ts'

export interface FileSink extends AuditSink {
  readonly trail: Trail
  /** Rejects while the disk is all but full. */
  check(): Promise<void>
  /** Writes what is waiting, then refuses more. */
  close(): Promise<void>
}

interface Options {
  /** Made when it is missing, for its owner only. */
  readonly directory: string
  /** Milliseconds since the epoch; its UTC day names the file. */
  readonly now: () => number
  readonly open?: typeof open
}

const newline = 0x0a
/** Bounds the memory that one write takes; an audit record is a few kilobytes. */
const atMost = 4096
/** With less room than for that, the next write may fail. */
const leastRoomBytes = 1 << 20

/**
 * Audit records as lines of JSON in `audit-YYYY-MM-DD.jsonl`, only ever appended. A write resolves when its line has
 * been synced to the disk. A line that was cut short by a crash or a full disk stays as it is, on a line of its own.
 */
export function openFileSink(options: Options): FileSink {
  const file = new DailyFile(options)
  const group = new GroupCommit<string>({ atMost, lanes: 1 }, (lines) => file.append(utf8(lines.join(''))))
  return {
    trail: fileTrail(options.directory),
    write: async (record) => group.add(`${JSON.stringify(record)}\n`).catch(unwritten),
    check: () => demandRoom(options.directory),
    close: async () => {
      await group.close()
      await file.close()
    },
  }
}

async function demandRoom(directory: string): Promise<void> {
  try {
    const { bavail, bsize } = await statfs(directory)
    if (bavail * bsize < leastRoomBytes) throw new Error(`The disk of ${directory} is full.`)
  } catch (error) {
    // It is made with the first record.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

interface OpenFile {
  readonly path: string
  readonly handle: FileHandle
  /** The last line has no end. */
  torn: boolean
}

/** The file of the day. After a failure nothing is known of what it holds, so it is opened anew. */
class DailyFile {
  readonly #options: Options
  #current: OpenFile | undefined

  constructor(options: Options) {
    this.#options = options
  }

  async append(lines: Uint8Array): Promise<void> {
    const { directory, now } = this.#options
    const path = join(directory, `audit-${new Date(now()).toISOString().slice(0, 10)}.jsonl`)
    try {
      if (this.#current?.path !== path) {
        await this.close()
        this.#current = await this.#open(path)
      }
      const { handle, torn } = this.#current
      const bytes = torn ? Buffer.concat([Uint8Array.of(newline), lines]) : lines
      const { bytesWritten } = await handle.write(bytes)
      // Trying the rest would put other writers' lines into the middle of this one.
      if (bytesWritten < bytes.length) throw new Error(`Only ${bytesWritten} of ${bytes.length} bytes were written.`)
      await handle.datasync()
      this.#current.torn = false
    } catch (error) {
      // What failed is what the caller must hear of, not that the file cannot be closed either.
      await this.close().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    const current = this.#current
    this.#current = undefined
    await current?.handle.close()
  }

  async #open(path: string): Promise<OpenFile> {
    const { directory } = this.#options
    const firstMade = await mkdir(directory, { recursive: true, mode: 0o700 })
    const handle = await (this.#options.open ?? open)(path, 'a+', 0o600)
    try {
      const { size } = await handle.stat()
      const last = new Uint8Array(1)
      if (size > 0) await handle.read(last, 0, 1, size - 1)
      else await syncNames(directory, firstMade)
      return { path, handle, torn: size > 0 && last[0] !== newline }
    } catch (error) {
      await handle.close()
      throw error
    }
  }
}

/** A new file outlives a loss of power only when the directory that names it is on the disk too. */
async function syncNames(directory: string, firstMade: string | undefined): Promise<void> {
  const top = firstMade === undefined ? directory : dirname(firstMade)
  for (let at = directory; ; at = dirname(at)) {
    const handle = await open(at, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (at === top || at === dirname(at)) return
  }
}

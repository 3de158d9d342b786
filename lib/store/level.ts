import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GroupCommit } from '../group-commit.ts'
import type { Level, Write } from './dynalite.ts'

/** Bounds the memory that one batch takes. */
const atMost = 256
/** What LevelDB writes when it is opened, beside what is in its logs. */
const spareBytes = 1 << 20

/**
 * LevelDB, opened anew after a write that failed. The end of its log is then not known: a disk that was full has left
 * part of a record there. LevelDB appends to that all the same, and finds nothing of it when it next reads the log. So
 * nothing more is written to such a log, and nothing at once with what failed: batches go one after another.
 */
export class DurableLevel {
  readonly #level: Level
  readonly #directory: string
  readonly #batch: Level['batch']
  readonly #close: Level['close']
  readonly #group = new GroupCommit<readonly Write[]>({ atMost, lanes: 1 }, (groups) => this.#write(groups.flat()))
  readonly #underWay = new Set<Promise<unknown>>()
  /** With the end of its log in doubt, it can still be read. */
  #state: 'sound' | 'doubtful' | 'shut' = 'sound'
  #reopening: Promise<void> | undefined
  #ended = false

  /** @param level open, and in `directory` */
  constructor(level: Level, directory: string) {
    this.#level = level
    this.#directory = directory
    // dynalite's own are without the options, and for once.
    const { batch, close } = Object.getPrototypeOf(level) as Level
    this.#batch = batch
    this.#close = close
  }

  /**
   * Performs what reads the database, or what may change it, too.
   * @throws an Error named ServiceUnavailable while it cannot be opened anew
   */
  async use<T>(need: 'read' | 'write', perform: () => Promise<T>): Promise<T> {
    await this.#ready(need)
    const performing = perform()
    this.#underWay.add(performing)
    try {
      return await performing
    } finally {
      this.#underWay.delete(performing)
    }
  }

  /**
   * All or nothing, on the disk when it resolves.
   * @throws an Error named ServiceUnavailable when it is not known to be there
   */
  commit(writes: readonly Write[]): Promise<void> {
    return this.#group.add(writes)
  }

  /** Takes nothing more. */
  async close(): Promise<void> {
    this.#ended = true
    await Promise.allSettled([...this.#underWay, this.#reopening])
    await this.#close.call(this.#level)
  }

  async #write(writes: readonly Write[]): Promise<void> {
    try {
      if (this.#state !== 'sound') throw new Error('A write before this one failed.')
      await this.#batch.call(this.#level, writes, { sync: true })
    } catch (error) {
      if (this.#state === 'sound') this.#state = 'doubtful'
      throw unavailable('The store could not be written.', error)
    }
  }

  async #ready(need: 'read' | 'write'): Promise<void> {
    // Whoever asked for it hears why it failed.
    await this.#reopening?.catch(() => {})
    if (this.#ended) throw new Error('The store is closed.')
    if (this.#state === 'sound' || (this.#state === 'doubtful' && need === 'read')) return
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined
    })
    await this.#reopening
  }

  async #reopen(): Promise<void> {
    try {
      if (this.#state === 'doubtful') {
        // Once it is closed nothing can be read: while there is no room to open it, it stays as it is.
        await demandRoom(this.#directory)
        await Promise.allSettled(this.#underWay)
        this.#state = 'shut'
        await this.#close.call(this.#level)
      }
      await this.#level.open()
      this.#state = 'sound'
    } catch (error) {
      throw unavailable('The store cannot be opened anew after a write that failed.', error)
    }
  }
}

/** @throws Error when the disk has no room for what LevelDB writes when it is opened: all of its logs, as a table */
async function demandRoom(directory: string): Promise<void> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'))
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(directory, name))).size))
  const bytes = sizes.reduce((sum, size) => sum + size, spareBytes)
  const path = join(directory, 'room')
  try {
    const file = await open(path, 'w', 0o600)
    try {
      for (let at = 0; at < bytes; at += spareBytes) await file.writeFile(Buffer.alloc(spareBytes))
      await file.sync()
    } finally {
      await file.close()
    }
  } finally {
    await rm(path, { force: true })
  }
}

const unavailable = (message: string, cause: unknown) =>
  Object.assign(new Error(message, { cause }), { name: 'ServiceUnavailable' })

/**
 * The last use of each key, without a write for each use: uses are booked in memory, the last of each key is stored
 * when the interval is over, and what the store has never goes back. A process that closes in order loses none; one that
 * is killed loses what it was used for since its last interval ended, and a sandbox that is frozen between requests and
 * never woken, its last requests.
 */
import { type KeyUse, laterOf } from '../keys/usage.ts'
import type { LastUsage, Uses } from '../ports.ts'

export interface UsageBookOptions {
  /** How long a use may stay unstored. */
  readonly flushMs: number
  /** Milliseconds since any origin. */
  readonly now: () => number
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

/** Keys that may wait; with more, they are stored before the interval is over. */
const mostWaiting = 20_000
const writesAtOnce = 8

export class UsageBook implements LastUsage {
  readonly #uses: Uses
  readonly #options: UsageBookOptions
  #waiting = new Map<string, KeyUse>()
  #storing: ReadonlyMap<string, KeyUse> = new Map()
  #flushing: Promise<void> | undefined
  #since = 0
  #timer: NodeJS.Timeout | undefined

  constructor(uses: Uses, options: UsageBookOptions) {
    this.#uses = uses
    this.#options = options
  }

  book(use: KeyUse): void {
    const { flushMs, now } = this.#options
    if (this.#waiting.size === 0) this.#since = now()
    this.#keep(use)
    // A sandbox that was frozen has no timers, and a full book does not wait for one.
    const due = now() - this.#since >= flushMs || this.#waiting.size >= mostWaiting
    if (due) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), flushMs).unref()
  }

  async find(keyId: string): Promise<KeyUse | undefined> {
    const here = laterOf(this.#storing.get(keyId), this.#waiting.get(keyId))
    return laterOf(await this.#uses.find(keyId), here)
  }

  /** Stores what is booked. What could not be stored is booked again, and logged. */
  flush(): Promise<void> {
    this.#flushing ??= this.#store().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Stores everything, as far as the store takes it. */
  async close(): Promise<void> {
    await this.#flushing
    await this.flush()
    clearTimeout(this.#timer)
  }

  async #store(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const storing = this.#waiting
    this.#waiting = new Map()
    this.#storing = storing
    const uses = storing.values()
    const failures: unknown[] = []
    const lane = async (): Promise<void> => {
      for (const use of uses) {
        try {
          await this.#uses.keep(use)
        } catch (error) {
          failures.push(error)
          this.#keep(use)
          return
        }
      }
    }
    await Promise.all(Array.from({ length: writesAtOnce }, lane))
    // A store that is away costs each lane one deadline, not one for each key: the rest waits for the next interval.
    for (const use of uses) this.#keep(use)
    this.#storing = new Map()
    if (failures.length === 0) return
    const [first] = failures
    const cause = first instanceof Error ? first.message : String(first)
    this.#options.log({ level: 'error', error: 'LastUsageNotStored', keys: this.#waiting.size, cause })
    this.#since = this.#options.now()
    this.#timer ??= setTimeout(() => void this.flush(), this.#options.flushMs).unref()
  }

  #keep(use: KeyUse): void {
    this.#waiting.set(use.keyId, laterOf(this.#waiting.get(use.keyId), use) ?? use)
  }
}

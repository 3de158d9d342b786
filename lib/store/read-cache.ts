/** What was last read of one kind of record, for a while. */
import type { Read } from '../ports.ts'

export interface CacheBounds {
  /** How old an answer may be; 0 keeps none. */
  readonly ttlMs: number
  /** Of each kind of record, and as many again that were asked for and do not exist. */
  readonly capacity: number
  /** Milliseconds since any origin. */
  readonly now: () => number
}

interface Answer<T> {
  readonly value: T
  readonly askedAt: number
}

/** Answers that were given, least lately used first. */
class Answers<T> {
  readonly #byId = new Map<string, Answer<T>>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(id: string): Answer<T> | undefined {
    const answer = this.#byId.get(id)
    if (answer) {
      this.#byId.delete(id)
      this.#byId.set(id, answer)
    }
    return answer
  }

  set(id: string, answer: Answer<T>): void {
    this.#byId.delete(id)
    this.#byId.set(id, answer)
    if (this.#byId.size > this.#capacity) this.#byId.delete(this.#byId.keys().next().value ?? id)
  }

  delete(id: string): void {
    this.#byId.delete(id)
  }
}

/** Answers of one kind of record, and the reads under way. */
export class ReadCache<T> {
  readonly #bounds: CacheBounds
  readonly #found: Answers<T>
  /** Apart, so that asking for what does not exist, which needs no credentials, pushes out nothing that does. */
  readonly #absent: Answers<undefined>
  readonly #reading = new Map<string, Promise<T | undefined>>()

  constructor(bounds: CacheBounds) {
    this.#bounds = bounds
    this.#found = new Answers(bounds.capacity)
    this.#absent = new Answers(bounds.capacity)
  }

  async read(id: string, read: Read | undefined, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    if (!read?.fresh) {
      const answer = this.#found.get(id) ?? this.#absent.get(id)
      if (answer && this.#isYoung(answer)) return answer.value
      const underWay = this.#reading.get(id)
      if (underWay) return underWay
    }
    // A fresh read does not join one under way, which may have been answered before the caller asked.
    const askedAt = this.#bounds.now()
    const reading = ask()
    this.#reading.set(id, reading)
    try {
      const value = await reading
      if (this.#reading.get(id) === reading) this.#keep(id, value, askedAt)
      return value
    } finally {
      if (this.#reading.get(id) === reading) this.#reading.delete(id)
    }
  }

  /** After a write, whether or not it is known to be done: reads that began before it are no longer kept either. */
  forget(id: string): void {
    this.#found.delete(id)
    this.#absent.delete(id)
    this.#reading.delete(id)
  }

  #isYoung({ askedAt }: Answer<unknown>): boolean {
    const age = this.#bounds.now() - askedAt
    // A clock that was set back makes an answer of unknown age.
    return age >= 0 && age < this.#bounds.ttlMs
  }

  #keep(id: string, value: T | undefined, askedAt: number): void {
    this.#found.delete(id)
    this.#absent.delete(id)
    if (value === undefined) this.#absent.set(id, { value: undefined, askedAt })
    else this.#found.set(id, { value, askedAt })
  }
}

/** A write of one record, which is forgotten whether or not the write is known to be done. */
export async function changing<T>(cache: ReadCache<T>, id: string, write: Promise<void>): Promise<void> {
  try {
    await write
  } finally {
    cache.forget(id)
  }
}

interface Waiting<T> {
  readonly item: T
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Limits {
  /** How many items one commit takes. */
  readonly atMost: number
  /** How many commits may be under way at once. */
  readonly lanes: number
}

/**
 * What arrives while commits are under way goes into the next one together, so the cost of a commit is shared by as
 * many as wait for it, and one that comes alone never waits for others.
 */
export class GroupCommit<T> {
  readonly #commit: (items: readonly T[]) => Promise<void>
  readonly #limits: Limits
  readonly #underWay = new Set<Promise<void>>()
  #waiting: Waiting<T>[] = []
  #starting = false
  #closed = false

  constructor(limits: Limits, commit: (items: readonly T[]) => Promise<void>) {
    this.#limits = limits
    this.#commit = commit
  }

  /**
   * Resolves when the item is durable.
   * @throws what its commit threw: the item may be there then, or not
   */
  add(item: T): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('Closed: nothing more is taken.'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#startSoon()
    })
  }

  /** Takes no more items, and resolves when none is waiting. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#waiting.length > 0 || this.#underWay.size > 0) {
      await Promise.all(this.#underWay)
      this.#start()
    }
  }

  /** Not at once: those that were waiting for the commit before come again together, and would leave the first alone. */
  #startSoon(): void {
    if (this.#starting || this.#waiting.length === 0) return
    this.#starting = true
    setImmediate(() => {
      this.#starting = false
      this.#start()
    })
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#underWay.size < this.#limits.lanes) {
      const group = this.#waiting.slice(0, this.#limits.atMost)
      this.#waiting = this.#waiting.slice(this.#limits.atMost)
      const running = this.#run(group).then(() => {
        this.#underWay.delete(running)
        this.#startSoon()
      })
      this.#underWay.add(running)
    }
  }

  async #run(group: readonly Waiting<T>[]): Promise<void> {
    try {
      await this.#commit(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}

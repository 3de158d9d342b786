import type { Handle } from './pkcs11.ts'

/** A key that messages are being encrypted with. */
export interface Sending {
  /** The key, wrapped by its key material, as it travels in each ciphertext. */
  readonly wrapped: Uint8Array
  /** The header of its ciphertexts. */
  readonly header: Uint8Array
  readonly bornAt: number
  /** Messages so far: the next IV. */
  sent: number
}

export interface CacheCounters {
  /** Opened keys found, not found, and put out. */
  hits: number
  misses: number
  evictions: number
}

interface Held {
  readonly handle: Handle
  readonly sending?: Sending
}

/**
 * Unwrapped keys by name, the least recently used leaving first. Bounded because SoftHSM keeps 9 KB for each, and
 * opens sessions the slower the more there are (hsm.md §5).
 */
export class Handles {
  readonly #limit: number
  readonly #destroy: (handle: Handle) => void
  readonly #counters: CacheCounters
  readonly #held = new Map<string, Held>()

  /** @param limit 2 or more: a message key and its key material are in use together */
  constructor(limit: number, destroy: (handle: Handle) => void, counters: CacheCounters) {
    this.#limit = limit
    this.#destroy = destroy
    this.#counters = counters
  }

  find(name: string): Held | undefined {
    const held = this.#held.get(name)
    if (!held) {
      this.#counters.misses++
      return undefined
    }
    this.#counters.hits++
    this.#held.delete(name)
    this.#held.set(name, held)
    return held
  }

  /** The handle of this name, made when it is not held. */
  findOrPut(name: string, make: () => Handle): Handle {
    const held = this.find(name)
    if (held) return held.handle
    const handle = make()
    this.put(name, { handle })
    return handle
  }

  /** Takes the handle over: it is destroyed when it leaves, or when another takes its name. */
  put(name: string, held: Held): void {
    const [oldest] = this.#held.keys()
    const leaving = this.#held.has(name) ? name : this.#held.size < this.#limit ? undefined : oldest
    const left = leaving === undefined ? undefined : this.#held.get(leaving)
    if (leaving !== undefined) this.#held.delete(leaving)
    this.#held.set(name, held)
    if (!left) return
    this.#counters.evictions++
    this.#destroy(left.handle)
  }
}

/** Chance that can be replayed: the same seed, the same choices. */
export interface Random {
  /** 0 ≤ n < below */
  below(below: number): number
  /** True once in so many times. */
  once(inTimes: number): boolean
  pick<T>(from: readonly T[]): T
  bytes(length: number): Uint8Array
}

/** Mulberry32: 32 bits of state, enough to spread cases. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (bound: number): number => next() % bound
  return {
    below,
    once: (inTimes) => below(inTimes) === 0,
    pick: <T>(from: readonly T[]) => from[below(from.length)] as T,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  }
}

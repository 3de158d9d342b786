import { embeddedNumbers } from './metrics.ts'

type Counts = Readonly<Record<string, number>>

/**
 * Counters as lines of the embedded metric format: what each has grown by, at most once in so long, and only what has
 * grown. A Lambda that is frozen in between tells with its next request.
 */
export function increments(everyMs: number, namespace: string) {
  const last = new Map<string, Counts>()
  let toldAt = Number.NEGATIVE_INFINITY
  return (parts: Readonly<Record<string, Counts>>, now: number): readonly object[] => {
    if (now - toldAt < everyMs) return []
    toldAt = now
    return Object.entries(parts).flatMap(([Part, counts]) => {
      const before = last.get(Part) ?? {}
      last.set(Part, { ...counts })
      const grown = Object.entries(counts)
        .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
        .filter(([, by]) => by > 0)
      return grown.length > 0 ? [embeddedNumbers({ Part }, Object.fromEntries(grown), now, namespace)] : []
    })
  }
}

import { type Range, rangesOf } from '../audit/mark.ts'
import type { AuditSink } from '../ports.ts'

interface Numbering {
  /** Makes a UUID. */
  readonly uuid: () => string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** How many gaps one record tells of: it is to stay a record. */
const rangesAtOnce = 50
const dayMs = 86_400_000

/**
 * A sink whose records say where they stand in the trail. The number of a record that could not be written is told by
 * those that follow until one of them is durable, so that a gap has its reason on record. Each day has a writer of its
 * own: whoever seals can forget those of days long gone.
 */
export function stamped(sink: AuditSink, { uuid, now }: Numbering): AuditSink {
  let writer = uuid()
  let day = Math.floor(now() / dayMs)
  let last = 0
  const untold = new Set<number>()

  const next = () => {
    const today = Math.floor(now() / dayMs)
    if (today !== day && untold.size === 0) {
      writer = uuid()
      day = today
      last = 0
    }
    last++
    return { writer, sequence: last }
  }
  const toldNow = (): readonly Range[] =>
    untold.size === 0 ? [] : rangesOf([...untold].sort((a, b) => a - b)).slice(0, rangesAtOnce)

  return {
    async write(record) {
      const place = next()
      const unwritten = toldNow()
      const trail = { ...place, ...(unwritten.length > 0 && { unwritten }) }
      try {
        await sink.write({ ...record, trail })
      } catch (error) {
        if (place.writer === writer) untold.add(place.sequence)
        throw error
      }
      if (place.writer !== writer) return
      for (const [from, to] of unwritten) for (let number = from; number <= to; number++) untold.delete(number)
    },
  }
}

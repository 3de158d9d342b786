import { type Range, rangesOf } from '../audit/mark.ts'
import type { AuditSink } from '../ports.ts'

/** How many gaps one record tells of: it is to stay a record. */
const rangesAtOnce = 50

/**
 * A sink whose records say where they stand in the trail. The number of a record that could not be written is told by
 * those that follow until one of them is durable, so that a gap has its reason on record.
 * @param writer UUID of this process
 */
export function stamped(sink: AuditSink, writer: string): AuditSink {
  let last = 0
  const untold = new Set<number>()

  return {
    async write(record) {
      const sequence = ++last
      const unwritten = toldNow()
      const trail = { writer, sequence, ...(unwritten.length > 0 && { unwritten }) }
      try {
        await sink.write({ ...record, trail })
      } catch (error) {
        untold.add(sequence)
        throw error
      }
      for (const [from, to] of unwritten) for (let number = from; number <= to; number++) untold.delete(number)
    },
  }

  function toldNow(): readonly Range[] {
    if (untold.size === 0) return []
    return rangesOf([...untold].sort((a, b) => a - b)).slice(0, rangesAtOnce)
  }
}

import type { AuditSink } from '../ports.ts'

export interface BestEffortSink extends AuditSink {
  /** How many records this process could not write. */
  lost(): number
}

/** A sink that never fails: a record that cannot be written is logged by its id, and counted. */
export function bestEffort(sink: AuditSink, log: (entry: Readonly<Record<string, unknown>>) => void): BestEffortSink {
  let lost = 0
  return {
    lost: () => lost,
    async write(record) {
      try {
        await sink.write(record)
      } catch (error) {
        lost++
        const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : undefined
        const { eventID, eventName, requestID } = record
        const about = { eventID, eventName, requestID, lost, error: String(error), cause }
        log({ level: 'error', message: 'audit record lost', ...about })
      }
    },
  }
}

/** What others count, in Prometheus' words. */
import type { Reading } from './metrics.ts'

interface HsmCounts {
  readonly operations: number
  readonly failures: number
  readonly reopenings: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

interface StoreCounts {
  readonly reads: number
  readonly writes: number
  readonly failures: number
}

/** The last run of a scheduled function. */
interface Work {
  readonly name: string
  readonly done: number
  readonly failed: number
  readonly lateMs: number
}

interface Losses {
  readonly records: number
  readonly events: number
}

const counter = (name: string, help: string, value: number): Reading => ({ name, help, type: 'counter', value })

export const hsmReadings = (counters: HsmCounts): readonly Reading[] => [
  counter('keystead_hsm_operations_total', 'What was asked of the HSM.', counters.operations),
  counter('keystead_hsm_failures_total', 'What the HSM could not do.', counters.failures),
  counter('keystead_hsm_reopenings_total', 'Logins given up as lost and begun anew.', counters.reopenings),
  counter('keystead_hsm_handle_hits_total', 'Opened keys found.', counters.hits),
  counter('keystead_hsm_handle_misses_total', 'Keys that had to be opened.', counters.misses),
  counter('keystead_hsm_handle_evictions_total', 'Opened keys put out.', counters.evictions),
]

export const storeReadings = (counters: StoreCounts): readonly Reading[] => [
  counter('keystead_store_reads_total', 'Reads of the store, queries among them.', counters.reads),
  counter('keystead_store_writes_total', 'Writes to the store.', counters.writes),
  counter(
    'keystead_store_throttles_total',
    'Calls that the store refused or did not answer in time.',
    counters.failures,
  ),
]

export const workReadings = ({ name, done, failed, lateMs }: Work): readonly Reading[] => {
  const labels = { task: name }
  const gauge = (what: string, help: string, value: number): Reading => ({
    name: `keystead_due_${what}`,
    help,
    type: 'gauge',
    labels,
    value,
  })
  return [
    gauge('done', 'What the last run of a scheduled function did.', done),
    gauge('failed', 'What the last run could not do: it stays due.', failed),
    gauge('late_seconds', 'How long the work was due that had waited longest.', lateMs / 1000),
  ]
}

export const lossReadings = ({ records, events }: Losses): readonly Reading[] => [
  counter('keystead_audit_lost_total', 'Records that best-effort auditing could not write.', records),
  counter('keystead_events_lost_total', 'Events that could not be put on the bus.', events),
]

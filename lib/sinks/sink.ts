import type { Trail } from '../audit/trail.ts'
import type { AuditSink } from '../ports.ts'

type Log = (entry: Readonly<Record<string, unknown>>) => void

export interface SinkOptions {
  readonly kind: 'file' | 'dynamodb'
  /** Of the file sink. */
  readonly directory: string
  readonly region: string
  readonly table: string
  /** A DynamoDB-compatible server, instead of the one of the Region. */
  readonly endpoint?: string | undefined
  /** How many days records are kept; 0 is for ever. */
  readonly keepDays: number
  /** Whether a request whose record cannot be written is refused. */
  readonly strict: boolean
  /** The EventBridge bus that is told of what happens to keys. */
  readonly bus?: string | undefined
  readonly uuid: () => string
  readonly now: () => number
  readonly log: Log
}

export interface OpenSink extends AuditSink {
  readonly trail: Trail
  /** Records, and events, that this process could not write. */
  lost(): { readonly records: number; readonly events: number }
  /**
   * Rejects while the disk of the trail is all but full, where that keeps requests from being answered. A table is not
   * asked: who writes to it may not read it.
   */
  check(): Promise<void>
  close(): Promise<void>
}

/** What audit records go through, from the procedure on: best effort, numbering, the trail; then the bus. */
export async function openSink(options: SinkOptions): Promise<OpenSink> {
  const { strict, bus, uuid, now, log } = options
  const base = await openTrail(options)
  const { stamped } = await import('./stamped.ts')
  const numbered = stamped(base, { uuid, now })
  const { bestEffort } = await import('./best-effort.ts')
  const trying = strict ? undefined : bestEffort(numbered, log)
  const onRecord = trying ?? numbered
  const emitter =
    bus === undefined
      ? undefined
      : (await import('./eventbridge.ts')).emitting(onRecord, { region: options.region, bus, log })
  return {
    trail: base.trail,
    write: (record) => (emitter ?? onRecord).write(record),
    lost: () => ({ records: trying?.lost() ?? 0, events: emitter?.lost() ?? 0 }),
    check: async () => {
      if (strict) await base.check?.()
    },
    async close() {
      await base.close()
      await emitter?.close()
    },
  }
}

interface TrailSink extends AuditSink {
  readonly trail: Trail
  readonly check?: () => Promise<void>
  close(): Promise<void>
}

async function openTrail(options: SinkOptions): Promise<TrailSink> {
  const { kind, directory, region, table, endpoint, keepDays, now } = options
  if (kind === 'file') return (await import('./file.ts')).openFileSink({ directory, now })
  const { openDynamoSink } = await import('./dynamodb.ts')
  return openDynamoSink({
    region,
    table,
    now,
    // The table forgets a day later than the digests do.
    ...(keepDays > 0 && { keepForDays: keepDays + 1 }),
    ...(endpoint !== undefined && { endpoint }),
  })
}

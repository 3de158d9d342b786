import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { type KeyEvent, keyEventOf } from '../audit/events.ts'
import { GroupCommit } from '../group-commit.ts'
import type { AuditSink } from '../ports.ts'

/** EventBridge's own limit. */
const atMost = 10

interface Options {
  readonly region: string
  readonly bus: string
  readonly endpoint?: string
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

export interface EventBus extends AuditSink {
  /** How many events this process could not put on the bus. */
  lost(): number
  close(): Promise<void>
}

/**
 * A sink that also puts what happens to keys on a bus, once it is on record. The trail is the truth, and an event only a
 * sign: one that cannot be put is logged and counted, and the request answered all the same.
 */
export function emitting(sink: AuditSink, { region, bus, endpoint, log }: Options): EventBus {
  const client = new EventBridgeClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, throwOnRequestTimeout: true },
  })
  let lost = 0
  const group = new GroupCommit<KeyEvent>({ atMost, lanes: 4 }, async (events) => {
    const Entries = events.map((event) => ({
      EventBusName: bus,
      Source: event.source,
      DetailType: event.detailType,
      Time: new Date(event.time),
      Resources: [...event.resources],
      Detail: JSON.stringify(event.detail),
    }))
    const { FailedEntryCount = 0 } = await client.send(new PutEventsCommand({ Entries }))
    if (FailedEntryCount > 0) throw new Error(`${FailedEntryCount} of ${events.length} events were refused`)
  })
  return {
    lost: () => lost,
    async write(record) {
      await sink.write(record)
      const event = keyEventOf(record)
      if (!event) return
      try {
        // A Lambda is frozen when it has answered: what is to be sent is sent before.
        await group.add(event)
      } catch (error) {
        lost++
        log({ level: 'error', message: 'event lost', eventID: record.eventID, lost, error: String(error) })
      }
    },
    async close() {
      await group.close()
      client.destroy()
    },
  }
}

/** A bus that a test can look into: events in the order they arrived, each as its subscriber gets it. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge'
import type { Ground } from './setup.ts'
import { sqsAt } from './sqs.ts'

export interface BusEvent {
  readonly source: string
  readonly 'detail-type': string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

export interface Bus {
  readonly name: string
  readonly endpoint: string
  received(): Promise<readonly BusEvent[]>
  close(): Promise<void>
}

const local = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

export const openBus = ({ endpoint }: Ground): Promise<Bus> =>
  endpoint === undefined ? standInBus() : queuedBus(endpoint)

/** EventBridge itself, with a queue that a rule sends every event of ours to. */
async function queuedBus(endpoint: string): Promise<Bus> {
  const client = new EventBridgeClient({ ...local, endpoint })
  const sqs = sqsAt(endpoint, local)
  const name = `keystead-${randomUUID().slice(0, 8)}`
  const queue = await sqs.createQueue(name)
  await client.send(new CreateEventBusCommand({ Name: name }))
  const rule = { Name: name, EventBusName: name }
  await client.send(new PutRuleCommand({ ...rule, EventPattern: '{"source":["keystead"]}' }))
  await client.send(
    new PutTargetsCommand({ Rule: name, EventBusName: name, Targets: [{ Id: 'queue', Arn: queue.arn }] }),
  )
  const events: BusEvent[] = []
  return {
    name,
    endpoint,
    async received() {
      events.push(...(await sqs.drain(queue.url)).map((body) => JSON.parse(body) as BusEvent))
      return events
    },
    async close() {
      client.destroy()
    },
  }
}

interface PutEvents {
  readonly Entries: readonly {
    readonly EventBusName: string
    readonly Source: string
    readonly DetailType: string
    readonly Resources: readonly string[]
    readonly Detail: string
  }[]
}

/** What PutEvents is answered on loopback, where there is no EventBridge. */
async function standInBus(): Promise<Bus> {
  const name = 'keystead'
  const events: BusEvent[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { Entries } = JSON.parse(Buffer.concat(chunks).toString()) as PutEvents
    const entries = Entries.filter(({ EventBusName }) => EventBusName === name)
    for (const { Source, DetailType, Resources, Detail } of entries) {
      events.push({ source: Source, 'detail-type': DetailType, resources: Resources, detail: JSON.parse(Detail) })
    }
    response.setHeader('Content-Type', 'application/x-amz-json-1.1')
    response.end(JSON.stringify({ FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: randomUUID() })) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    name,
    endpoint: `http://127.0.0.1:${port}`,
    received: async () => events,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

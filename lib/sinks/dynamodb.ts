import { setTimeout as pause } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  BatchWriteCommand,
  type BatchWriteCommandInput,
  DynamoDBDocumentClient,
  PutCommand,
} from '@aws-sdk/lib-dynamodb'
import { parseArn } from '../arn.ts'
import { usernameOf } from '../audit/lookup.ts'
import type { AuditRecord } from '../audit/record.ts'
import type { Trail } from '../audit/trail.ts'
import { GroupCommit } from '../group-commit.ts'
import type { AuditSink } from '../ports.ts'
import { dynamoTrail } from './dynamodb-trail.ts'
import { byName, byUser, hourPartition, sequenceKey, writerItem, writerPartition } from './places.ts'
import { unwritten } from './unwritten.ts'

export interface DynamoSink extends AuditSink {
  readonly trail: Trail
  /** Writes what is waiting, then refuses more. */
  close(): Promise<void>
}

interface Options {
  readonly region: string
  readonly table: string
  /** A DynamoDB-compatible server, instead of the one of the Region. */
  readonly endpoint?: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** After how many days the table may forget a record; for ever unless given. */
  readonly keepForDays?: number
  /** Resolves when what the table left unprocessed should be sent again. @param tries 1 after the first sending */
  readonly backOff?: (tries: number) => Promise<void>
}

type Writes = NonNullable<BatchWriteCommandInput['RequestItems']>

/** DynamoDB's own limit. */
const atMost = 25
const lanes = 8
const maxTries = 6
const deadlineMs = 5000

const backOffAtRandom = async (tries: number): Promise<void> => pause(Math.random() * 25 * 2 ** tries)

/** Audit records in a table, found by hour, by key and by principal. */
export function openDynamoSink(options: Options): DynamoSink {
  const { region, table, endpoint, now, keepForDays, backOff = backOffAtRandom } = options
  const client = new DynamoDBClient({
    region,
    ...(endpoint !== undefined && { endpoint }),
    maxAttempts: 3,
    // The socket's own bounds an answer that stops in the middle.
    requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, socketTimeout: 2000, throwOnRequestTimeout: true },
  })
  const documents = DynamoDBDocumentClient.from(client)

  const group = new GroupCommit<AuditItem>({ atMost, lanes }, async (items) => {
    const within = { abortSignal: AbortSignal.timeout(deadlineMs) }
    let left: Writes = { [table]: items.map((Item) => ({ PutRequest: { Item } })) }
    for (let tries = 1; ; tries++) {
      const { UnprocessedItems } = await documents.send(new BatchWriteCommand({ RequestItems: left }), within)
      // A table says what it has left even when that is nothing: what says nothing is none, and has written nothing.
      if (UnprocessedItems === undefined) throw new Error('What answered is not the table.')
      if (Object.keys(UnprocessedItems).length === 0) return
      if (tries === maxTries) throw new Error(`The table left items unprocessed ${tries} times.`)
      left = UnprocessedItems
      await backOff(tries)
    }
  })
  // A writer is known before its records are, or nobody would look for them.
  let known: { readonly day: string; readonly done: Promise<unknown> } | undefined
  const announced = (writer: string): Promise<unknown> => {
    const Item = writerItem(writer, now())
    if (known?.day !== Item.PK) {
      const within = { abortSignal: AbortSignal.timeout(deadlineMs) }
      const done = documents.send(new PutCommand({ TableName: table, Item }), within)
      known = { day: Item.PK, done }
      done.catch(() => {
        known = undefined
      })
    }
    return known.done
  }

  return {
    trail: dynamoTrail(client, table),
    write: async (record) => {
      if (record.trail) await announced(record.trail.writer).catch(unwritten)
      await Promise.all(itemsOf(record, keepForDays).map((item) => group.add(item))).catch(unwritten)
    },
    close: async () => {
      await group.close()
      client.destroy()
    },
  }
}

type AuditIndex = 'GSI1' | 'GSI2' | 'GSI3' | 'GSI4'
type AuditIndexKeys = { readonly [K in `${AuditIndex}${'PK' | 'SK'}`]?: string }

export interface AuditItem extends AuditIndexKeys {
  readonly PK: string
  readonly SK: string
  /** Seconds since the epoch. */
  readonly TTL?: number
  /** The record's JSON, byte for byte as it was made. */
  readonly record: string
}

/**
 * A record as items: one in the partition of its writer, by its number; found by key (GSI1), by user (GSI2), by
 * hour, in one of 16 shards as an hour's records would be too many for one (GSI3), and by event name (GSI4); then, as an
 * index gives an item one place only, one for each further key (ReEncrypt has two), in no writer's partition.
 */
export function itemsOf(record: AuditRecord, keepForDays?: number): readonly AuditItem[] {
  const { eventID, eventName, eventTime, trail, resources = [] } = record
  const time = new Date(eventTime)
  const at = `${time.toISOString()}#${eventID}`
  // The first digit of a random UUID is as good a die as any.
  const shard = Number.parseInt(eventID.slice(0, 1), 16) & 15
  const rest = {
    ...(keepForDays !== undefined && { TTL: Math.floor(time.getTime() / 1000) + keepForDays * 86_400 }),
    record: JSON.stringify(record),
  }
  const byKey = (arn: string) => ({ GSI1PK: arn, GSI1SK: at })
  const username = usernameOf(record)
  const user = username !== undefined && { GSI2PK: byUser(username), GSI2SK: at }
  const [first, ...others] = new Set(resources.map(({ ARN }) => ARN).filter(isKey))
  const place = trail
    ? { PK: writerPartition(trail.writer), SK: sequenceKey(trail.sequence) }
    : { PK: `EVENT#${eventID}#0`, SK: at }
  return [
    {
      ...place,
      ...(first !== undefined && byKey(first)),
      ...user,
      GSI3PK: hourPartition(eventTime, shard),
      GSI3SK: at,
      GSI4PK: byName(eventName),
      GSI4SK: at,
      ...rest,
    },
    ...others.map((arn, index) => ({ PK: `EVENT#${eventID}#${index + 1}`, SK: at, ...byKey(arn), ...rest })),
  ]
}

const isKey = (arn: string): boolean => parseArn(arn)?.resource.startsWith('key/') === true

import {
  BatchGetCommand,
  type BatchGetCommandInput,
  type DynamoDBDocumentClient,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb'
import { type FoundRecord, isAskedFor, isFull, type Lookup, type LookupPage } from '../audit/lookup.ts'
import { readLine } from '../audit/mark.ts'
import { DependencyTimeoutException, InvalidNextTokenException, KmsError } from '../errors.ts'
import { byName, byUser, hourPartition, shards } from './places.ts'

interface Partition {
  readonly index: string
  readonly name: string
}
type Item = Readonly<Record<string, unknown>>

const hourMs = 3_600_000
/** Items that one call looks at, at most: it then answers what it found, and where to go on. */
const budget = 5000
/** Hours that one call looks through, at most, each in all its shards: a trail may be silent for months. */
const mostHours = 48
const pageSize = 100
/** BatchGetItem's own limit. */
const atOnce = 100
const maxTries = 5

type Asked = NonNullable<BatchGetCommandInput['RequestItems']>

const placeOf = ({ PK, SK }: Item): string => JSON.stringify([PK, SK])

const late = (cause?: unknown) => new DependencyTimeoutException('The audit table did not answer in time.', { cause })

/** What does not even say that there is nothing. */
const noAnswer = (): never => {
  throw new Error('What answered is not the table.')
}

/**
 * Records of the audit table, newest first: by key, user or event name through their index, everything else by the hour.
 * @throws InvalidNextTokenException; DependencyTimeoutException when the table cannot be read
 */
export async function lookUpInTable(
  documents: DynamoDBDocumentClient,
  table: string,
  lookup: Lookup,
): Promise<LookupPage> {
  try {
    return await lookUp(documents, table, lookup)
  } catch (error) {
    throw error instanceof KmsError ? error : late(error)
  }
}

async function lookUp(documents: DynamoDBDocumentClient, table: string, lookup: Lookup): Promise<LookupPage> {
  const from = new Date(lookup.from).toISOString()
  // Sorted by time and then by id: what follows a time is later than the time itself.
  const newest = before(lookup.token) ?? `${new Date(lookup.to).toISOString()}#~`
  const found: FoundRecord[] = []
  let left = budget

  async function* newestFirst({ index, name }: Partition, before: string): AsyncGenerator<Item> {
    let start: Record<string, unknown> | undefined
    do {
      const answer = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: index,
          ScanIndexForward: false,
          Limit: pageSize,
          KeyConditionExpression: '#partition = :partition AND #sort BETWEEN :from AND :before',
          ExpressionAttributeNames: { '#partition': `${index}PK`, '#sort': `${index}SK` },
          ExpressionAttributeValues: { ':partition': name, ':from': from, ':before': before },
          ...(start && { ExclusiveStartKey: start }),
        }),
      )
      yield* await withRecords(answer.Items ?? noAnswer())
      start = answer.LastEvaluatedKey
    } while (start)
  }

  /** The indexes hold keys alone: a copy of each record in each of them would cost more than the trail itself. */
  async function withRecords(found: readonly Item[]): Promise<readonly Item[]> {
    const records = new Map<string, unknown>()
    for (let at = 0; at < found.length; at += atOnce) {
      let asked: Asked = { [table]: { Keys: found.slice(at, at + atOnce).map(({ PK, SK }) => ({ PK, SK })) } }
      for (let tries = 1; Object.keys(asked).length > 0; tries++) {
        if (tries > maxTries) throw late()
        const { Responses, UnprocessedKeys = {} } = await documents.send(new BatchGetCommand({ RequestItems: asked }))
        for (const { PK, SK, record } of (Responses ?? noAnswer())[table] ?? [])
          records.set(placeOf({ PK, SK }), record)
        asked = UnprocessedKeys
      }
    }
    return found.map((item) => ({ ...item, record: records.get(placeOf(item)) }))
  }

  const single = partitionOf(lookup)
  const groups = single ? [[single]] : hoursBetween(newest, lookup.from)
  let hours = 0
  for (const group of groups) {
    const sorts = new Map(group.map((partition) => [partition, `${partition.index}SK`]))
    for await (const { item, partition } of merged(group, (each) => newestFirst(each, newest), sorts)) {
      const sort = String(item[sorts.get(partition) ?? ''])
      // The token's own was the last of the page before.
      if (lookup.token !== undefined && sort === newest) continue
      left--
      const text = String(item.record)
      const record = readLine(text)?.record
      if (record && isAskedFor(record, lookup)) found.push({ record, text })
      if (isFull(found, lookup) || left <= 0) return { found, token: tokenOf(sort) }
    }
    hours++
    const earlier = hourOf(newest) - hours * hourMs
    if (hours === mostHours && earlier + hourMs > lookup.from) return { found, token: endOf(earlier) }
  }
  return { found }
}

function partitionOf({ attribute }: Lookup): Partition | undefined {
  if (attribute?.key === 'ResourceName' && attribute.value.startsWith('arn:')) {
    return { index: 'GSI1', name: attribute.value }
  }
  if (attribute?.key === 'Username') return { index: 'GSI2', name: byUser(attribute.value) }
  if (attribute?.key === 'EventName') return { index: 'GSI4', name: byName(attribute.value) }
  return undefined
}

/** The shards of each hour, the latest hour first. */
function* hoursBetween(newest: string, from: number): Generator<readonly Partition[]> {
  const last = Math.floor(from / hourMs) * hourMs
  for (let hour = hourOf(newest); hour >= last; hour -= hourMs) {
    yield shards.map((shard) => ({ index: 'GSI3', name: hourPartition(new Date(hour).toISOString(), shard) }))
  }
}

/** Several lists, each newest first, as one. */
async function* merged(
  partitions: readonly Partition[],
  list: (partition: Partition) => AsyncGenerator<Item>,
  sorts: ReadonlyMap<Partition, string>,
) {
  const lists = partitions.map((partition) => ({ partition, items: list(partition) }))
  const heads = await Promise.all(
    lists.map(async ({ partition, items }) => ({ partition, items, head: await items.next() })),
  )
  for (;;) {
    const sortOf = (each: (typeof heads)[number]): string =>
      each.head.done ? '' : String(each.head.value[sorts.get(each.partition) ?? ''])
    const next = heads.reduce((best, each) => (sortOf(each) > sortOf(best) ? each : best))
    if (next.head.done) return
    yield { item: next.head.value, partition: next.partition }
    next.head = await next.items.next()
  }
}

/** The hour of a sort value, in milliseconds since the epoch. */
const hourOf = (sort: string): number => Math.floor(Date.parse(sort.slice(0, 24)) / hourMs) * hourMs

/** The token of a place after all that an hour holds. */
const endOf = (hour: number): string =>
  tokenOf(`${new Date(hour + hourMs - 1).toISOString()}#ffffffff-ffff-ffff-ffff-ffffffffffff`)

const tokenOf = (sort: string): string => Buffer.from(sort).toString('base64url')

function before(token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  const sort = Buffer.from(token, 'base64url').toString()
  if (/^\d{4}-\d\d-\d\dT[\d:.]{12}Z#[0-9a-f-]{36}$/.test(sort)) return sort
  throw new InvalidNextTokenException('The token is not one that this service has made.')
}

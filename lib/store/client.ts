/**
 * The few things the store does with its table: strongly consistent reads, conditional writes of one item, and ranges
 * of an index. Every failure leaves here as Conflict or a KmsError.
 */
import { randomUUID } from 'node:crypto'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { DependencyTimeoutException, KMSInternalException } from '../errors.ts'
import { Conflict, type Page, type PageRequest } from '../ports.ts'
import { demandAnswers } from './answers.ts'
import type { Item, ItemKey } from './items.ts'
import type { IndexName } from './table.ts'

/**
 * Items of one partition of an index, or of the table, whose sort value begins with `prefix`; callers page by what
 * follows it.
 */
export interface Range {
  readonly index?: IndexName
  readonly partition: string
  readonly prefix: string
}

export interface Table {
  get(at: ItemKey): Promise<Item | undefined>
  /** @throws Conflict when there is an item already */
  create(item: Item): Promise<void>
  /** @throws Conflict when the stored revision is not `revision` */
  replace(item: Item, revision: number): Promise<void>
  /** Writes an item, unless there is one already that is as late as it is, or later. */
  advance(item: Item & { readonly at: number }): Promise<void>
  /** Writes an item over what may be there. */
  put(item: Item): Promise<void>
  /** Removes an item that was created then; one created at another time stays. */
  erase(at: ItemKey, createdAt: number): Promise<void>
  /** @throws Conflict when the stored revision is not `revision` */
  remove(at: ItemKey, revision: number): Promise<void>
  query(range: Range, page: PageRequest): Promise<Page<Item>>
}

/** Items asked for in one query. */
const mostAtOnce = 1001

/** What DynamoDB takes as a partition key. */
const longestKeyBytes = 2048

/** @param deadlineMs for one call, its retries included */
export function openTable(client: DynamoDBClient, name: string, deadlineMs = 5000): Table {
  demandAnswers(client)
  const documents = DynamoDBDocumentClient.from(client)
  const within = () => ({ abortSignal: AbortSignal.timeout(deadlineMs) })

  const get = (at: ItemKey): Promise<Item | undefined> =>
    answered(async () => {
      if (Buffer.byteLength(at.PK) > longestKeyBytes) return undefined
      const command = new GetCommand({ TableName: name, Key: at, ConsistentRead: true })
      const { Item } = await documents.send(command, within())
      return Item as Item | undefined
    })

  const put = (item: Item, condition: object, settle: (found: Item | undefined, write: string) => Outcome) => {
    const write = randomUUID()
    const command = new PutCommand({ TableName: name, Item: { ...item, write }, ...condition })
    const at = { PK: item.PK, SK: item.SK }
    return commit(
      () => documents.send(command, within()),
      async () => settle(await get(at), write),
    )
  }

  return {
    get,
    create: (item) =>
      put(item, { ConditionExpression: 'attribute_not_exists(PK)' }, (found, write) => {
        if (found?.write === write) return 'committed'
        return found && found.revision === item.revision ? 'conflict' : 'unknown'
      }),
    replace: (item, revision) =>
      put(item, atRevision(revision), (found, write) => {
        if (found?.write === write) return 'committed'
        // At the next revision another write stands in this one's place; beyond it, this one may be part of the past.
        return found?.revision === revision + 1 ? 'conflict' : 'unknown'
      }),
    async advance(item) {
      const later = {
        ConditionExpression: 'attribute_not_exists(PK) OR #at < :at',
        ExpressionAttributeNames: { '#at': 'at' },
        ExpressionAttributeValues: { ':at': item.at },
      }
      try {
        await documents.send(new PutCommand({ TableName: name, Item: item, ...later }), within())
      } catch (error) {
        if (partsOf(error).name !== 'ConditionalCheckFailedException') throw refusal(error)
      }
    },
    put: (item) =>
      answered(async () => void (await documents.send(new PutCommand({ TableName: name, Item: item }), within()))),
    async erase(at, createdAt) {
      const unchanged = {
        ConditionExpression: '#createdAt = :createdAt',
        ExpressionAttributeNames: { '#createdAt': 'createdAt' },
        ExpressionAttributeValues: { ':createdAt': createdAt },
      }
      try {
        await documents.send(new DeleteCommand({ TableName: name, Key: at, ...unchanged }), within())
      } catch (error) {
        if (partsOf(error).name !== 'ConditionalCheckFailedException') throw refusal(error)
      }
    },
    remove: (at, revision) => {
      const command = new DeleteCommand({ TableName: name, Key: at, ...atRevision(revision) })
      return commit(
        () => documents.send(command, within()),
        async () => ((await get(at)) ? 'unknown' : 'committed'),
      )
    },
    query: (range, page) =>
      answered(async () => {
        const from = `${range.prefix}${page.after ?? ''}\0`
        const to = `${range.prefix}\u{10ffff}`
        const items: Item[] = []
        // A sort value that the caller made up may lie beyond the range, which the table would refuse.
        let more = Buffer.compare(Buffer.from(from), Buffer.from(to)) <= 0
        let start: Record<string, unknown> | undefined
        while (more && items.length <= page.limit) {
          const answer = await documents.send(
            new QueryCommand({
              TableName: name,
              // An index cannot be read consistently.
              ...(range.index === undefined ? { ConsistentRead: true } : { IndexName: range.index }),
              KeyConditionExpression: '#partition = :partition AND #sort BETWEEN :from AND :to',
              ExpressionAttributeNames: { '#partition': `${range.index ?? ''}PK`, '#sort': `${range.index ?? ''}SK` },
              ExpressionAttributeValues: { ':partition': range.partition, ':from': from, ':to': to },
              Limit: Math.min(page.limit + 1 - items.length, mostAtOnce),
              ...(start && { ExclusiveStartKey: start }),
            }),
            within(),
          )
          items.push(...((answer.Items ?? []) as Item[]))
          start = answer.LastEvaluatedKey
          more = start !== undefined
        }
        return { items: items.slice(0, page.limit), more: items.length > page.limit }
      }),
  }
}

const atRevision = (revision: number) => ({
  ConditionExpression: '#revision = :revision',
  ExpressionAttributeNames: { '#revision': 'revision' },
  ExpressionAttributeValues: { ':revision': revision },
})

type Outcome = 'committed' | 'conflict' | 'unknown'

/**
 * Sends a conditional write. The SDK sends it again when no answer came; a first attempt that was done all the same
 * then makes the second fail its condition, so what is stored decides.
 */
async function commit(send: () => Promise<unknown>, settle: () => Promise<Outcome>): Promise<void> {
  try {
    await send()
  } catch (error) {
    const { name, $metadata } = partsOf(error)
    if (name !== 'ConditionalCheckFailedException') throw refusal(error)
    const outcome = $metadata?.attempts === 1 ? 'conflict' : await settle()
    if (outcome === 'conflict') throw new Conflict(undefined, { cause: error })
    if (outcome === 'unknown') throw timeout(error)
  }
}

async function answered<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    throw refusal(error)
  }
}

/** What the SDK gives up on in the end: the table's own capacity is not the caller's quota. */
const passing = new Set([
  'AbortError',
  'TimeoutError',
  'InternalServerError',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'ThrottlingException',
])
const unreachable = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

interface ErrorParts {
  readonly name?: string
  readonly code?: string
  readonly $metadata?: { readonly attempts?: number; readonly httpStatusCode?: number }
}
const partsOf = (error: unknown): ErrorParts => (typeof error === 'object' && error !== null ? error : {})

function refusal(error: unknown): Error {
  const { name, code, $metadata } = partsOf(error)
  const mayPass =
    (name !== undefined && passing.has(name)) ||
    (code !== undefined && unreachable.has(code)) ||
    ($metadata?.httpStatusCode ?? 0) >= 500
  return mayPass ? timeout(error) : new KMSInternalException(undefined, { cause: error })
}

/** The text of AWS's API reference for this exception. */
const timedOut = 'The system timed out while trying to fulfill the request. The request can be retried.'

const timeout = (cause: unknown) => new DependencyTimeoutException(timedOut, { cause })

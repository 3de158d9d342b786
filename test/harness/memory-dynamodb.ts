/** A DynamoDB of one table in memory, below the SDK: it takes the requests that the store sends, and no other. */
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { textOf, utf8 } from '../../lib/bytes.ts'
import { Conflict } from '../../lib/ports.ts'
import { openTable, type Table } from '../../lib/store/client.ts'
import type { Item } from '../../lib/store/items.ts'
import type { Items } from './memory-table.ts'
import { type Fault, operationOf, type TableRequest, withFaults } from './store-faults.ts'

type RequestHandler = NonNullable<DynamoDBClientConfig['requestHandler']>

/** `{ S: 'text' }`. */
type Attribute = Readonly<Record<string, unknown>>
type Attributes = Readonly<Record<string, Attribute>>

const values: Readonly<Record<string, (value: never) => unknown>> = {
  S: (text: string) => text,
  N: (digits: string) => Number(digits),
  BOOL: (value: boolean) => value,
  B: (base64: string) => new Uint8Array(Buffer.from(base64, 'base64')),
  L: (all: readonly Attribute[]) => all.map(plain),
  M: (members: Attributes) => plainItem(members),
}
function plain(attribute: Attribute): unknown {
  const [[type = '', value] = []] = Object.entries(attribute)
  return values[type]?.(value as never)
}
const plainItem = (members: Attributes): Item =>
  Object.fromEntries(Object.entries(members).map(([name, each]) => [name, plain(each)])) as Item

function attributeOf(value: unknown): Attribute {
  if (value instanceof Uint8Array) return { B: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return { L: value.map(attributeOf) }
  if (typeof value === 'object' && value !== null) return { M: attributesOf(value) }
  if (typeof value === 'number') return { N: String(value) }
  return typeof value === 'boolean' ? { BOOL: value } : { S: String(value) }
}
const attributesOf = (item: object): Attributes =>
  Object.fromEntries(Object.entries(item).map(([name, each]) => [name, attributeOf(each)]))

interface Asked {
  readonly Item: Attributes
  readonly Key: Attributes
  readonly IndexName?: string
  readonly Limit: number
  readonly ConditionExpression?: string
  readonly ExpressionAttributeValues: Attributes
  readonly ExclusiveStartKey?: Attributes
}

const given = ({ ExpressionAttributeValues = {} }: Asked, name: string): unknown =>
  plain(ExpressionAttributeValues[name] ?? {})

/** The conditions that the store writes under. */
const conditions: Readonly<Record<string, (there: Item | undefined, asked: Asked) => boolean>> = {
  'attribute_not_exists(PK)': (there) => !there,
  '#revision = :revision': (there, asked) => there?.revision === given(asked, ':revision'),
  '#createdAt = :createdAt': (there, asked) => there?.createdAt === given(asked, ':createdAt'),
  'attribute_not_exists(PK) OR #at < :at': (there, asked) => !there || Number(there.at) < Number(given(asked, ':at')),
}

const nameOf = ({ PK, SK }: Item): string => `${PK}\n${SK}`

function operations(items: Items): Readonly<Record<string, (asked: Asked) => Promise<object>>> {
  /** Whether the condition holds, and what is written then, with nothing in between. */
  const write = (asked: Asked, at: Item, change: () => void): void => {
    const condition = asked.ConditionExpression
    const holds = condition === undefined || conditions[condition]?.(items.get(nameOf(at)), asked)
    if (holds === undefined) throw new Error(`no condition ${condition}`)
    if (!holds) throw new Conflict()
    change()
  }
  return {
    async GetItem({ Key }) {
      const found = items.get(nameOf(plainItem(Key)))
      return found ? { Item: attributesOf(found) } : {}
    },
    async PutItem(asked) {
      const item = plainItem(asked.Item)
      write(asked, item, () => items.set(nameOf(item), item))
      return {}
    },
    async DeleteItem(asked) {
      const at = plainItem(asked.Key)
      write(asked, at, () => items.delete(nameOf(at)))
      return {}
    },
    async Query(asked) {
      const { IndexName = '', Limit, ExclusiveStartKey } = asked
      const sort = (item: Item) => String(item[`${IndexName}SK`])
      const [partition, from, to] = [':partition', ':from', ':to'].map((name) => String(given(asked, name)))
      const start = ExclusiveStartKey && sort(plainItem(ExclusiveStartKey))
      const all = [...items.values()]
        .filter(
          (item) => item[`${IndexName}PK`] === partition && sort(item) >= (from ?? '') && sort(item) <= (to ?? ''),
        )
        .filter((item) => start === undefined || sort(item) > start)
        .sort((a, b) => (sort(a) < sort(b) ? -1 : 1))
      const page = all.slice(0, Limit)
      const last = page.at(-1)
      return {
        Items: page.map(attributesOf),
        ...(all.length > page.length && last && { LastEvaluatedKey: attributesOf(last) }),
      }
    },
  }
}

export function memoryDynamoDb(items: Items): RequestHandler {
  const perform = operations(items)
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: TableRequest) {
      const reply = (statusCode: number, answer: object) => ({
        response: {
          statusCode,
          headers: { 'content-type': 'application/x-amz-json-1.0' },
          body: utf8(JSON.stringify(answer)),
        },
      })
      const text = typeof request.body === 'string' ? request.body : textOf(request.body)
      try {
        return reply(200, (await perform[operationOf(request)]?.(JSON.parse(text))) ?? {})
      } catch (error) {
        if (!(error instanceof Conflict)) throw error
        return reply(400, { __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException' })
      }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  } as RequestHandler
}

/** What is no time in production: the SDK tries again as often as there, and waits for nothing. */
const atOnce = { setDelayBase() {}, computeNextBackoffDelay: () => 0 }

/** The store's table in memory, reached through the SDK: each of its calls meets what `faultOf` says. */
export async function faultyTable(
  items: Items,
  faultOf: (request: TableRequest) => Fault | undefined,
  deadlineMs?: number,
): Promise<Table> {
  const client = new DynamoDBClient({
    region: 'us-east-1',
    endpoint: 'http://faulty.invalid',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not a secret' },
    signer: { sign: async (request) => request },
    maxAttempts: 3,
    requestHandler: withFaults(memoryDynamoDb(items), faultOf),
  })
  Object.assign(await client.config.retryStrategy(), { retryBackoffStrategy: atOnce })
  return openTable(client, 'keystead', deadlineMs)
}

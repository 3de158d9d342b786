/**
 * A DynamoDB in this process, on disk: dynalite's parsing, reading and layout on LevelDB, called without its server,
 * which answers whoever can connect to it. Writes are ours: dynalite writes an item and its index entries one by one
 * and leaves it to the system when they reach the disk; here they are one batch, on the disk before the answer.
 */
import { mkdir } from 'node:fs/promises'
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { textOf } from '../bytes.ts'
import { type Action, type AttributeMap, loadDynalite, type TableRecord, type Write } from './dynalite.ts'
import { DurableLevel } from './level.ts'
import { tableDefinition } from './table.ts'

export interface Embedded {
  /** For a DynamoDB client, whose requests are performed here, unsigned. */
  readonly requestHandler: NonNullable<DynamoDBClientConfig['requestHandler']>
  readonly table: string
  close(): Promise<void>
}

const name = 'keystead'

/**
 * @param directory made when missing, for this user alone
 * @throws Error when it is open already, here or in another process
 */
export async function openEmbedded(directory: string): Promise<Embedded> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { engine, validations, rulesOf, actionOf } = loadDynalite()
  const database = engine.create({ path: directory })
  await open(directory, () => database.db.open())

  const level = new DurableLevel(database.db, directory)
  let writes: Write[] = []
  database.db.put = (key, value) => writes.push({ type: 'put', key, value })
  database.db.del = (key) => writes.push({ type: 'del', key })
  /** Does what the puts and deletes of `change` say: all or nothing, on the disk when it resolves. */
  const commit = (change: () => void): Promise<void> => {
    writes = []
    change()
    return level.commit(writes)
  }

  /** What PutItem and DeleteItem have in common; `item` is what is to be there then. */
  const write = async (request: object, at: AttributeMap, item: AttributeMap | undefined): Promise<object> => {
    const table = await called<TableRecord>((callback) => database.getTable(name, callback))
    const invalid = item ? engine.validateItem(item, table) : engine.validateKey(at, table)
    if (invalid) throw invalid
    const items = database.getItemDb(name)
    const key = engine.createKey(at, table)
    const release = await new Promise<() => void>((locked) => items.lock(key, (release) => locked(release())))
    try {
      const existing = await called<AttributeMap | undefined>((callback) => items.get(key, callback))
      const refused = engine.checkConditional(request, existing)
      if (refused) throw refused
      const { puts, deletes } = engine.getIndexActions(table.GlobalSecondaryIndexes, existing, item, table)
      await commit(() => {
        for (const { index, key } of deletes) database.getIndexDb('global', name, index).del(key)
        for (const { index, key, item } of puts) database.getIndexDb('global', name, index).put(key, item)
        if (item) items.put(key, item)
        else items.del(key)
      })
      return {}
    } finally {
      release()
    }
  }

  const action = (named: string) => {
    const perform: Action = actionOf(named)
    return (request: object) => called<object>((callback) => perform(database, request, callback))
  }
  const operation =
    (need: 'read' | 'write') => (named: string, perform: (request: WriteRequest) => Promise<object>) => {
      const { types, custom } = rulesOf(named)
      return (given: object) => {
        const request = validations.checkTypes(given, types)
        validations.checkValidations(request, types, custom, database)
        return level.use(need, () => perform(request as WriteRequest))
      }
    }
  const reading = operation('read')
  const writing = operation('write')
  /** What the store and its backups use; a client that sends anything else is refused. */
  const operations = new Map([
    ['GetItem', reading('getItem', action('getItem'))],
    ['Query', reading('query', action('query'))],
    ['Scan', reading('scan', action('scan'))],
    ['PutItem', writing('putItem', (request) => write(request, request.Item, request.Item))],
    ['DeleteItem', writing('deleteItem', (request) => write(request, request.Key, undefined))],
  ])

  const definition = { ...tableDefinition(name), TableStatus: 'ACTIVE' }
  const stored = await called<TableRecord | undefined>((callback) => database.tableDb.get(name, callback))
  if (!stored) await commit(() => database.tableDb.put(name, definition))
  else if (JSON.stringify(stored) !== JSON.stringify(definition)) {
    await level.close()
    throw new Error(`The store in ${directory} was made by another version of Keystead.`)
  }

  const underWay = new Set<Promise<unknown>>()
  return {
    table: name,
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      async handle(request: HttpRequest, { abortSignal }: { readonly abortSignal?: AbortSignal } = {}) {
        const answer = respond(operations, request).finally(() => underWay.delete(answer))
        underWay.add(answer)
        return { response: await unlessAborted(answer, abortSignal) }
      },
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    },
    async close() {
      await Promise.allSettled(underWay)
      await level.close()
    },
  }
}

interface WriteRequest {
  readonly Item: AttributeMap
  readonly Key: AttributeMap
}
interface HttpRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** A disk that hangs is waited for no longer than a server would be; what was asked of it may still be done. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return answer
  return new Promise((resolve, reject) => {
    const abort = () => reject(Object.assign(new Error('The store did not answer in time.'), { name: 'AbortError' }))
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

async function respond(
  operations: ReadonlyMap<string, (request: object) => Promise<object>>,
  { headers, body }: HttpRequest,
) {
  const reply = (statusCode: number, json: object) => ({
    statusCode,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: Buffer.from(JSON.stringify(json)),
  })
  try {
    const perform = operations.get(headers['x-amz-target']?.split('.')[1] ?? '')
    if (!perform) return reply(400, { __type: 'com.amazon.coral.service#UnknownOperationException' })
    return reply(200, await perform(JSON.parse(typeof body === 'string' ? body : textOf(body))))
  } catch (error) {
    if (!isAnswer(error)) throw error
    return reply(error.statusCode, error.body)
  }
}

const isAnswer = (error: unknown): error is { readonly statusCode: number; readonly body: object } =>
  error instanceof Error && 'statusCode' in error && 'body' in error

const called = <T>(call: (callback: (error: unknown, value?: T) => void) => void): Promise<T> =>
  new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value as T))))

async function open(directory: string, opening: () => Promise<void>): Promise<void> {
  try {
    await opening()
  } catch (error) {
    const { cause } = error as Error
    const locked = cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
    const what = locked ? 'is open already: only one process at a time can use it' : 'cannot be opened'
    throw new Error(`The store in ${directory} ${what}.`, { cause: error })
  }
}

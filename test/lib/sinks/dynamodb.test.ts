import { BatchWriteCommand, type BatchWriteCommandInput, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DependencyTimeoutException } from '../../../lib/errors.ts'
import { type AuditItem, itemsOf, openDynamoSink } from '../../../lib/sinks/dynamodb.ts'
import { aRecord, refused, some } from './records.ts'

const table = 'keystead-audit'
const documents = mockClient(DynamoDBDocumentClient)
const tries: number[] = []

const aSink = () =>
  openDynamoSink({
    region: 'us-east-1',
    table,
    now: Date.now,
    backOff: async (count) => {
      tries.push(count)
    },
  })
let sink: ReturnType<typeof aSink>

beforeEach(() => {
  documents.reset()
  tries.length = 0
  sink = aSink()
})
afterEach(() => sink.close())

const batches = (): AuditItem[][] =>
  documents.commandCalls(BatchWriteCommand).map(({ args: [{ input }] }) => itemsIn(input))
const itemsIn = (input: BatchWriteCommandInput): AuditItem[] => {
  expect(Object.keys(input.RequestItems ?? {})).toEqual([table])
  return (input.RequestItems?.[table] ?? []).map(({ PutRequest }) => PutRequest?.Item as unknown as AuditItem)
}

const keyArn = (id: string) => `arn:aws:kms:us-east-1:111122223333:key/${id}`
const resource = (ARN: string) => ({ accountId: '111122223333', type: 'AWS::KMS::Key', ARN })

describe('the items of a record', () => {
  const eventID = 'c0ffee00-0000-4000-8000-000000000000'

  it('are one, by hour and shard, by key and by principal', () => {
    const record = aRecord({ eventID, resources: [resource(keyArn('a'))] })
    const SK = `2026-11-24T03:08:15.000Z#${eventID}`
    expect(itemsOf(record)).toEqual([
      {
        PK: `EVENT#${eventID}#0`,
        SK,
        GSI1PK: keyArn('a'),
        GSI1SK: SK,
        GSI2PK: 'USER#root',
        GSI2SK: SK,
        GSI3PK: 'HOUR#2026-11-24T03#12',
        GSI3SK: SK,
        GSI4PK: 'NAME#Encrypt',
        GSI4SK: SK,
        record: JSON.stringify(record),
      },
    ])
  })

  it('are in no index of keys or principals without one', () => {
    const alias = 'arn:aws:kms:us-east-1:111122223333:alias/x:key/y'
    const [item] = itemsOf(aRecord({ eventID, userIdentity: { type: 'Unknown' }, resources: [resource(alias)] }))
    expect(Object.keys(item ?? {}).sort()).toEqual(['GSI3PK', 'GSI3SK', 'GSI4PK', 'GSI4SK', 'PK', 'SK', 'record'])
  })

  it('are one more for each further key, in no writer’s partition', () => {
    const trail = { writer: 'c0ffee00-0000-4000-8000-000000000001', sequence: 7 }
    const record = aRecord({ eventID, trail, resources: ['a', 'a', 'b', 'c'].map((id) => resource(keyArn(id))) })
    const items = itemsOf(record)
    expect(items.map(({ PK, GSI1PK, GSI2PK }) => [PK, GSI1PK, GSI2PK !== undefined])).toEqual([
      [`WRITER#${trail.writer}`, keyArn('a'), true],
      [`EVENT#${eventID}#1`, keyArn('b'), false],
      [`EVENT#${eventID}#2`, keyArn('c'), false],
    ])
    expect(new Set(items.map((item) => item.record))).toEqual(new Set([JSON.stringify(record)]))
  })

  it('say when the table may forget them, when that is configured', () => {
    expect(itemsOf(aRecord(), 90)[0]?.TTL).toBe(Date.parse('2026-11-24T03:08:15Z') / 1000 + 90 * 86_400)
  })

  it('are spread over 16 shards', () => {
    const shards = new Set(some(2000).map((record) => itemsOf(record)[0]?.GSI3PK?.slice('HOUR#2026-11-24T03#'.length)))
    expect([...shards].map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, shard) => shard))
  })
})

describe('a DynamoDB sink', () => {
  it('writes a record that comes alone without waiting for others', async () => {
    documents.on(BatchWriteCommand).resolves({ UnprocessedItems: {} })
    const record = aRecord()
    await sink.write(record)
    expect(batches()).toEqual([itemsOf(record)])
  })

  it('groups concurrent records, 25 at most', async () => {
    documents.on(BatchWriteCommand).resolves({ UnprocessedItems: {} })
    const records = some(1000)
    await Promise.all(records.map((record) => sink.write(record)))
    const sent = batches()
    expect(
      sent
        .flat()
        .map(({ record }) => record)
        .sort(),
    ).toEqual(records.map((record) => JSON.stringify(record)).sort())
    expect(Math.max(...sent.map((items) => items.length))).toBe(25)
    expect(sent).toHaveLength(40)
  })

  it('resolves a write only after the table has answered', async () => {
    const { promise, resolve } = Promise.withResolvers<object>()
    documents.on(BatchWriteCommand).callsFake(() => promise)
    let acknowledged = false
    const write = sink.write(aRecord()).then(() => {
      acknowledged = true
    })
    await vi.waitFor(() => expect(batches()).toHaveLength(1))
    expect(acknowledged).toBe(false)
    resolve({ UnprocessedItems: {} })
    await write
  })

  it('sends what was left unprocessed again, and nothing else', async () => {
    const stored: AuditItem[] = []
    documents.on(BatchWriteCommand).callsFake((input: BatchWriteCommandInput) => {
      const items = itemsIn(input)
      const taken = Math.ceil(items.length / 2)
      stored.push(...items.slice(0, taken))
      const left = input.RequestItems?.[table]?.slice(taken) ?? []
      return { UnprocessedItems: left.length > 0 ? { [table]: left } : {} }
    })
    const records = some(25)
    await Promise.all(records.map((record) => sink.write(record)))
    expect(stored.map(({ record }) => record).sort()).toEqual(records.map((record) => JSON.stringify(record)).sort())
    expect(batches().map((items) => items.length)).toEqual([25, 12, 6, 3, 1])
    expect(tries).toEqual([1, 2, 3, 4])
  })

  it('refuses records that the table leaves unprocessed six times', async () => {
    documents
      .on(BatchWriteCommand)
      .callsFake((input: BatchWriteCommandInput) => ({ UnprocessedItems: input.RequestItems }))
    await expect(sink.write(aRecord())).rejects.toThrow(
      expect.objectContaining({
        name: 'DependencyTimeoutException',
        message: refused,
        cause: new Error('The table left items unprocessed 6 times.'),
      }),
    )
    expect(batches()).toHaveLength(6)
    expect(tries).toEqual([1, 2, 3, 4, 5])
  })

  it('refuses the records of a call that failed, and writes the next ones', async () => {
    const cause = new Error('socket hang up')
    documents.on(BatchWriteCommand).rejectsOnce(cause).resolves({ UnprocessedItems: {} })
    const error = await sink.write(aRecord()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(DependencyTimeoutException)
    expect(error).toMatchObject({ message: refused, cause, status: 503 })
    await sink.write(aRecord())
    expect(batches()).toHaveLength(2)
  })

  it('refuses records when what answers does not say what it has written', async () => {
    documents.on(BatchWriteCommand).resolvesOnce({}).resolves({ UnprocessedItems: {} })
    const error = await sink.write(aRecord()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DependencyTimeoutException)
    expect(error).toMatchObject({ message: refused, cause: new Error('What answered is not the table.') })
    await sink.write(aRecord())
  })

  it('refuses a record of which any item could not be written', async () => {
    documents
      .on(BatchWriteCommand)
      .resolvesOnce({ UnprocessedItems: {} })
      .rejectsOnce(new Error('socket hang up'))
      .resolves({ UnprocessedItems: {} })
    const keys = Array.from({ length: 26 }, (_, index) => resource(keyArn(`key-${index}`)))
    await expect(sink.write(aRecord({ resources: keys }))).rejects.toThrow(refused)
    expect(batches().map((items) => items.length)).toEqual([25, 1])
  })

  it('writes what is waiting before it closes, and refuses what comes after', async () => {
    documents.on(BatchWriteCommand).resolves({ UnprocessedItems: {} })
    const writes = some(100).map((record) => sink.write(record))
    await sink.close()
    await Promise.all(writes)
    expect(batches().flat()).toHaveLength(100)
    await expect(sink.write(aRecord())).rejects.toThrow(refused)
  })
})

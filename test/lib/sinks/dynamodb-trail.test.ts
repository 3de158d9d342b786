/** The trail in a table, on a DynamoDB-compatible server in this process. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Lookup } from '../../../lib/audit/lookup.ts'
import type { AuditRecord } from '../../../lib/audit/record.ts'
import { sealAll } from '../../../lib/audit/seal.ts'
import { verifyExport } from '../../../lib/audit/verify.ts'
import { DependencyTimeoutException } from '../../../lib/errors.ts'
import { Conflict } from '../../../lib/ports.ts'
import { type DynamoSink, openDynamoSink } from '../../../lib/sinks/dynamodb.ts'
import { auditTable } from '../../../lib/sinks/places.ts'
import { stamped } from '../../../lib/sinks/stamped.ts'
import { exportTable } from '../../../scripts/audit-export.ts'
import { memoryStore } from '../../harness/memory-store.ts'
import { SoftHsm } from '../../harness/soft-hsm.ts'
import { aRecord } from './records.ts'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server
const server = dynalite({ createTableMs: 0, deleteTableMs: 0 })
const table = 'keystead-audit'
let endpoint: string
let client: DynamoDBClient
let now: number
const opened: DynamoSink[] = []

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID ??= 'test'
  process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  client = new DynamoDBClient({ region: 'us-east-1', endpoint })
})
afterAll(() => {
  client.destroy()
  server.close()
})
beforeEach(async () => {
  now = Date.parse('2026-11-24T12:00:00Z')
  await client.send(new CreateTableCommand(auditTable(table)))
  await waitUntilTableExists({ client, minDelay: 0.01, maxDelay: 0.1, maxWaitTime: 10 }, { TableName: table })
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sink) => sink.close()))
  await client.send(new DeleteTableCommand({ TableName: table }))
})

const sealing = { hsm: new SoftHsm(), materials: memoryStore().materials, account: '000000000000', region: 'us-east-1' }
let keepDays = 0
function aSink(): DynamoSink {
  const sink = openDynamoSink({ region: 'us-east-1', table, endpoint, now: () => now })
  opened.push(sink)
  return sink
}
const seal = (sink: DynamoSink) =>
  sealAll({ ...sealing, trail: sink.trail, now: () => now, auditKeepDays: keepDays }, Number.POSITIVE_INFINITY)
const fresh = (): AuditRecord => aRecord({ eventTime: `${new Date(now).toISOString().slice(0, 19)}Z` })
const write = async (sink: { write(record: AuditRecord): Promise<void> }, count: number) =>
  void (await Promise.all(Array.from({ length: count }, () => sink.write(fresh()))))
async function verdict() {
  const { publicKey, ...given } = await exportTable(client, table)
  return verifyExport(given, publicKey)
}
const sound = (records: number, digests: number) => ({ findings: [], sound: records, digests })

describe('a trail in a table', () => {
  test('is sealed and exported whole, whatever the number of writers, over days', async () => {
    const sinks = [aSink(), aSink(), aSink()]
    const writers = sinks.map((sink) => stamped(sink, { uuid: randomUUID, now: () => now }))
    for (let round = 1; round <= 3; round++) {
      await Promise.all(writers.map((writer) => write(writer, 10 * round)))
      expect(await seal(sinks[0] as DynamoSink)).toEqual({ records: 30 * round, more: false })
      expect(await seal(sinks[1] as DynamoSink)).toEqual({ records: 0, more: false })
      now += 0.7 * 86_400_000
    }
    expect(await verdict()).toEqual(sound(180, 3))
  })

  test('leaves what follows a gap until it is filled, or nobody can fill it any more', async () => {
    const sink = aSink()
    const writer = randomUUID()
    const of = (sequence: number) => sink.write({ ...fresh(), trail: { writer, sequence } })
    for (const sequence of [1, 2, 4, 5, 9]) await of(sequence)
    expect(await seal(sink)).toMatchObject({ records: 2 })
    await of(3)
    expect(await seal(sink)).toMatchObject({ records: 3 })
    now += 120_000
    expect(await seal(sink)).toMatchObject({ records: 1 })
    const missing = (await verdict()).findings
    expect(missing).toMatchObject([{ what: 'missing', where: `${writer}#6 to 8` }])
    // Late, and all the same in a window of its own.
    await of(7)
    expect(await seal(sink)).toMatchObject({ records: 1 })
    expect((await verdict()).findings.map(({ where }) => where)).toEqual([`${writer}#6`, `${writer}#8`])
  })

  test('forgets digests whose days are past, and what is left is sound', async () => {
    const sink = aSink()
    const writer = stamped(sink, { uuid: randomUUID, now: () => now })
    for (let day = 0; day < 3; day++) {
      await write(writer, 4)
      await seal(sink)
      now += 20 * 86_400_000
    }
    keepDays = 30
    await write(writer, 1)
    await seal(sink)
    keepDays = 0
    expect(await verdict()).toEqual(sound(5, 2))
  })

  test('has one digest of each number', async () => {
    const sink = aSink()
    await write(stamped(sink, { uuid: randomUUID, now: () => now }), 3)
    await seal(sink)
    const newest = await sink.trail.newestDigest()
    expect(newest?.number).toBe(1)
    if (newest) await expect(sink.trail.addDigest(newest)).rejects.toThrow(Conflict)
  })

  test('shows a record that was changed in the table', async () => {
    const sink = aSink()
    await write(stamped(sink, { uuid: randomUUID, now: () => now }), 5)
    await seal(sink)
    const { files } = await exportTable(client, table)
    const line = [...files.values()][0]?.[2] ?? ''
    const record = JSON.parse(line) as AuditRecord
    await sink.write({ ...record, eventName: 'ListKeys' })
    expect((await verdict()).findings).toMatchObject([
      { what: 'changed', where: expect.stringContaining(record.eventID) },
    ])
  })

  test('shows a record that somebody put under another’s number, or that says nothing of its place', async () => {
    const sink = aSink()
    await write(stamped(sink, { uuid: randomUUID, now: () => now }), 2)
    await seal(sink)
    const documents = DynamoDBDocumentClient.from(client)
    const stray = { PK: `WRITER#${randomUUID()}`, SK: '1', record: JSON.stringify(aRecord()) }
    await documents.send(new PutCommand({ TableName: table, Item: stray }))
    const { publicKey, ...given } = await exportTable(client, table)
    expect(verifyExport(given, publicKey)).toEqual(sound(2, 1))
  })
})

describe('looking up in a table', () => {
  const lookup: Lookup = { account: '111122223333', from: 0, to: Number.MAX_SAFE_INTEGER, limit: 50 }
  const key = 'arn:aws:kms:us-east-1:111122223333:key/a'
  /** Three hours of records: every other one on a key, every third one another user's. */
  async function aTrail(): Promise<readonly AuditRecord[]> {
    const writer = stamped(aSink(), { uuid: randomUUID, now: () => now })
    const records = Array.from({ length: 60 }, (_, n) => {
      now += 180_000
      return aRecord({
        eventTime: `${new Date(now).toISOString().slice(0, 19)}Z`,
        eventName: n % 5 === 0 ? 'Decrypt' : 'Encrypt',
        ...(n % 2 === 0 && { resources: [{ accountId: '111122223333', type: 'AWS::KMS::Key', ARN: key }] }),
        ...(n % 3 === 0 && { userIdentity: { type: 'IAMUser', userName: 'alice' } }),
      })
    })
    for (const record of records) await writer.write(record)
    return records.toReversed()
  }
  async function all(asked: Partial<Lookup>, limit = 7): Promise<readonly string[]> {
    const { trail } = aSink()
    const ids: string[] = []
    let token: string | undefined
    do {
      const until = { from: now - 4 * 3_600_000, to: now }
      const page = await trail.lookUp({ ...lookup, ...until, ...asked, limit, ...(token !== undefined && { token }) })
      expect(page.found.length).toBeLessThanOrEqual(limit)
      ids.push(...page.found.map(({ record }) => record.eventID))
      token = page.token
    } while (token !== undefined)
    return ids
  }
  const idsOf = (records: readonly AuditRecord[], fits: (record: AuditRecord) => boolean) =>
    records.filter(fits).map(({ eventID }) => eventID)

  test('finds everything by time, key, user and name, newest first, in pages that lose and repeat nothing', async () => {
    const records = await aTrail()
    expect(await all({})).toEqual(idsOf(records, () => true))
    expect(await all({ attribute: { key: 'ResourceName', value: key } })).toEqual(
      idsOf(records, ({ resources }) => resources !== undefined),
    )
    expect(await all({ attribute: { key: 'Username', value: 'alice' } })).toEqual(
      idsOf(records, ({ userIdentity }) => userIdentity.userName === 'alice'),
    )
    expect(await all({ attribute: { key: 'EventName', value: 'Decrypt' } })).toEqual(
      idsOf(records, ({ eventName }) => eventName === 'Decrypt'),
    )
    const [, second] = records
    expect(await all({ attribute: { key: 'EventId', value: second?.eventID ?? '' } })).toEqual([second?.eventID])
    const from = now - 3_600_000
    expect(await all({ from })).toEqual(idsOf(records, ({ eventTime }) => Date.parse(eventTime) >= from))
    expect(await all({ account: '999999999999' })).toEqual([])
  })

  test.each([
    ['is gone', undefined],
    ['answers nothing', ''],
    ['answers with a page', '<html></html>'],
  ])('says to try again while the table %s', async (_, page) => {
    const other = createServer((_request, response) => void response.end(page))
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    if (page === undefined) other.close()
    const sink = openDynamoSink({ region: 'us-east-1', table, endpoint: `http://127.0.0.1:${port}`, now: () => now })
    opened.push(sink)
    try {
      const looking = sink.trail.lookUp({ account: '111122223333', from: 0, to: now, limit: 1 })
      await expect(looking).rejects.toThrow(DependencyTimeoutException)
      await expect(looking).rejects.toThrow('The audit table did not answer in time.')
    } finally {
      other.close()
    }
  })

  test('looks through two days of a silent trail at a time, and says where to go on', async () => {
    const [newest, ...older] = await aTrail()
    const writer = stamped(aSink(), { uuid: randomUUID, now: () => now })
    const days = 86_400_000
    const early = await Promise.all(
      [2, 3.9, 10].map(async (ago) => {
        const eventTime = `${new Date(now - ago * days).toISOString().slice(0, 19)}Z`
        const record = aRecord({ eventTime })
        await writer.write(record)
        return record.eventID
      }),
    )
    const { trail } = aSink()
    const from = now - 12 * days
    const pages: number[] = []
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await trail.lookUp({ ...lookup, from, to: now, limit: 100, ...(token !== undefined && { token }) })
      pages.push(page.found.length)
      found.push(...page.found.map(({ record }) => record.eventID))
      token = page.token
    } while (token !== undefined)
    expect(found).toEqual([newest?.eventID, ...older.map(({ eventID }) => eventID), ...early])
    expect(pages).toHaveLength(7)
    expect(pages).toContain(0)
  }, 60_000)

  test('refuses a token that it did not make', async () => {
    await expect(aSink().trail.lookUp({ ...lookup, from: now, to: now, token: 'eA' })).rejects.toThrow(
      'The token is not one that this service has made.',
    )
  })
})

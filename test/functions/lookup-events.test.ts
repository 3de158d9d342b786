/** LookupEvents over the file sink's trail; the table's is in test/lib/sinks/dynamodb-trail.test.ts. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileSink } from '../../lib/sinks/file.ts'
import { stamped } from '../../lib/sinks/stamped.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let keyId: string
let arn: string
let close: () => Promise<void>
beforeEach(async () => {
  world = await TestWorld.start()
  const sink = openFileSink({ directory: world.directory, now: () => world.nowMs })
  const { write } = stamped(sink, { uuid: randomUUID, now: () => world.nowMs })
  world.open.audit.write = write
  close = () => sink.close()
  const key = await world.key()
  keyId = key.KeyId
  arn = key.Arn
})
afterEach(async () => {
  await close()
  await rm(world.directory, { recursive: true, force: true })
})

interface Event {
  readonly EventId: string
  readonly EventName: string
  readonly EventTime: number
  readonly CloudTrailEvent: string
}
const lookup = async (input: object = {}) => (await world.call('LookupEvents', input)).json
const names = async (input: object = {}): Promise<string[]> =>
  (await lookup(input)).Events.map(({ EventName }: Event) => EventName)
const by = (AttributeKey: string, AttributeValue: string) => ({ LookupAttributes: [{ AttributeKey, AttributeValue }] })

test('answers what was done, newest first, as CloudTrail does, and leaves intents to their outcomes', async () => {
  await world.call('DisableKey', { KeyId: keyId })
  await world.call('DescribeKey', { KeyId: 'alias/none' })
  const { Events } = await lookup()
  expect(Events.map(({ EventName }: Event) => EventName)).toEqual(['DescribeKey', 'DisableKey', 'CreateKey'])
  const [, disabled] = Events
  expect(disabled).toEqual({
    EventId: expect.any(String),
    EventName: 'DisableKey',
    ReadOnly: 'false',
    AccessKeyId: 'AKIAROOTROOTROOTROOT',
    EventTime: Math.floor(world.nowMs / 1000),
    EventSource: 'kms.amazonaws.com',
    Username: 'root',
    Resources: [{ ResourceType: 'AWS::KMS::Key', ResourceName: arn }],
    CloudTrailEvent: expect.any(String),
  })
  expect(JSON.parse(disabled.CloudTrailEvent)).toMatchObject({ eventID: disabled.EventId, recipientAccountId: account })
})

test('finds by each attribute, by one at a time', async () => {
  await world.call('Encrypt', { KeyId: keyId, Plaintext: base64('x') })
  const other = await world.key()
  const [first] = (await lookup(by('EventName', 'Encrypt'))).Events
  expect(await names(by('EventName', 'CreateKey'))).toEqual(['CreateKey', 'CreateKey'])
  expect(await names(by('ResourceName', arn))).toEqual(['Encrypt', 'CreateKey'])
  expect(await names(by('ResourceName', other.KeyId))).toEqual(['CreateKey'])
  expect(await names(by('ReadOnly', 'false'))).toEqual(['CreateKey', 'CreateKey'])
  expect(await names(by('EventId', first.EventId))).toEqual(['Encrypt'])
  expect(await names(by('Username', 'nobody'))).toEqual([])
  expect(await names({ ...by('Username', 'root'), MaxResults: 1 })).toHaveLength(1)
  expect(await names(by('AccessKeyId', 'AKIAROOTROOTROOTROOT'))).not.toEqual([])
  expect(await names(by('EventSource', 'cloudtrail.amazonaws.com'))).not.toContain('Encrypt')
  expect(await names(by('ResourceType', 'AWS::KMS::Key'))).toEqual(['CreateKey', 'Encrypt', 'CreateKey'])
})

test('pages over days without losing or repeating a record, and ends', async () => {
  for (let day = 0; day < 3; day++) {
    for (let n = 0; n < 7; n++) await world.call('Encrypt', { KeyId: keyId, Plaintext: base64('x') })
    world.nowMs += 86_400_000
  }
  const seen: string[] = []
  let token: string | undefined
  do {
    const page = await lookup({ ...by('EventName', 'Encrypt'), MaxResults: 5, ...(token && { NextToken: token }) })
    seen.push(...page.Events.map(({ EventId }: Event) => EventId))
    expect(page.Events.length).toBeLessThanOrEqual(5)
    token = page.NextToken
  } while (token !== undefined)
  expect(seen).toHaveLength(21)
  expect(new Set(seen).size).toBe(21)
})

test('answers as much as one answer can hold, and the rest on the next page', async () => {
  const EncryptionContext = { a: 'x'.repeat(99_000) }
  for (let n = 0; n < 30; n++) await world.call('Encrypt', { KeyId: keyId, Plaintext: base64('x'), EncryptionContext })
  const first = await lookup(by('EventName', 'Encrypt'))
  expect(first.Events).toHaveLength(20)
  expect(Buffer.byteLength(JSON.stringify(first))).toBeLessThan(6_000_000)
  const rest = await lookup({ ...by('EventName', 'Encrypt'), NextToken: first.NextToken })
  expect(rest.Events).toHaveLength(10)
  expect(rest).not.toHaveProperty('NextToken')
})

test.each([
  [-62_135_596_800, -62_135_596_800],
  [-62_135_596_800, 253_402_300_799],
  [253_402_300_799, 253_402_300_799],
])('takes any time that there is: %s to %s', async (StartTime, EndTime) => {
  const { status, json } = await world.call('LookupEvents', { StartTime, EndTime })
  expect([status, json.Events.length]).toEqual([200, StartTime < EndTime ? 1 : 0])
})

test('keeps to the times asked for', async () => {
  const began = world.nowMs
  world.nowMs += 5 * 86_400_000
  await world.call('DisableKey', { KeyId: keyId })
  world.nowMs += 60_000
  const at = (ms: number) => ms / 1000
  expect(await names({ StartTime: at(began + 86_400_000) })).toEqual(['DisableKey'])
  expect(await names({ EndTime: at(began + 86_400_000) })).toEqual(['CreateKey'])
  expect(await names({ StartTime: at(began), EndTime: at(began) })).toEqual(['CreateKey'])
})

describe('refuses', () => {
  test.each([
    [
      'two attributes',
      { LookupAttributes: [...by('ReadOnly', 'true').LookupAttributes, ...by('ReadOnly', 'false').LookupAttributes] },
      'InvalidLookupAttributesException',
    ],
    ['more than 50 at once', { MaxResults: 51 }, 'InvalidMaxResultsException'],
    ['none at once', { MaxResults: 0 }, 'InvalidMaxResultsException'],
    ['times that are the wrong way round', { StartTime: 2, EndTime: 1 }, 'InvalidTimeRangeException'],
    ['another category', { EventCategory: 'insight' }, 'InvalidEventCategoryException'],
    ['a token of somebody else', { NextToken: 'bm9uZQ' }, 'InvalidNextTokenException'],
    [
      'a token that names another file',
      { NextToken: Buffer.from('{"file":"../../etc/passwd","end":10}').toString('base64url') },
      undefined,
    ],
  ])('%s', async (_, input, name) => {
    const { status, json } = await world.call('LookupEvents', input)
    if (name === undefined) expect(json.Events.map(({ EventName }: Event) => EventName)).not.toContain('passwd')
    else expect([status, json.__type]).toEqual([400, name])
  })

  test('a signature for KMS', async () => {
    const headers = {
      host: 'localhost:4599',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'CloudTrail_20131101.LookupEvents',
    }
    const answer = await world.send({ method: 'POST', target: '/', headers, body: '{}' })
    expect(answer.json).toEqual({
      __type: 'InvalidSignatureException',
      message: "Credential should be scoped to correct service: 'cloudtrail'.",
    })
  })
})

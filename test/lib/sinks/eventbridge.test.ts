import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AuditRecord } from '../../../lib/audit/record.ts'
import { type EventBus, emitting } from '../../../lib/sinks/eventbridge.ts'
import { aRecord } from './records.ts'

const bridge = mockClient(EventBridgeClient)
const arn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const change = (given: Partial<AuditRecord> = {}) =>
  aRecord({
    eventName: 'DisableKey',
    readOnly: false,
    resources: [{ accountId: '111122223333', type: 'AWS::KMS::Key', ARN: arn }],
    ...given,
  })

let written: AuditRecord[]
let logged: unknown[]
let bus: EventBus
beforeEach(() => {
  bridge.reset()
  bridge.on(PutEventsCommand).resolves({ FailedEntryCount: 0 })
  written = []
  logged = []
  const sink = { write: async (record: AuditRecord) => void written.push(record) }
  bus = emitting(sink, { region: 'us-east-1', bus: 'keystead', log: (entry) => void logged.push(entry) })
})
afterEach(() => bus.close())
const entries = () => bridge.commandCalls(PutEventsCommand).flatMap(({ args: [{ input }] }) => input.Entries ?? [])

test('puts what happened to a key on the bus, once it is on record', async () => {
  const record = change()
  await bus.write(record)
  expect(written).toEqual([record])
  expect(entries()).toEqual([
    {
      EventBusName: 'keystead',
      Source: 'keystead',
      DetailType: 'Key State Change',
      Time: new Date(record.eventTime),
      Resources: [arn],
      Detail: JSON.stringify({
        'key-id': '1234abcd-12ab-34cd-56ef-1234567890ab',
        'key-state': 'Disabled',
        'event-id': record.eventID,
        'event-name': 'DisableKey',
      }),
    },
  ])
})

test('takes the state that the answer tells, where it tells one', async () => {
  await bus.write(change({ eventName: 'CreateKey', responseElements: { keyMetadata: { keyState: 'PendingImport' } } }))
  await bus.write(
    change({ eventName: 'ScheduleKeyDeletion', responseElements: { keyState: 'PendingReplicaDeletion' } }),
  )
  expect(entries().map(({ Detail }) => JSON.parse(Detail ?? '')['key-state'])).toEqual([
    'PendingImport',
    'PendingReplicaDeletion',
  ])
})

test('says nothing of uses, reads, failures and intents', async () => {
  await bus.write(change({ eventName: 'Encrypt', readOnly: true }))
  await bus.write(change({ eventName: 'DescribeKey', readOnly: true }))
  await bus.write(change({ errorCode: 'AccessDeniedException' }))
  await bus.write(change({ eventType: 'KeysteadIntent' }))
  expect(written).toHaveLength(4)
  expect(entries()).toEqual([])
})

test('puts nothing on the bus that is not on record', async () => {
  const failing = { write: () => Promise.reject(new Error('full')) }
  const other = emitting(failing, { region: 'us-east-1', bus: 'keystead', log: () => {} })
  await expect(other.write(change())).rejects.toThrow('full')
  expect(entries()).toEqual([])
  await other.close()
})

test('answers all the same when the bus does not take an event, and counts it', async () => {
  bridge.on(PutEventsCommand).resolves({ FailedEntryCount: 1 })
  const record = change()
  await bus.write(record)
  bridge.on(PutEventsCommand).rejects(new Error('unreachable'))
  await bus.write(change())
  expect(written).toHaveLength(2)
  expect(bus.lost()).toBe(2)
  expect(logged[0]).toMatchObject({ message: 'event lost', eventID: record.eventID, lost: 1 })
})

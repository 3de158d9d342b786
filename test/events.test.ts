/** The examples are right by the schemas of the operations that they are of. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { catalog } from '../infra/catalog.ts'
import { exampleOf } from '../infra/examples.ts'
import { keyEventOf } from '../lib/audit/events.ts'
import type { AuditRecord } from '../lib/audit/record.ts'
import { validated } from '../lib/schema/parse.ts'
import { aRecord } from './lib/sinks/records.ts'

const entries = catalog()

test('there is one example for each operation', () => {
  const files = readdirSync(new URL('../events', import.meta.url), { recursive: true, encoding: 'utf8' })
  const examples = files.filter((file) => file.endsWith('.json')).sort()
  const ofOperations = examples.filter((file) => !file.startsWith('bus/'))
  expect(ofOperations).toEqual(entries.map(({ group, kebab }) => `${group}/${kebab}.json`).sort())
})

describe.each(entries.map((entry) => [entry.operation.name, entry] as const))('%s', (_, entry) => {
  const { operation } = entry
  const { request, response } = exampleOf(entry)

  test('its example request is a valid one, and has no other members', () => {
    expect(operation.input.encode(validated(operation.input, request))).toMatchObject(request)
  })
  test('its example response is what the operation would write', () => {
    expect(operation.output.encode(validated(operation.output, response))).toEqual(response)
  })
})

describe('what goes over the bus', () => {
  const bus = new URL('../events/bus/', import.meta.url)
  const examples = readdirSync(bus).map((file) => JSON.parse(readFileSync(new URL(file, bus), 'utf8')))
  const recordOf = (example: (typeof examples)[number]): AuditRecord => ({
    ...aRecord(),
    eventName: example.detail['event-name'],
    eventID: example.detail['event-id'],
    eventTime: example.time,
    readOnly: false,
    resources: [{ accountId: example.account, type: 'AWS::KMS::Key', ARN: example.resources[0] }],
  })

  test.each(examples.map((example) => [example['detail-type'], example] as const))(
    '%s is as its example',
    (_, example) => {
      const event = keyEventOf(recordOf(example))
      expect(event).toMatchObject({
        source: example.source,
        detailType: example['detail-type'],
        resources: example.resources,
      })
      expect(JSON.parse(JSON.stringify(event?.detail))).toEqual(example.detail)
    },
  )
  test('has an example of every kind', () => {
    const kinds = new Set(examples.map((example) => example['detail-type']))
    const told = [
      'CreateKey',
      'DeleteKey',
      'RotateKey',
      'DeleteExpiredKeyMaterial',
      'PutKeyPolicy',
      'CreateGrant',
      'RetireGrant',
    ]
    const all = told.map((eventName) => keyEventOf({ ...recordOf(examples[0]), eventName })?.detailType)
    expect([...kinds].sort()).toEqual([...new Set(all)].sort())
  })
})

/** The examples are right by the schemas of the operations that they are of. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { catalog, kebabOf, serviceCatalog } from '../infra/catalog.ts'
import { exampleOf, serviceExampleOf } from '../infra/examples.ts'
import { keyEventOf } from '../lib/audit/events.ts'
import type { AuditRecord } from '../lib/audit/record.ts'
import { validated } from '../lib/schema/parse.ts'
import { play } from './harness/iam-scene.ts'
import { aRecord } from './lib/sinks/records.ts'

const entries = catalog()
const actions = serviceCatalog().flatMap(({ kebab: group, actions }) =>
  actions.map((operation) => ({ group, kebab: kebabOf(operation.name), operation })),
)

test('there is one example for each operation', () => {
  const files = readdirSync(new URL('../events', import.meta.url), { recursive: true, encoding: 'utf8' })
  const examples = files.filter((file) => file.endsWith('.json')).sort()
  const ofOperations = examples.filter((file) => !file.startsWith('bus/'))
  const wanted = [...entries, ...actions].map(({ group, kebab }) => `${group}/${kebab}.json`)
  expect(ofOperations).toEqual(wanted.sort())
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

/** What is new with every call: of an id and a token, what it begins with is not. */
const isNew = (name: string, example: string, answered: string): boolean =>
  name === 'SecretAccessKey' ||
  (name === 'SessionToken' && answered.startsWith('v1.')) ||
  /^A(?:ID|RO|GP|NP|SI|KI)A/.exec(example)?.[0] === answered.slice(0, 4)

/** The answer with what is new in it replaced by the example's. */
function familiar(answered: unknown, example: unknown, name = ''): unknown {
  if (typeof answered === 'string' && typeof example === 'string')
    return isNew(name, example, answered) ? example : answered
  if (Array.isArray(answered))
    return answered.map((each, at) => familiar(each, (example as unknown[] | undefined)?.[at]))
  if (typeof answered !== 'object' || answered === null) return name === 'PackedPolicySize' ? example : answered
  const known = (example ?? {}) as Readonly<Record<string, unknown>>
  return Object.fromEntries(Object.entries(answered).map(([each, value]) => [each, familiar(value, known[each], each)]))
}

describe.each(actions.map((entry) => [`${entry.group}:${entry.operation.name}`, entry] as const))('%s', (_, entry) => {
  const { operation, group } = entry
  const { request, response = {}, error } = serviceExampleOf(entry)

  test('its example request is a valid one, and has no other members', () => {
    expect(operation.input.encode(validated(operation.input, request))).toMatchObject(request)
  })
  test('its example, played in the account that the examples are of, is answered so', async () => {
    const played = await play(group, operation.name, request)
    expect(played.error).toEqual(error)
    expect(familiar(played.response ?? {}, response)).toEqual(response)
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

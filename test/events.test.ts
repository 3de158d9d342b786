/** The examples are right by the schemas of the operations that they are of. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { catalog } from '../infra/catalog.ts'
import { exampleOf } from '../infra/examples.ts'
import { validated } from '../lib/schema/parse.ts'

const entries = catalog()

test('there is one example for each operation', () => {
  const files = readdirSync(new URL('../events', import.meta.url), { recursive: true, encoding: 'utf8' })
  const examples = files.filter((file) => file.endsWith('.json')).sort()
  expect(examples).toEqual(entries.map(({ group, kebab }) => `${group}/${kebab}.json`).sort())
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

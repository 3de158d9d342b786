/** The description of the API, by the published schema of OpenAPI 3.1. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { catalog } from '../infra/catalog.ts'
import { openapiOf } from '../infra/openapi.ts'

const api = openapiOf(catalog())

test('is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(api) as Record<string, unknown>)
  expect([valid, errors]).toEqual([true, undefined])
  expect(validator.version).toBe('3.1')
})

test('would not be valid with an operation that answers nothing', async () => {
  const broken = structuredClone(api) as { paths: Record<string, Record<string, { responses?: object }>> }
  for (const method of Object.values(broken.paths['/keys'] ?? {})) method.responses = []
  const { valid } = await new Validator().validate(broken)
  expect(valid).toBe(false)
})

test('says of every group of operations what it is about', () => {
  const { tags } = api as { tags: readonly { name: string; description?: string }[] }
  expect(tags.length).toBeGreaterThan(8)
  expect(tags.filter(({ description }) => !description)).toEqual([])
})

test('has one operation for each action, with an example of what is sent and of what is answered', () => {
  const { paths } = api as { paths: Record<string, Record<string, Described>> }
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(
    catalog()
      .map(({ operation }) => operation.name)
      .sort(),
  )
  const examples = operations.map(({ requestBody, responses }) => [requestBody, responses[200]])
  const without = examples.flat().filter((part) => part && !('example' in part.content['application/json']))
  expect(without).toEqual([])
})

interface Content {
  readonly content: { readonly 'application/json': { readonly example?: unknown } }
}
interface Described {
  readonly operationId: string
  readonly requestBody?: Content
  readonly responses: { readonly 200: Content }
}

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

/** IAM's actions against AWS's own model, as its SDK carries it: names, members, what is required, what is sensitive. */
import * as sdk from '@aws-sdk/client-iam'
import { describe, expect, test } from 'vitest'
import { iamApi } from '../functions/identity/iam.ts'
import type { AnyShape } from '../lib/schema/shape.ts'

type Schema = number | string | (() => Schema) | readonly unknown[]
type Operation = readonly [9, string, string, unknown, Schema, Schema]
const isOperation = (value: unknown): value is Operation => Array.isArray(value) && value[0] === 9
const model = new Map(
  Object.values(sdk as Readonly<Record<string, unknown>>)
    .filter(isOperation)
    .map((schema) => [schema[2], schema]),
)

interface Structure {
  readonly members: readonly string[]
  readonly required: readonly string[]
}
function structureOf(schema: Schema): Structure {
  const resolved = typeof schema === 'function' ? schema() : schema
  if (resolved === 'unit') return { members: [], required: [] }
  if (!Array.isArray(resolved) || resolved[0] !== 3) throw new Error(`not a structure: ${String(resolved)}`)
  const members = resolved[4] as readonly string[]
  return { members, required: members.slice(0, (resolved[6] as number | undefined) ?? 0) }
}

const requiredOf = (members: Readonly<Record<string, AnyShape>>): readonly string[] =>
  Object.entries(members)
    .filter(([, shape]) => shape.required)
    .map(([name]) => name)
    .sort()

test('every action of IAM is there once', () => {
  const names = iamApi.actions.map(({ name }) => name)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  expect(names.length).toBeGreaterThan(70)
})

describe.each(iamApi.actions.map((action) => [action.name, action] as const))('%s', (name, { input, output }) => {
  const [, , , , asked, answered] = model.get(name) ?? [9, '', '', 0, 'unit', 'unit']

  test('is an action of AWS', () => {
    expect(model.has(name)).toBe(true)
  })
  test('takes members of AWS’s, and requires those that AWS requires', () => {
    const { members, required } = structureOf(asked)
    expect(Object.keys(input.members).filter((member) => !members.includes(member))).toEqual([])
    expect(requiredOf(input.members)).toEqual(required.toSorted())
  })
  test('answers with members of AWS’s, and with all that AWS always answers with', () => {
    const { members, required } = structureOf(answered)
    expect(Object.keys(output.members).filter((member) => !members.includes(member))).toEqual([])
    expect(required.filter((member) => !Object.hasOwn(output.members, member))).toEqual([])
  })
})

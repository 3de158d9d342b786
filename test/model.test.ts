/** The registry against AWS's own model, as the SDK carries it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as kms from '@aws-sdk/client-kms'
import { describe, expect, test } from 'vitest'
import { operations } from '../functions/index.ts'
import * as errors from '../lib/errors.ts'
import type { AnyOperation } from '../lib/operation.ts'
import type { AnyShape, Shape } from '../lib/schema/shape.ts'

/** The actions of AWS KMS that are not served yet: each leaves this list with the change that serves it. */
const missing: readonly string[] = []

/** Actions of ours that AWS KMS has not. */
const extensions = ['CreateKeyVersion', 'ListKeyVersions', 'LookupEvents', 'UpdateKeyVersion']

const anyVersion = { input: ['KeyVersionId'], output: ['KeyVersionId'] } as const

/** Members of ours in actions of AWS: what its clients never send, and pass over when it is answered. */
const extensionMembers: Readonly<
  Record<string, { readonly input: readonly string[]; readonly output: readonly string[] }>
> = {
  Decapsulate: anyVersion,
  Decrypt: anyVersion,
  DeriveSharedSecret: anyVersion,
  EnableKeyRotation: { input: ['CreateKeyVersions'], output: [] },
  Encapsulate: anyVersion,
  GenerateMac: anyVersion,
  GetPublicKey: anyVersion,
  ReEncrypt: { input: ['SourceKeyVersionId'], output: ['SourceKeyVersionId'] },
  Sign: anyVersion,
  Verify: anyVersion,
  VerifyMac: anyVersion,
}

/** Errors that AWS models for actions served, of features that are not: custom key stores. */
const unthrown: readonly string[] = []

/** Members that we keep out of every record and AWS does not call sensitive. */
const moreSensitive = ['GrantToken', 'GrantTokens']

/** One type of either side, in terms that both have. */
type Type =
  | string
  | { readonly list: Type }
  | { readonly map: Type }
  | { readonly struct: Readonly<Record<string, Type>>; readonly required: readonly string[] }

interface Traits {
  readonly error?: 'client' | 'server'
}
type Schema =
  | number
  | string
  | (() => Schema)
  | readonly [Schema, number]
  | readonly [number, string, string, number | Traits, ...unknown[]]

const sensitiveTrait = 8
const scalars: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'integer',
  2: 'boolean',
  4: 'timestamp',
  21: 'blob',
}
const listOf = 64
const mapOf = 128

/** The SDK's schemas: a number for a simple type, a function for a name, or an array that begins with its kind. */
function typeOf(schema: Schema): { readonly type: Type; readonly sensitive: boolean } {
  if (typeof schema === 'function') return typeOf(schema())
  if (schema === 'unit') return { type: { struct: {}, required: [] }, sensitive: false }
  if (typeof schema === 'number') {
    if (schema & mapOf) return { type: { map: typeOf(schema - mapOf).type }, sensitive: false }
    if (schema & listOf) return { type: { list: typeOf(schema - listOf).type }, sensitive: false }
    const type = scalars[schema]
    if (type === undefined) throw new Error(`an unknown simple type: ${schema}`)
    return { type, sensitive: false }
  }
  if (typeof schema === 'string') throw new Error(`an unknown type: ${schema}`)
  if (schema.length === 2) return typeOf(schema[0])
  const [kind, , name, traits, first, second, third] = schema
  const sensitive = traits === sensitiveTrait
  if (kind === 0) return { type: typeOf(first as Schema).type, sensitive }
  if (kind === 1) return { type: { list: typeOf(first as Schema).type }, sensitive }
  if (kind === 2) return { type: { map: typeOf(second as Schema).type }, sensitive }
  if (kind !== 3) throw new Error(`${name} is of an unknown kind: ${kind}`)
  const names = first as readonly string[]
  const types = (second as readonly Schema[]).map((each) => typeOf(each).type)
  const required = names.slice(0, (third as number | undefined) ?? 0)
  return {
    type: { struct: Object.fromEntries(names.map((each, index) => [each, types[index] ?? ''])), required },
    sensitive,
  }
}

interface JsonSchema {
  readonly type: string
  readonly contentEncoding?: string
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema
  readonly required?: readonly string[]
}

function ourTypeOf(json: JsonSchema): Type {
  if (json.properties) {
    const members = Object.entries(json.properties).map(([name, each]) => [name, ourTypeOf(each)])
    return { struct: Object.fromEntries(members), required: json.required ?? [] }
  }
  if (json.items) return { list: ourTypeOf(json.items) }
  if (json.additionalProperties) return { map: ourTypeOf(json.additionalProperties) }
  if (json.contentEncoding === 'base64') return 'blob'
  return json.type === 'number' ? 'timestamp' : json.type
}
const ours = (shape: Shape<unknown>): Type => ourTypeOf(shape.json as unknown as JsonSchema)

/** Required or not: for what AWS answers, its model does not say. */
function regardless(type: Type): Type {
  if (typeof type === 'string') return type
  if ('list' in type) return { list: regardless(type.list) }
  if ('map' in type) return { map: regardless(type.map) }
  return {
    struct: Object.fromEntries(Object.entries(type.struct).map(([name, each]) => [name, regardless(each)])),
    required: [],
  }
}
/** Without members that are ours; what is required of the rest stays. */
function without(type: Type, names: readonly string[]): Type {
  if (typeof type === 'string' || !('struct' in type)) return type
  const kept = Object.entries(type.struct).filter(([name]) => !names.includes(name))
  return { struct: Object.fromEntries(kept), required: type.required }
}
/** The order of what is required is not part of it. */
function sorted(type: Type): Type {
  if (typeof type === 'string') return type
  if ('list' in type) return { list: sorted(type.list) }
  if ('map' in type) return { map: sorted(type.map) }
  const members = Object.entries(type.struct).map(([name, each]) => [name, sorted(each)])
  return { struct: Object.fromEntries(members), required: type.required.toSorted() }
}

type OperationSchema = readonly [9, string, string, number, Schema, Schema]
const isOperation = (value: unknown): value is OperationSchema => Array.isArray(value) && value[0] === 9
const model = new Map(
  Object.values(kms as Readonly<Record<string, unknown>>)
    .filter(isOperation)
    .map((schema) => [schema[2], schema]),
)

const all: readonly AnyOperation[] = operations
const served = all.map((operation) => operation.name)

/** Of an operation's members, in and out, those for which it holds. */
const membersWhere = (shape: AnyOperation['input'], holds: (each: AnyShape) => boolean): readonly string[] =>
  Object.entries<AnyShape>(shape.members)
    .filter(([, each]) => holds(each))
    .map(([name]) => name)
    .sort()

function memberNames(schema: Schema): readonly string[] {
  const { type } = typeOf(schema)
  return typeof type !== 'string' && 'struct' in type ? Object.keys(type.struct) : []
}

function sensitiveMembers(schema: Schema): readonly string[] {
  const resolved: unknown = typeof schema === 'function' ? schema() : schema
  if (!Array.isArray(resolved)) return []
  const [, , , , names, types] = resolved as [number, string, string, number, string[], Schema[]]
  return names.filter((_, index) => typeOf(types[index] ?? 0).sensitive).sort()
}

const types = join(
  dirname(createRequire(import.meta.url).resolve('@aws-sdk/client-kms/package.json')),
  'dist-types/commands',
)
const modelledErrors = (name: string): readonly string[] => {
  const text = readFileSync(join(types, `${name}Command.d.ts`), 'utf8')
  const names = Array.from(text.matchAll(/@throws \{@link (\w+)\}/g), ([, each = '']) => each)
  return names.filter((each) => each !== 'KMSServiceException')
}

test('every action of AWS KMS is served, or is known to be missing', () => {
  expect(model.size).toBe(56)
  expect([...model.keys()].filter((name) => !served.includes(name)).sort()).toEqual(missing)
})

test('no action is served that neither AWS KMS has nor we say is ours', () => {
  expect(served.filter((name) => !model.has(name))).toEqual(extensions)
})

test('the registry is in alphabetical order, and no name is in it twice', () => {
  expect(served).toEqual([...new Set(served)].sort())
})

describe.each(all.filter(({ name }) => model.has(name)).map((operation) => [operation.name, operation] as const))(
  '%s',
  (name, operation) => {
    const [, , , , input, output] = model.get(name) ?? [9, '', name, 0, 'unit', 'unit']
    const extended = extensionMembers[name] ?? { input: [], output: [] }

    test('takes the members that AWS takes, of the same types, and requires the same', () => {
      expect(sorted(without(ours(operation.input), extended.input))).toEqual(sorted(typeOf(input).type))
    })
    test('answers the members that AWS answers, of the same types', () => {
      expect(regardless(without(ours(operation.output), extended.output))).toEqual(regardless(typeOf(output).type))
    })
    test('has the members that are said to be ours, none of them AWS’s or required', () => {
      for (const [names, shape, theirs] of [
        [extended.input, operation.input, input],
        [extended.output, operation.output, output],
      ] as const) {
        expect(membersWhere(shape, ({ required }) => !required)).toEqual(expect.arrayContaining([...names]))
        expect(memberNames(theirs).filter((each) => names.includes(each))).toEqual([])
      }
    })
    test.each([
      ['its input', operation.input, input],
      ['its output', operation.output, output],
    ] as const)('holds as sensitive what AWS does, in %s', (_, shape, schema) => {
      const expected = [
        ...sensitiveMembers(schema),
        ...moreSensitive.filter((each) => Object.hasOwn(shape.members, each)),
      ]
      expect(membersWhere(shape, ({ sensitive }) => sensitive)).toEqual(expected.sort())
    })
    test('has a class for each error that AWS models', () => {
      const names = modelledErrors(name)
      expect(names.length).toBeGreaterThan(1)
      expect(names.filter((each) => !Object.hasOwn(errors, each) && !unthrown.includes(each))).toEqual([])
    })
  },
)

test('members are ours in actions of AWS that are served, and in no others', () => {
  expect(Object.keys(extensionMembers).filter((name) => !model.has(name) || !served.includes(name))).toEqual([])
})

test('an error that is not thrown yet is modelled for an action served, and has no class', () => {
  const modelled = new Set(served.filter((name) => model.has(name)).flatMap(modelledErrors))
  expect(unthrown.filter((name) => !modelled.has(name) || Object.hasOwn(errors, name))).toEqual([])
})

test("an error is the client's fault or the server's as AWS has it", () => {
  const faults = Object.entries(errors as Readonly<Record<string, unknown>>).flatMap(([name, Class]) => {
    const schema = (kms as Readonly<Record<string, unknown>>)[`${name}$`] as
      | readonly [number, string, string, Traits]
      | undefined
    if (typeof Class !== 'function' || !schema) return []
    const error = new (Class as typeof errors.KMSInternalException)()
    return [{ name: error.name, ours: error.fault, theirs: schema[3].error, is: error instanceof errors.KmsError }]
  })
  expect(faults.length).toBeGreaterThan(15)
  expect(faults.filter(({ is, ours: our, theirs }) => !is || our !== theirs)).toEqual([])
})

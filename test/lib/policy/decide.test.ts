import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecisionRequest, decide } from '../../../lib/policy/decide.ts'
import type { PolicyDocument } from '../../../lib/policy/document.ts'
import type { PolicyGrant } from '../../../lib/policy/grants.ts'
import { parseStoredIdentityPolicy, parseStoredPolicy } from '../../../lib/policy/policies.ts'
import { account, callers, keyArn } from './scenario.ts'

type Statement = Readonly<Record<string, unknown>>

const listOf = <T>(...values: readonly T[]) => fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })

const principals = listOf(
  '*',
  account,
  '444455556666',
  `arn:aws:iam::${account}:user/team/alice`,
  `arn:aws:iam::${account}:role/ci/Deployer`,
  'arn:aws:sts::111122223333:assumed-role/Deployer/build',
  'AROADEPLOYERDEPLOY222',
  'arn:aws:iam::444455556666:user/zoe',
)
const actions = listOf('*', 'kms:*', 'kms:Encrypt', 'kms:En*', 'kms:De*')
const resources = listOf(
  '*',
  '*',
  keyArn,
  'arn:aws:kms:*:*:key/1234*',
  'arn:aws:s3',
  'arn:aws:kms:*:*:key/${aws:username}*',
)
const names = listOf('alice', 'a*', '${aws:username}', '${no:such}', 'x', '5')
const conditions = fc.dictionary(
  fc.constantFrom(
    'StringEquals',
    'StringNotEquals',
    'StringLikeIfExists',
    'ForAllValues:StringLike',
    'ForAnyValue:StringNotLike',
    'Null',
    'NumericNotEquals',
    'IpAddress',
    'ArnNotLike',
    'NoSuchOperator',
  ),
  fc.dictionary(fc.constantFrom('aws:username', 'aws:TagKeys', 'kms:ViaService'), names, { minKeys: 1, maxKeys: 2 }),
  { maxKeys: 2 },
)
const mostlyNone = fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: conditions })
const seldom = <T>(usual: T, other: T) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constant(other) })

const body = fc.record({ Action: actions, Resource: resources }).chain(({ Action, Resource }) =>
  fc
    .record({
      action: seldom<Statement>({ Action }, { NotAction: Action }),
      resource: seldom<Statement>({ Resource }, { NotResource: Resource }),
      Condition: mostlyNone,
    })
    .map(({ action, resource, Condition }) => ({ ...action, ...resource, Condition })),
)
const identityStatement = (Effect: 'Allow' | 'Deny') => body.map((rest) => ({ Effect, ...rest }))
const keyStatement = (Effect: 'Allow' | 'Deny') =>
  fc.tuple(body, principals, fc.boolean()).map(([rest, AWS, not]) => ({
    Effect,
    ...(not && Effect === 'Deny' ? { NotPrincipal: { AWS } } : { Principal: { AWS } }),
    ...rest,
  }))

const some = (of: (effect: 'Allow' | 'Deny') => fc.Arbitrary<Statement>) =>
  fc.array(fc.oneof({ weight: 8, arbitrary: of('Allow') }, { weight: 1, arbitrary: of('Deny') }), {
    minLength: 1,
    maxLength: 4,
  })

const readBy =
  (parse: (text: string) => PolicyDocument | undefined) =>
  (statements: readonly Statement[]): PolicyDocument => {
    const document = parse(JSON.stringify({ Version: '2012-10-17', Statement: statements }))
    if (!document) throw new Error('The generator made a policy that cannot be read.')
    return document
  }
const keyDocument = readBy(parseStoredPolicy)
const identityDocument = readBy(parseStoredIdentityPolicy)

interface World {
  readonly caller: string
  readonly key: readonly Statement[]
  readonly identity: readonly Statement[]
  readonly boundary: readonly Statement[] | undefined
  readonly session: readonly Statement[] | undefined
  readonly grants: readonly PolicyGrant[]
  readonly context: Readonly<Record<string, string | string[]>>
}
const grants: fc.Arbitrary<PolicyGrant> = fc.record({
  id: fc.constant('grant'),
  grantee: fc.constantFrom(
    account,
    `arn:aws:iam::${account}:user/team/alice`,
    `arn:aws:iam::${account}:role/ci/Deployer`,
    'AROADEPLOYERDEPLOY222:build',
    `arn:aws:sts::${account}:federated-user/fay`,
    'arn:aws:iam::444455556666:user/zoe',
  ),
  issuingAccount: fc.constantFrom(account, '444455556666'),
  operations: fc.constantFrom(['Encrypt'], ['Decrypt'], ['Encrypt', 'Decrypt']),
  constraints: fc.constantFrom({}, { EncryptionContextSubset: { a: 'b' } }),
})
const worlds: fc.Arbitrary<World> = fc.record({
  caller: fc.constantFrom(...Object.keys(callers)),
  key: some(keyStatement),
  identity: some(identityStatement),
  boundary: fc.option(some(identityStatement), { nil: undefined, freq: 3 }),
  session: fc.option(some(identityStatement), { nil: undefined, freq: 3 }),
  grants: fc.array(grants, { maxLength: 2 }),
  context: fc.record(
    {
      'aws:username': fc.constantFrom('alice', '*', '5', '1234'),
      'aws:tagkeys': fc.array(fc.constantFrom('a*', 'x', 'alice')),
      'kms:viaservice': fc.constant('x'),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<World['context']>,
})

function ask(world: World) {
  const caller = callers[world.caller]
  if (!caller) throw new Error(`No caller is called ${world.caller}.`)
  const request: DecisionRequest = {
    caller,
    action: 'kms:Encrypt',
    crossAccount: true,
    resource: { arn: keyArn, account, keyPolicy: keyDocument(world.key) },
    context: new Map(Object.entries(world.context)),
    grants: world.grants,
    identityPolicies: [{ name: 'identity', document: identityDocument(world.identity) }],
    ...(world.boundary && { boundary: { name: 'boundary', document: identityDocument(world.boundary) } }),
    ...(world.session && { sessionPolicies: [{ name: 'session', document: identityDocument(world.session) }] }),
  }
  const decision = decide(request)
  return decision.allowed
    ? { allowed: true }
    : { allowed: false, explicit: decision.explicit, message: decision.message }
}

/** Every list and every object in another order. */
function permuted(value: unknown, numbers: readonly number[]): unknown {
  let drawn = 0
  const next = (): number => numbers[drawn++ % numbers.length] ?? 0
  const shuffled = <T>(list: readonly T[]): T[] =>
    list
      .map((each) => ({ each, at: next() }))
      .toSorted((one, other) => one.at - other.at)
      .map(({ each }) => each)
  const permute = (each: unknown): unknown => {
    if (Array.isArray(each)) return shuffled(each).map(permute)
    if (typeof each !== 'object' || each === null) return each
    return Object.fromEntries(shuffled(Object.entries(each)).map(([name, inner]) => [name, permute(inner)]))
  }
  return permute(value)
}

/** Conditions and actions with their names in capitals. */
const inCapitals = (statement: Statement): Statement => {
  const { Condition, ...rest } = statement as { Condition: Record<string, Record<string, unknown>> }
  const upper = (text: string): string => text.toUpperCase()
  const raised = Object.entries(rest).map(([name, value]) => [
    name,
    /Action/.test(name) ? [value].flat().map((each) => upper(String(each))) : value,
  ])
  const conditions = Object.entries(Condition).map(([operator, keys]) => [
    upper(operator),
    Object.fromEntries(Object.entries(keys).map(([name, value]) => [upper(name), value])),
  ])
  return { ...Object.fromEntries(raised), Condition: Object.fromEntries(conditions) }
}

const runs = { numRuns: 1000 }

describe('decide', { timeout: 30_000 }, () => {
  it('never allows more for a Deny that is added', () => {
    fc.assert(
      fc.property(
        worlds,
        keyStatement('Deny'),
        identityStatement('Deny'),
        fc.constantFrom('key', 'identity'),
        (world, forKey, forIdentity, to) => {
          const more =
            to === 'key'
              ? { ...world, key: [...world.key, forKey] }
              : { ...world, identity: [...world.identity, forIdentity] }
          expect(ask(more).allowed && !ask(world).allowed).toBe(false)
        },
      ),
      runs,
    )
  })

  it('never denies more for an Allow that is added', () => {
    fc.assert(
      fc.property(
        worlds,
        keyStatement('Allow'),
        identityStatement('Allow'),
        fc.constantFrom('key', 'identity', 'boundary', 'session'),
        (world, forKey, forIdentity, to) => {
          const more =
            to === 'key'
              ? { ...world, key: [...world.key, forKey] }
              : to === 'identity'
                ? { ...world, identity: [...world.identity, forIdentity] }
                : {
                    ...world,
                    ...(to === 'boundary'
                      ? world.boundary && { boundary: [...world.boundary, forIdentity] }
                      : world.session && { session: [...world.session, forIdentity] }),
                  }
          expect(ask(world).allowed && !ask(more).allowed).toBe(false)
        },
      ),
      runs,
    )
  })

  it('never denies more for a grant that is added', () => {
    fc.assert(
      fc.property(worlds, grants, (world, grant) => {
        const more = { ...world, grants: [...world.grants, grant] }
        expect(ask(world).allowed && !ask(more).allowed).toBe(false)
      }),
      runs,
    )
  })

  it('never allows more for a boundary or a session policy that is added', () => {
    fc.assert(
      fc.property(worlds, some(identityStatement), fc.constantFrom('boundary', 'session'), (world, policy, as) => {
        const limited = { ...world, [as]: policy }
        const free = { ...world, [as]: undefined }
        // What a federated user has without a session policy is what keys and grants give it.
        fc.pre(world.caller !== 'federated')
        expect(ask(limited).allowed && !ask(free).allowed).toBe(false)
      }),
      runs,
    )
  })

  it('decides the same whatever the order of statements, values, operators and grants', () => {
    fc.assert(
      fc.property(worlds, fc.array(fc.nat(), { minLength: 5, maxLength: 40 }), (world, numbers) => {
        const other = { ...(permuted(world, numbers) as World), context: world.context }
        expect(ask(other)).toEqual(ask(world))
      }),
      runs,
    )
  })

  it('decides the same whatever the case of actions, operators and condition keys', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const raised = {
          ...world,
          key: world.key.map(inCapitals),
          identity: world.identity.map(inCapitals),
          boundary: world.boundary?.map(inCapitals),
          session: world.session?.map(inCapitals),
        }
        expect(ask(raised)).toEqual(ask(world))
      }),
      runs,
    )
  })

  it('finds requests of both kinds among those that the properties are tried on', () => {
    const answers = fc.sample(worlds, { numRuns: 1000, seed: 1 }).map((world) => ask(world).allowed)
    expect(answers.filter((allowed) => allowed).length).toBeGreaterThan(100)
    expect(answers.filter((allowed) => !allowed).length).toBeGreaterThan(100)
  })

  it('answers whatever JSON is stored as a policy', () => {
    const field = fc.constantFrom(
      'Version',
      'Statement',
      'Effect',
      'Principal',
      'NotPrincipal',
      'AWS',
      'Action',
      'Resource',
      'Condition',
      'StringLike',
      '__proto__',
    )
    const leaf = fc.oneof(
      fc.constantFrom('Allow', 'Deny', '*', '2012-10-17', '${', '${a', '', null, 1e300, true),
      fc.string(),
    )
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 6 },
        leaf,
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(field, tie('json'), { maxKeys: 5 }),
      ),
    }))
    fc.assert(
      fc.property(fc.oneof(json, fc.jsonValue()), (value) => {
        const text = JSON.stringify(value)
        const decision = decide({
          caller: { type: 'User', account, arn: 'x', principalId: 'y', userName: 'z' },
          action: 'kms:Encrypt',
          crossAccount: true,
          context: new Map(),
          resource: { arn: keyArn, account, keyPolicy: parseStoredPolicy(text) },
          identityPolicies: [{ name: 'identity', document: parseStoredIdentityPolicy(text) }],
        })
        expect(typeof decision.allowed).toBe('boolean')
      }),
      runs,
    )
  })

  it('answers whatever values a statement that can be read has', () => {
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom('${', '${}', "${a,'", "${a, 'b'}", '${*}', 'arn:::::', '*', '?', '::1/0', '1/1/1', '1e999'),
    )
    const operator = fc.constantFrom(
      'StringLike',
      'ArnNotLike',
      'NotIpAddress',
      'DateLessThan',
      'NumericEquals',
      'BinaryEquals',
      'Bool',
      'Null',
    )
    fc.assert(
      fc.property(value, operator, value, value, (Resource, name, wanted, found) => {
        const statement = {
          Effect: 'Allow',
          Principal: '*',
          Action: '*',
          Resource: Resource || '*',
          Condition: { [name]: { 'a:k': wanted } },
        }
        const decision = decide({
          caller: { type: 'Root', account, arn: found, principalId: found },
          action: found,
          crossAccount: true,
          context: new Map([['a:k', found]]),
          resource: { arn: keyArn, account, keyPolicy: keyDocument([statement]) },
        })
        expect(typeof decision.allowed).toBe('boolean')
      }),
      runs,
    )
  })

  it('lets nobody in to a key whose policy is not given', () => {
    const decision = decide({
      caller: { type: 'Root', account, arn: `arn:aws:iam::${account}:root`, principalId: account },
      action: 'kms:Encrypt',
      crossAccount: true,
      context: new Map(),
      resource: { arn: keyArn, account },
    })
    expect(decision).toMatchObject({ allowed: false, explicit: false, by: { source: 'default' } })
  })

  it('answers a stranger the same for a key that is not there and one that is not shared', () => {
    const stranger = callers.stranger
    if (!stranger) throw new Error('No caller is called stranger.')
    const about = (keyPolicy: PolicyDocument | undefined) =>
      decide({
        caller: stranger,
        action: 'kms:Encrypt',
        crossAccount: true,
        context: new Map(),
        resource: { arn: keyArn, account, keyPolicy },
      })
    expect(about(undefined)).toEqual(about({ version: '2012-10-17', statements: [] }))
  })

  it('says which identity statement decided and which statement made it count', () => {
    const allow = { Sid: 'use', Effect: 'Allow', Action: 'kms:*', Resource: '*' }
    const decision = decide({
      caller: { type: 'User', account, arn: 'arn', principalId: 'id', userName: 'name' },
      action: 'kms:Encrypt',
      crossAccount: true,
      context: new Map(),
      resource: {
        arn: keyArn,
        account,
        keyPolicy: keyDocument([{ ...allow, Sid: 'delegate', Principal: { AWS: account } }]),
      },
      identityPolicies: [{ name: 'developers', document: identityDocument([allow]) }],
    })
    expect(decision).toEqual({
      allowed: true,
      by: {
        source: 'identity-policy',
        policy: 'developers',
        statement: 'use',
        detail: 'Together with key-policy delegate.',
      },
    })
  })
})

/**
 * The roles of the functions suffice, and are no more than what suffices: each function is run with its own role's
 * credentials against an AWS that asks IAM, and what its role allows besides is what nothing here could show.
 */
import * as sts from '@aws-sdk/client-sts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { handler as anyOperation } from '../functions/front-door.ts'
import { handler as iam, iamApi } from '../functions/identity/iam.ts'
import { stsApi, handler as stsHandler } from '../functions/identity/sts.ts'
import {
  catalog,
  documents,
  type Entry,
  frontDoor,
  kebabOf,
  peers,
  scheduleCatalog,
  serviceCatalog,
  root as tree,
} from '../infra/catalog.ts'
import { serviceExampleOf } from '../infra/examples.ts'
import { roleOf } from '../infra/roles.ts'
import type { Handler } from '../lib/http/serve.ts'
import { type AnyOperation, serviceOf } from '../lib/operation.ts'
import type { Outcome } from '../lib/scheduled.ts'
import { type Cloud, startCloud } from './harness/cloud.ts'
import { namingPolicy, type Staged, staged } from './harness/function-runs.ts'
import { asIam } from './harness/iam.ts'
import { aliceKey, rootKey, tokenOf } from './harness/iam-scene.ts'
import { validInputs } from './harness/inputs.ts'
import { TestIssuer } from './harness/oidc.ts'
import { type Permission, permissionsOf, rolePolicies, secretArn, shown } from './harness/role-policies.ts'
import { clientOf } from './harness/sdk.ts'
import type { Credentials } from './harness/sign.ts'
import { type Answer, account, root, type TestWorld } from './harness/world.ts'

const policies = rolePolicies()
const policyOf = (role: string) => {
  const policy = policies.get(role)
  if (!policy) throw new Error(`no role ${role}`)
  return policy
}

let cloud: Cloud
let scene: Staged
beforeAll(async () => {
  cloud = await startCloud({
    account,
    policyOf: (role) => policyOf(role).document,
    secret: { arn: secretArn, value: 'user:pin' },
  })
  scene = await staged(cloud)
})
afterAll(() => cloud.close())
beforeEach(() => {
  cloud.seen.length = 0
})

/** What is asked of IAM for the function's role, but not by the function: no run of it can show it. */
const notItsOwn: readonly (readonly [RegExp, string])[] = [
  [/^logs:(?:CreateLogStream|PutLogEvents)$/, 'Lambda writes the log in the role’s name.'],
  [/^sqs:SendMessage$/, 'Lambda tells in the role’s name what a scheduled function has failed at.'],
  [/^ec2:\w+$/, 'Lambda gives the function its place in the network in the role’s name; the function is denied it.'],
]

const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('\\*', '.*')}$`).test(text)

const wasUsed = ({ action, resource, partition }: Permission): boolean =>
  cloud.seen.some(
    (call) =>
      call.action === action &&
      call.resource === resource &&
      (partition === undefined ||
        [call.context.get('dynamodb:leadingkeys') ?? []].flat().some((each) => matches(partition, each))),
  )

/** What the role was refused, and what it allows that nothing asked for. */
function verdict(role: string) {
  const own = cloud.seen.filter((call) => call.role === role || !call.allowed)
  return {
    refused: own
      .filter(({ allowed }) => !allowed)
      .map(({ role, action, resource, context }) => `${role}: ${action} ${resource} ${[...context.values()].flat()}`),
    unused: permissionsOf(policyOf(role))
      .filter(({ action }) => !notItsOwn.some(([pattern]) => pattern.test(action)))
      .filter((permission) => !wasUsed(permission))
      .map(shown),
  }
}
const exact = { refused: [], unused: [] }

type Input = Readonly<Record<string, unknown>>

/** A request of the operation's RESTful route: its members in path, query and body. */
function restful({ operation }: Entry, input: Input) {
  const [method = '', path = ''] = operation.route.split(' ')
  const members = Array.from(path.matchAll(/\{(\w+)\}/g), ([, member = '']) => [member, String(input[member])] as const)
  const pathParameters: Record<string, string> = Object.fromEntries(members)
  const left = Object.entries(input).filter(([member]) => !Object.hasOwn(pathParameters, member))
  const query = new URLSearchParams(Object.fromEntries(left.map(([name, value]) => [name, String(value)])))
  const place = path.replace(/\{(\w+)\}/g, (_, member) => encodeURIComponent(pathParameters[member] ?? ''))
  const headers = { host: 'localhost:4599', 'content-type': 'application/json' }
  return method === 'GET'
    ? { request: { method, target: `${place}?${query}`, headers, body: '' }, pathParameters }
    : { request: { method, target: place, headers, body: JSON.stringify(Object.fromEntries(left)) }, pathParameters }
}

const handlerOf = async <T>(file: string): Promise<T> => ((await import(`${tree}/${file}`)) as { handler: T }).handler

const member = `arn:aws:iam::${account}:user/member`
/** Valid requests that have a function do what the ordinary one does not. */
const further: Readonly<Record<string, (scene: Staged) => readonly Input[]>> = {
  CreateKey: ({ at }) => [
    { Policy: namingPolicy(member) },
    { Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: at.connected, XksKeyId: 'external-2' },
  ],
  DeleteAlias: () => [{ AliasName: 'alias/external' }],
  GenerateRandom: ({ at }) => [{ NumberOfBytes: 8, CustomKeyStoreId: at.connected }],
  GetKeyPolicy: ({ named }) => [{ KeyId: named }],
  ListAliases: () => [{}],
  ListGrants: ({ at }) => [{ KeyId: at.keyId, GranteePrincipal: member }],
  ListRetirableGrants: () => [{ RetiringPrincipal: member }],
  PutKeyPolicy: ({ at }) => [{ KeyId: at.keyId, Policy: namingPolicy(member) }],
  ReplicateKey: ({ at }) => [{ KeyId: at.shared.keyId, ReplicaRegion: 'eu-west-1', Policy: namingPolicy(member) }],
  UpdateAlias: ({ external }) => [{ AliasName: 'alias/external', TargetKeyId: external }],
}

/** An ordinary request of it. */
const validOf = ({ operation: { name } }: Entry): Input => {
  const { at, waiting } = scene
  return validInputs[name]?.(name === 'CancelKeyDeletion' ? { ...at, keyId: waiting } : at) ?? {}
}

type Ask = (input: Input, by: Credentials | 'nobody') => Promise<Answer>

async function runOperation(entry: Entry, ask: Ask): Promise<void> {
  const { operation } = entry
  const { at, people, external } = scene
  const valid = validOf(entry)
  const unknown = { accessKeyId: 'AKIAUNKNOWNUNKNOWN12', secretAccessKey: 'x' }
  expect((await ask(valid, 'nobody')).status).toBe(400)
  expect((await ask(valid, unknown)).status).toBe(400)
  await ask(valid, people.grantee)
  expect(await ask(valid, root)).toMatchObject({ status: 200 })
  for (const by of [people.user, people.session]) await ask(valid, by)
  for (const input of further[operation.name]?.(scene) ?? []) for (const by of [people.user, root]) await ask(input, by)
  const [named = '', rule] = Object.entries(operation.on)[0] ?? []
  if (!(named in valid) || rule?.by === 'alias-name') return
  const by = (id: string, who: Credentials) => ask({ ...valid, [named]: id }, who)
  await by(at.keyId, people.user)
  await by(external, root)
  await by(at.shared.keyId, root)
  if (rule?.by === 'any') await by('alias/external', people.user)
}

/** Runs one operation as deployed, by its route. */
async function viaItsRoute(world: TestWorld, entry: Entry): Promise<Ask> {
  const handler = await handlerOf<Handler>(entry.file)
  return (input, by) => {
    const { request, pathParameters } = restful(entry, input)
    return world.send(request, by, handler, pathParameters, serviceOf(entry.operation).name)
  }
}

/** By each of the trail's indexes. An hour of it, as there are many partitions to an hour. */
const lookups = ({ nowMs }: TestWorld, ResourceName: string): readonly Input[] => {
  const StartTime = nowMs / 1000 - 60
  const by = Object.entries({ ResourceName, Username: 'member', EventName: 'ReEncrypt' })
  return [
    { StartTime },
    ...by.map(([AttributeKey, AttributeValue]) => ({
      StartTime,
      LookupAttributes: [{ AttributeKey, AttributeValue }],
    })),
  ]
}

const arnOf = (keyId: string): string => `arn:aws:kms:us-east-1:${account}:key/${keyId}`

const entryOf = (name: string): Entry => {
  const entry = catalog().find(({ operation }) => operation.name === name)
  if (!entry) throw new Error(`no operation ${name}`)
  return entry
}

/** Every action's example, in the account that the examples are of; and each kind of caller. */
async function runIam(world: TestWorld, via: Handler, actions: readonly AnyOperation[]): Promise<void> {
  for (const { name } of actions) {
    const { request } = serviceExampleOf({ group: 'iam', kebab: kebabOf(name) })
    const { status = 200 } = await asIam(world, name, request, rootKey, via)
    expect([name, status < 500]).toEqual([name, true])
  }
  for (const by of [scene.people.user, scene.people.session]) await asIam(world, 'GetUser', {}, by, via)
}

/** What is there is removed after all that is done with it; but what something has been done with may have to stay. */
const removes = ({ name }: AnyOperation): boolean => /^(?:Delete|Detach|Remove)/.test(name)
const removingLast = iamApi.actions.toSorted((a, b) => Number(removes(a)) - Number(removes(b)))
const removing = iamApi.actions.filter(removes)

async function runSts(world: TestWorld, via: Handler): Promise<void> {
  const issuer = await TestIssuer.start()
  const token = await tokenOf(issuer, world)
  const commands = sts as unknown as Readonly<Record<string, new (input: object) => never>>
  for (const { name } of stsApi.actions as readonly AnyOperation[]) {
    const { request } = serviceExampleOf({ group: 'sts', kebab: kebabOf(name) })
    const input = name === 'AssumeRoleWithWebIdentity' ? { ...request, WebIdentityToken: token } : request
    const Command = commands[`${name}Command`]
    if (!Command) throw new Error(`STS has no ${name}`)
    await new sts.STSClient(clientOf(world, aliceKey, via)).send(new Command(input))
    for (const by of [root, scene.people.user, scene.people.session]) {
      await new sts.STSClient(clientOf(world, by, via)).send(new Command(input)).catch(() => undefined)
    }
  }
  issuer.stop()
}

describe('a function does all that it does with its own role, which allows nothing else', () => {
  const ordinary = catalog().filter(({ operation }) => operation.name !== 'LookupEvents')
  test.each(ordinary.map((entry) => [entry.kebab, entry] as const))('%s', async (kebab, entry) => {
    const { world, close } = await scene.deploy(roleOf(kebab))
    await world.hsm.check()
    await runOperation(entry, await viaItsRoute(world, entry))
    await close()
    expect(verdict(roleOf(kebab))).toEqual(exact)
  })

  test('lookup-events, of records that others have written', async () => {
    const writer = await scene.deploy(roleOf('re-encrypt'))
    const entry = entryOf('ReEncrypt')
    await runOperation(entry, await viaItsRoute(writer.world, entry))
    await writer.close()
    cloud.seen.length = 0
    const { world, close } = await scene.deploy(roleOf('lookup-events'), 'left')
    await world.hsm.check()
    const ask = await viaItsRoute(world, entryOf('LookupEvents'))
    for (const input of lookups(world, arnOf(scene.at.otherKeyId))) {
      const { status, json } = await ask(input, root)
      const names = new Set((json.Events as readonly { EventName: string }[]).map(({ EventName }) => EventName))
      expect([input, status, names]).toEqual([input, 200, new Set(['ReEncrypt'])])
    }
    for (const by of [scene.people.user, scene.people.session, 'nobody'] as const)
      await ask({ MaxResults: 1, StartTime: world.nowMs / 1000 }, by)
    await close()
    expect(verdict(roleOf('lookup-events'))).toEqual(exact)
  })

  test('iam', async () => {
    for (const actions of [removing, removingLast]) {
      const { world, close } = await scene.deploy(roleOf('iam'))
      await world.hsm.check()
      await runIam(world, iam, actions)
      await close()
    }
    expect(verdict(roleOf('iam'))).toEqual(exact)
  })

  test('sts', async () => {
    const { world, close } = await scene.deploy(roleOf('sts'), 'sessionless')
    await world.hsm.check()
    await runSts(world, stsHandler)
    await close()
    expect(verdict(roleOf('sts'))).toEqual(exact)
  })

  test('front-door', { timeout: 60_000 }, async () => {
    const { world, close } = await scene.deploy(roleOf(frontDoor), 'sessionless')
    await world.hsm.check()
    for (const entry of ordinary) {
      const { name } = entry.operation
      await world.call(name, validOf(entry), root)
      for (const input of further[name]?.(scene) ?? []) await world.call(name, input, scene.people.user)
    }
    for (const input of lookups(world, arnOf(scene.at.otherKeyId))) {
      expect(await world.call('LookupEvents', input, scene.people.user)).toMatchObject({ status: 200 })
    }
    const health = { method: 'GET', target: '/health?deep', headers: {}, body: '' }
    expect((await world.send(health, 'nobody')).json).toEqual({ status: 'ok' })
    await runSts(world, anyOperation)
    await runIam(world, anyOperation, removingLast)
    await close()
    const before = await scene.deploy(roleOf(frontDoor))
    await runIam(before.world, anyOperation, removing)
    await before.close()
    expect(verdict(roleOf(frontDoor))).toEqual(exact)
  })

  test('peers', async () => {
    const west = await scene.world.neighbour('us-west-2')
    const { close } = await scene.deploy(roleOf(peers))
    const { KeyId } = await west.key({ MultiRegion: true })
    const done = async (action: string, input: Input) => {
      const { status, json } = await west.call(action, input)
      expect([action, status, json.message]).toEqual([action, 200, undefined])
    }
    await done('ReplicateKey', { KeyId, ReplicaRegion: 'us-east-1' })
    await done('RotateKeyOnDemand', { KeyId })
    await done('UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-east-1' })
    await close()
    expect(verdict(roleOf(peers))).toEqual(exact)
  })

  test('documents, which asks AWS nothing', () => {
    expect(verdict(roleOf(documents))).toEqual(exact)
  })
})

const dayMs = 86_400_000
const ran = async (file: string): Promise<Outcome> =>
  (await handlerOf<(event: object) => Promise<Outcome>>(file))({ source: 'aws.events' })

describe('a scheduled function does what is due with its own role, which allows nothing else', () => {
  let due: Staged
  beforeAll(async () => {
    due = await staged(cloud)
    const { world, at } = due
    const done = async (action: string, input: Input, where = world) => {
      const { status, json } = await where.call(action, input)
      expect([action, status, json.message]).toEqual([action, 200, undefined])
    }
    await done('EnableKeyRotation', { KeyId: at.keyId, RotationPeriodInDays: 90 })
    await done('ImportKeyMaterial', {
      KeyId: at.external.keyId,
      ImportToken: at.external.token,
      EncryptedKeyMaterial: at.external.encrypted,
      ValidTo: world.nowMs / 1000 + 86_400,
    })
    await done('CreateAlias', { AliasName: 'alias/doomed', TargetKeyId: at.otherKeyId })
    await done('CreateGrant', { KeyId: at.otherKeyId, GranteePrincipal: member, Operations: ['Encrypt'] })
    await done('ScheduleKeyDeletion', { KeyId: at.otherKeyId, PendingWindowInDays: 7 })
    const west = await world.neighbour('us-west-2')
    const { KeyId } = await west.key({ MultiRegion: true })
    await done('ReplicateKey', { KeyId, ReplicaRegion: 'us-east-1' }, west)
    await done('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.network.cut.set('us-west-2', 0)
    await done('EnableKeyRotation', { KeyId: at.shared.keyId, RotationPeriodInDays: 365 })
    world.network.cut.delete('us-west-2')
    world.nowMs += 91 * dayMs
  })

  const onKeys = scheduleCatalog().filter(({ schedule }) => schedule.name !== 'SealAuditLog')
  test.each(onKeys.map(({ kebab, file }) => [kebab, file] as const))('%s', async (kebab, file) => {
    const { close } = await due.deploy(roleOf(kebab))
    const { done, failed } = await ran(file)
    await close()
    expect(verdict(roleOf(kebab))).toEqual(exact)
    expect([done > 0, failed]).toEqual([true, 0])
  })

  test('seal-audit-log, of records that others have written, and forgets what is old', async () => {
    const entry = entryOf('GenerateRandom')
    const role = roleOf('seal-audit-log')
    for (const tables of ['staged', 'left', 'left'] as const) {
      const writer = await due.deploy(roleOf(entry.kebab), tables)
      const ask = await viaItsRoute(writer.world, entry)
      expect(await ask({ NumberOfBytes: 8 }, root)).toMatchObject({ status: 200 })
      await writer.close()
      const { world, close } = await due.deploy(role, 'left')
      Object.assign(world.open, { auditKeepDays: 30 })
      expect(await ran('functions/scheduled/seal-audit-log.ts')).toMatchObject({ done: 1, failed: 0 })
      await close()
      world.nowMs += 40 * dayMs
    }
    expect(verdict(role)).toEqual(exact)
  })
})

test('every role is run', () => {
  const functions = [...catalog(), ...serviceCatalog(), ...scheduleCatalog()].map(({ kebab }) => kebab)
  const named = [...functions, frontDoor, peers, documents].map(roleOf)
  expect([...policies.keys()].sort()).toEqual(named.sort())
})

test('every role’s policy fits into IAM’s 10,240 characters', () => {
  expect([...policies].filter(([, { size }]) => size > 10_240)).toEqual([])
})

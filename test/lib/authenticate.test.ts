import { beforeEach, describe, expect, test } from 'vitest'
import type { User } from '../../lib/identity/entities.ts'
import { accessKeyId } from '../../lib/identity/ids.ts'
import { findPrincipal } from '../../lib/identity/principals.ts'
import { ownerOfSecret } from '../../lib/identity/signing-keys.ts'
import { aRole, aUser } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { secretKey } from '../harness/soft-hsm.ts'
import { account, TestWorld } from '../harness/world.ts'

const allow = (action: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: '*' }] })
const arnOf = (name: string) => `arn:aws:iam::${account}:${name}`
const invalidToken = {
  __type: 'UnrecognizedClientException',
  message: 'The security token included in the request is invalid.',
}

let world: TestWorld
let bob: Credentials
let seed = 0
beforeEach(async () => {
  world = await TestWorld.start()
  bob = { accessKeyId: accessKeyId('AKIA', account, new Uint8Array(5).fill(seed++)), secretAccessKey: 's'.repeat(40) }
})

async function storeSecret(user: User, credentials: Credentials): Promise<void> {
  const { accessKeyId: id, secretAccessKey } = credentials
  const wrapped = await world.hsm.wrapSecret(ownerOfSecret({ account, id }), secretKey(secretAccessKey))
  await world.open.accessKeys.create({ id, account, createdAt: 1, wrapped, userId: user.id })
}

/** A user with an active access key. */
async function userWith(given: Partial<User> = {}): Promise<User> {
  const accessKeys = [{ id: bob.accessKeyId, status: 'Active', createdAt: 1 }] as const
  const user = aUser('bob', { account, arn: arnOf('user/bob'), accessKeys, ...given })
  await storeSecret(user, bob)
  await world.open.principals.users.create(user)
  return user
}

describe("a user's access key is refused in the words of one that does not exist", () => {
  const refused = async () => expect((await world.call('ListKeys', {}, bob)).json).toEqual(invalidToken)

  test('when it does not exist', () => refused())

  test('when it is inactive', async () => {
    await userWith({ accessKeys: [{ id: bob.accessKeyId, status: 'Inactive', createdAt: 1 }] })
    await refused()
  })

  test('when its user no longer has it', async () => {
    await userWith({ accessKeys: [] })
    await refused()
  })

  test('when its user is gone, also where another has the name since', async () => {
    const user = await userWith({ inline: { all: allow('kms:*') } })
    expect((await world.call('ListKeys', {}, bob)).json.__type).not.toBe(invalidToken.__type)
    await world.open.principals.users.remove(user)
    await refused()
    await world.open.principals.users.create(aUser('bob', { account, accessKeys: user.accessKeys }))
    await refused()
  })

  test('when a session token is beside it', async () => {
    await userWith({ inline: { all: allow('kms:*') } })
    const answer = await world.call('ListKeys', {}, { ...bob, sessionToken: 'x' })
    expect(answer.json).toEqual(invalidToken)
  })
})

describe('a principal', () => {
  test('is found by its ARN or its unique id, and a session by its role', async () => {
    const { principals } = world.open
    const user = aUser('bob', { account, path: '/team/', arn: arnOf('user/team/bob') })
    const role = aRole('app', { account, arn: arnOf('role/app') })
    await principals.users.create(user)
    await principals.roles.create(role)
    const idOf = async (text: string) => (await findPrincipal(text, principals))?.id
    expect(await idOf(user.arn)).toBe(user.id)
    expect(await idOf(user.id)).toBe(user.id)
    expect(await idOf(role.arn)).toBe(role.id)
    expect(await idOf(`${role.id}:session`)).toBe(role.id)
    expect(await idOf(`arn:aws:sts::${account}:assumed-role/app/session`)).toBe(role.id)
  })

  test.each([
    'user/bob',
    'user/team/BOB',
    'user/teams/bob',
    'role/team/bob',
    'group/team/bob',
    'user/team/',
    'root',
    '',
  ])('is not found by %s', async (resource) => {
    await world.open.principals.users.create(aUser('bob', { account, path: '/team/', arn: arnOf('user/team/bob') }))
    expect(await findPrincipal(arnOf(resource), world.open.principals)).toBeUndefined()
  })
})

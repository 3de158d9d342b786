import { beforeEach, describe, expect, test } from 'vitest'
import type { User } from '../../lib/identity/entities.ts'
import { addUser, aGroup, aManagedPolicy, aRole, aUser, policyText } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { account, TestWorld } from '../harness/world.ts'

const arnOf = (name: string) => `arn:aws:iam::${account}:${name}`
const invalidToken = {
  __type: 'UnrecognizedClientException',
  message: 'The security token included in the request is invalid.',
}
const because = (action: string, reason: string) => ({
  __type: 'AccessDeniedException',
  message: `User: ${arnOf('user/bob')} is not authorized to perform: kms:${action} on resource: * ${reason}`,
})

let world: TestWorld
let bob: Credentials
beforeEach(async () => {
  world = await TestWorld.start()
})

async function userWith(given: Partial<User> = {}): Promise<User> {
  const { user, credentials } = await addUser(world, 'bob', given)
  bob = credentials
  return user
}

describe('a user', () => {
  test('does what its inline policy allows, and nothing else', async () => {
    await userWith({ inline: { lister: policyText('kms:ListKeys') } })
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
    expect((await world.call('ListAliases', {}, bob)).json).toEqual(
      because('ListAliases', 'because no identity-based policy allows the kms:ListAliases action'),
    )
  })

  test('is named in the audit trail', async () => {
    const user = await userWith({ inline: { lister: policyText('kms:ListKeys') } })
    await world.call('ListKeys', {}, bob)
    expect(world.records.at(-1)?.userIdentity).toMatchObject({
      type: 'IAMUser',
      principalId: user.id,
      arn: user.arn,
      accountId: account,
      accessKeyId: bob.accessKeyId,
      userName: 'bob',
    })
  })

  test('has the managed policies that are attached to it, in the version in force', async () => {
    const policy = aManagedPolicy('lister', policyText('kms:ListAliases'), {
      account,
      versions: [
        { number: 1, text: policyText('kms:ListAliases'), createdAt: 1 },
        { number: 2, text: policyText('kms:ListKeys'), createdAt: 2 },
      ],
      defaultVersion: 2,
    })
    await world.open.principals.managedPolicies.create(policy)
    await userWith({ attached: [{ id: policy.id, arn: policy.arn }] })
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
    expect((await world.call('ListAliases', {}, bob)).status).toBe(400)
  })

  test('has the policies of its groups', async () => {
    const group = aGroup('team', { account, inline: { lister: policyText('kms:ListKeys') } })
    await world.open.principals.groups.create(group)
    await userWith({ groups: [group.id] })
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
  })

  test.each([
    ['a managed policy', { attached: [{ id: 'ANPAGONE', arn: 'arn:aws:iam::1:policy/gone' }] }],
    ['a group', { groups: ['AGPAGONE'] }],
  ])('with %s that is gone is denied everything, for what it may have denied', async (_what, given) => {
    await userWith({ inline: { all: policyText('kms:*') }, ...given })
    expect((await world.call('ListKeys', {}, bob)).json).toEqual(
      because('ListKeys', 'with an explicit deny in an identity-based policy'),
    )
  })

  test('can do no more than its boundary allows', async () => {
    const policy = aManagedPolicy('edge', policyText('kms:ListAliases'), { account })
    await world.open.principals.managedPolicies.create(policy)
    await userWith({ inline: { all: policyText('kms:*') }, boundary: { id: policy.id, arn: policy.arn } })
    expect((await world.call('ListAliases', {}, bob)).status).toBe(200)
    expect((await world.call('ListKeys', {}, bob)).json).toEqual(
      because('ListKeys', 'because no permissions boundary allows the kms:ListKeys action'),
    )
  })
})

describe("a user's access key is refused in the words of one that does not exist", () => {
  const refused = async () => expect((await world.call('ListKeys', {}, bob)).json).toEqual(invalidToken)

  test('when it does not exist', () => {
    bob = { accessKeyId: 'AKIAQAAAAAAAAEAQCAIB', secretAccessKey: 's'.repeat(40) }
    return refused()
  })

  test('when it is inactive', async () => {
    const { accessKeys, ...user } = await userWith()
    const inactive = accessKeys.map((each) => ({ ...each, status: 'Inactive' as const }))
    await world.open.principals.users.replace({ ...user, accessKeys: inactive })
    await refused()
  })

  test('when its user no longer has it', async () => {
    await userWith({ accessKeys: [] })
    await refused()
  })

  test('when its user is gone, also where another has the name since', async () => {
    const user = await userWith({ inline: { all: policyText('kms:*') } })
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
    await world.open.principals.users.remove(user)
    await refused()
    await world.open.principals.users.create(aUser('bob', { account, accessKeys: user.accessKeys }))
    await refused()
  })

  test('when a session token is beside it', async () => {
    await userWith({ inline: { all: policyText('kms:*') } })
    const answer = await world.call('ListKeys', {}, { ...bob, sessionToken: 'x' })
    expect(answer.json).toEqual(invalidToken)
  })
})

describe('a principal', () => {
  test('is found by its ARN or its unique id, and a session by its role', async () => {
    const { principals, directory } = world.open
    const user = aUser('bob', { account, path: '/team/', arn: arnOf('user/team/bob') })
    const role = aRole('app', { account, arn: arnOf('role/app') })
    await principals.users.create(user)
    await principals.roles.create(role)
    const idOf = async (text: string) => (await directory.find(text))?.id
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
    expect(await world.open.directory.find(arnOf(resource))).toBeUndefined()
  })
})

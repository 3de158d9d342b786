/** How somebody with a little of IAM could get more than was meant, and does not. */
import {
  AssumeRoleCommand,
  GetAccessKeyInfoCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { beforeEach, describe, expect, test } from 'vitest'
import { asIam } from '../../harness/iam.ts'
import { addUser, aRole, policyText } from '../../harness/identities.ts'
import { clientOf } from '../../harness/sdk.ts'
import type { Credentials } from '../../harness/sign.ts'
import { account, root, TestWorld } from '../../harness/world.ts'

let world: TestWorld
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
const iam = (action: string, input: object = {}, by = root): Promise<any> => asIam(world, action, input, by)
beforeEach(async () => {
  world = await TestWorld.start()
})
const arnOf = (rest: string) => `arn:aws:iam::${account}:${rest}`
const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string | string[], more: object = {}) => ({ Effect: 'Allow', Action, Resource: '*', ...more })
const deny = (Action: string | string[], more: object = {}) => ({ ...allow(Action, more), Effect: 'Deny' })

/** Somebody who may do what these statements say. */
const helper = async (...statements: object[]): Promise<Credentials> =>
  (await addUser(world, 'helper', { inline: { p: policy(...statements) } })).credentials
const denied = (action: string, on: string, why = `because no identity-based policy allows the ${action} action`) => ({
  error: 'AccessDenied',
  status: 403,
  message: `User: ${arnOf('user/helper')} is not authorized to perform: ${action} on resource: ${on} ${why}`,
})
const explicitly = 'with an explicit deny in an identity-based policy'

describe('a new name', () => {
  test('is given to a user only by who may change both whom it was and whom it becomes', async () => {
    const by = await helper(allow('iam:UpdateUser', { Resource: arnOf('user/team/*') }))
    await iam('CreateUser', { UserName: 'bob', Path: '/team/' })
    const toAdmins = { UserName: 'bob', NewPath: '/admins/', NewUserName: 'eve' }
    expect(await iam('UpdateUser', toAdmins, by)).toEqual(denied('iam:UpdateUser', arnOf('user/admins/eve')))
    expect(await iam('UpdateUser', { UserName: 'bob', NewUserName: 'rob' }, by)).toEqual({})
    expect((await iam('GetUser', { UserName: 'rob' })).User.Arn).toBe(arnOf('user/team/rob'))
    await iam('CreateUser', { UserName: 'zed', Path: '/admins/' })
    const toTeam = { UserName: 'zed', NewPath: '/team/' }
    expect(await iam('UpdateUser', toTeam, by)).toEqual(denied('iam:UpdateUser', 'user zed'))
  })
  test('is given to a group in the same way', async () => {
    const by = await helper(allow('iam:UpdateGroup', { Resource: arnOf('group/team-*') }))
    await iam('CreateGroup', { GroupName: 'team-a' })
    expect(await iam('UpdateGroup', { GroupName: 'team-a', NewGroupName: 'admins' }, by)).toEqual(
      denied('iam:UpdateGroup', arnOf('group/admins')),
    )
    expect(await iam('UpdateGroup', { GroupName: 'team-a', NewGroupName: 'team-b' }, by)).toEqual({})
  })
})

describe('tags, which policies go by', () => {
  const Tags = [{ Key: 'team', Value: 'admins' }]
  const trust = policy({ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' })
  test.each([
    ['CreateUser', 'iam:TagUser', { UserName: 'new' }, arnOf('user/new')],
    ['CreateRole', 'iam:TagRole', { RoleName: 'new', AssumeRolePolicyDocument: trust }, arnOf('role/new')],
    [
      'CreatePolicy',
      'iam:TagPolicy',
      { PolicyName: 'new', PolicyDocument: policyText('kms:ListKeys') },
      arnOf('policy/new'),
    ],
    [
      'CreateOpenIDConnectProvider',
      'iam:TagOpenIDConnectProvider',
      { Url: 'https://id.example.com' },
      arnOf('oidc-provider/id.example.com'),
    ],
  ])('come with what %s makes only from who may do %s', async (action, tagging, input, made) => {
    const by = await helper(allow(`iam:${action}`))
    expect(await iam(action, { ...input, Tags }, by)).toEqual(denied(tagging, made))
    expect((await iam(action, { ...input, Tags: [] }, by)).error).toBeUndefined()
  })

  test.each([['aws:ResourceTag/Owner'], ['iam:ResourceTag/owner']])(
    'keep off who is denied by %s, whatever the case, and whatever is tagged',
    async (key) => {
      const tags = [{ Key: 'owner', Value: 'security' }]
      const protectedOnes = deny('iam:*', { Condition: { StringEquals: { [key]: 'security' } } })
      const by = await helper(allow('iam:*'), protectedOnes)
      await iam('CreateUser', { UserName: 'a', Tags: tags })
      await iam('CreateUser', { UserName: 'b' })
      await iam('CreateRole', { RoleName: 'a', AssumeRolePolicyDocument: trust, Tags: tags })
      const { Policy } = await iam('CreatePolicy', { PolicyName: 'a', PolicyDocument: policyText('kms:*'), Tags: tags })
      const provider = await iam('CreateOpenIDConnectProvider', { Url: 'https://id.example.com', Tags: tags })
      const { OpenIDConnectProviderArn } = provider
      const refusals = [
        [await iam('CreateAccessKey', { UserName: 'A' }, by), 'iam:CreateAccessKey', 'user A'],
        [await iam('UntagUser', { UserName: 'a', TagKeys: ['owner'] }, by), 'iam:UntagUser', 'user a'],
        [
          await iam('UpdateAssumeRolePolicy', { RoleName: 'a', PolicyDocument: trust }, by),
          'iam:UpdateAssumeRolePolicy',
          'role a',
        ],
        [
          await iam('UntagPolicy', { PolicyArn: Policy.Arn, TagKeys: ['owner'] }, by),
          'iam:UntagPolicy',
          `policy ${Policy.Arn}`,
        ],
        [
          await iam('CreatePolicyVersion', { PolicyArn: Policy.Arn, PolicyDocument: policyText('*') }, by),
          'iam:CreatePolicyVersion',
          `policy ${Policy.Arn}`,
        ],
        [
          await iam('AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID: 'mine' }, by),
          'iam:AddClientIDToOpenIDConnectProvider',
          OpenIDConnectProviderArn,
        ],
      ] as const
      for (const [answer, action, on] of refusals) expect(answer).toEqual(denied(action, on, explicitly))
      expect((await iam('CreateAccessKey', { UserName: 'b' }, by)).AccessKey.UserName).toBe('b')
    },
  )
})

describe('a boundary', () => {
  const changes = ['iam:AttachUserPolicy', 'iam:DetachUserPolicy', 'iam:PutUserPolicy', 'iam:DeleteUserPolicy']
  let limit: string
  beforeEach(async () => {
    limit = (await iam('CreatePolicy', { PolicyName: 'limit', PolicyDocument: policyText('kms:*') })).Policy.Arn
    await iam('CreateUser', { UserName: 'within', PermissionsBoundary: limit })
    await iam('CreateUser', { UserName: 'without' })
  })

  test('lets permissions be given to those who have it, and to nobody else', async () => {
    const by = await helper(allow(changes, { Condition: { StringEquals: { 'iam:PermissionsBoundary': limit } } }))
    const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
    const inline = { PolicyName: 'p', PolicyDocument: policyText('*') }
    for (const [action, input] of [
      ['AttachUserPolicy', { PolicyArn }],
      ['DetachUserPolicy', { PolicyArn }],
      ['PutUserPolicy', inline],
      ['DeleteUserPolicy', { PolicyName: 'p' }],
    ] as const) {
      expect(await iam(action, { UserName: 'within', ...input }, by)).toEqual({})
      const refused = denied(`iam:${action}`, 'user without')
      expect(await iam(action, { UserName: 'without', ...input }, by)).toEqual(refused)
    }
  })
  test('is not taken away where a policy denies that of it', async () => {
    const kept = { Condition: { ArnEquals: { 'iam:PermissionsBoundary': limit } } }
    const by = await helper(allow('iam:*'), deny('iam:DeleteUserPermissionsBoundary', kept))
    const asked = (UserName: string) => iam('DeleteUserPermissionsBoundary', { UserName }, by)
    expect(await asked('within')).toEqual(denied('iam:DeleteUserPermissionsBoundary', 'user within', explicitly))
    expect(await asked('without')).toEqual({})
  })
  test('that is asked for counts where one is put or a user is made, not the one that is there', async () => {
    const only = { Condition: { StringEquals: { 'iam:PermissionsBoundary': limit } } }
    const by = await helper(allow(['iam:PutUserPermissionsBoundary', 'iam:CreateUser'], only))
    const wide = (await iam('CreatePolicy', { PolicyName: 'wide', PolicyDocument: policyText('*') })).Policy.Arn
    const put = (UserName: string, PermissionsBoundary: string) =>
      iam('PutUserPermissionsBoundary', { UserName, PermissionsBoundary }, by)
    expect(await put('within', wide)).toEqual(denied('iam:PutUserPermissionsBoundary', 'user within'))
    expect(await put('without', limit)).toEqual({})
    expect(await iam('CreateUser', { UserName: 'x' }, by)).toEqual(denied('iam:CreateUser', arnOf('user/x')))
    expect((await iam('CreateUser', { UserName: 'x', PermissionsBoundary: wide }, by)).error).toBe('AccessDenied')
    expect((await iam('CreateUser', { UserName: 'x', PermissionsBoundary: limit }, by)).error).toBeUndefined()
  })
})

describe('a refusal', () => {
  test('says the same of a user who is there, under another path and in another case, as of one who is not', async () => {
    const by = await helper(allow('kms:*'))
    await iam('CreateUser', { UserName: 'bob', Path: '/secret/' })
    expect(await iam('GetUser', { UserName: 'BOB' }, by)).toEqual(denied('iam:GetUser', 'user BOB'))
    expect(await iam('GetUser', { UserName: 'eve' }, by)).toEqual(denied('iam:GetUser', 'user eve'))
  })
  test('says the same of an access key that somebody has as of one that nobody has', async () => {
    const by = await helper(allow('kms:*'))
    await iam('CreateUser', { UserName: 'bob' })
    const { AccessKeyId } = (await iam('CreateAccessKey', { UserName: 'bob' })).AccessKey
    for (const id of [AccessKeyId, 'AKIAQAAAAAAAAAAAAAAA']) {
      expect(await iam('GetAccessKeyLastUsed', { AccessKeyId: id }, by)).toEqual(
        denied('iam:GetAccessKeyLastUsed', `access key ${id}`),
      )
    }
  })
  test('meets who is denied a user, however its name is written', async () => {
    const by = await helper(allow('iam:*'), deny('iam:*', { Resource: arnOf('user/Kim') }))
    await iam('CreateUser', { UserName: 'Kim' })
    expect(await iam('CreateAccessKey', { UserName: 'kIM' }, by)).toEqual(
      denied('iam:CreateAccessKey', 'user kIM', explicitly),
    )
    // A Kelvin sign is a k in lower case.
    expect((await iam('CreateAccessKey', { UserName: '\u212aim' }, by)).error).toBe('AccessDenied')
    expect((await iam('CreateAccessKey', { UserName: '\u212aim' })).error).toBe('ValidationError')
  })
})

describe('what is another account’s', () => {
  test('is neither attached nor made a boundary of, and is not told from what is not there', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    const PolicyArn = 'arn:aws:iam::444455556666:policy/theirs'
    const missing = { error: 'NoSuchEntityException', status: 404, message: `Policy ${PolicyArn} was not found.` }
    expect(await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn })).toEqual(missing)
    expect(await iam('PutUserPermissionsBoundary', { UserName: 'bob', PermissionsBoundary: PolicyArn })).toEqual(
      missing,
    )
  })
})

describe('a trust policy', () => {
  test.each([
    ['a variable for its principal', { AWS: 'arn:aws:iam::111122223333:user/${aws:username}' }],
    ['a wildcard in one', { AWS: `arn:aws:iam::${account}:user/*` }],
    ['a group', { AWS: `arn:aws:iam::${account}:group/a` }],
    ['everybody of every provider', { Federated: '*' }],
  ])('is refused with %s', async (_what, Principal) => {
    const AssumeRolePolicyDocument = policy({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' })
    expect((await iam('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument })).error).toBe(
      'MalformedPolicyDocumentException',
    )
  })
})

describe('a session', () => {
  const sts = (by: Credentials) => new STSClient(clientOf(world, by))
  const trusting = (principal: string) =>
    policy({ Effect: 'Allow', Principal: { AWS: principal }, Action: ['sts:AssumeRole', 'sts:TagSession'] })
  // biome-ignore lint/suspicious/noExplicitAny: of either command
  const credentialsIn = ({ Credentials: given }: any): Credentials => ({
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
  })
  const assume = (by: Credentials, name: string, more: object = {}) =>
    sts(by)
      .send(new AssumeRoleCommand({ RoleArn: arnOf(`role/${name}`), RoleSessionName: 'work', ...more }))
      .catch(({ name: error, message }) => ({ error, message }))

  test('that a role was chained from lasts an hour at the most, and one from a user’s session as long as the role’s', async () => {
    const { user, credentials } = await addUser(world, 'ann')
    const first = aRole('first', {
      account,
      arn: arnOf('role/first'),
      trustPolicy: trusting(user.arn),
      maxSessionSeconds: 7200,
    })
    await world.open.principals.roles.create(first)
    const second = aRole('second', {
      account,
      arn: arnOf('role/second'),
      trustPolicy: trusting(first.arn),
      maxSessionSeconds: 7200,
    })
    await world.open.principals.roles.create(second)
    const own = credentialsIn(await sts(credentials).send(new GetSessionTokenCommand({})))
    const long = { DurationSeconds: 7200 }
    const session = await assume(own, 'first', long)
    expect(session).toMatchObject({ Credentials: {} })
    expect(await assume(credentialsIn(session), 'second', long)).toEqual({
      error: 'ValidationError',
      message: 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    })
    expect(await assume(credentialsIn(session), 'second')).toMatchObject({ Credentials: {} })
  })

  test('has its own tags, whatever the case in which the role has them', async () => {
    const { user, credentials } = await addUser(world, 'ann')
    const role = aRole('tagged', {
      account,
      arn: arnOf('role/tagged'),
      trustPolicy: trusting(user.arn),
      tags: { Team: 'admins' },
      inline: {
        p: policy(
          allow('kms:ListKeys', { Condition: { StringEquals: { 'aws:PrincipalTag/team': 'guests' } } }),
          allow('kms:ListAliases', { Condition: { StringEquals: { 'aws:PrincipalTag/team': 'admins' } } }),
        ),
      },
    })
    await world.open.principals.roles.create(role)
    const by = credentialsIn(await assume(credentials, 'tagged', { Tags: [{ Key: 'team', Value: 'guests' }] }))
    expect((await world.call('ListKeys', {}, by)).status).toBe(200)
    expect((await world.call('ListAliases', {}, by)).status).toBe(400)
  })

  test('can be cut down by a policy that AWS keeps for everyone', async () => {
    const { user, credentials } = await addUser(world, 'ann')
    const role = aRole('wide', {
      account,
      arn: arnOf('role/wide'),
      trustPolicy: trusting(user.arn),
      inline: { p: policyText('*') },
    })
    await world.open.principals.roles.create(role)
    const PolicyArns = [{ arn: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' }]
    const by = credentialsIn(await assume(credentials, 'wide', { PolicyArns }))
    expect((await iam('ListUsers', {}, by)).error).toBeUndefined()
    expect((await world.call('ListKeys', {}, by)).status).toBe(400)
  })

  test('of a user, of the root user or of somebody whom a user vouches for gets no further than AWS lets it', async () => {
    const { credentials } = await addUser(world, 'ann', { inline: { p: policyText('*') } })
    const policyOfAll = { Policy: policyText('*') }
    const sessions = [
      await sts(credentials).send(new GetSessionTokenCommand({})),
      await sts(root).send(new GetSessionTokenCommand({})),
      await sts(credentials).send(new GetFederationTokenCommand({ Name: 'guest', ...policyOfAll })),
      await sts(root).send(new GetFederationTokenCommand({ Name: 'guest', ...policyOfAll })),
    ].map(credentialsIn)
    for (const by of sessions) {
      expect(await iam('CreateUser', { UserName: 'x' }, by)).toEqual({
        error: 'InvalidClientTokenId',
        status: 403,
        message: 'The security token included in the request is invalid.',
      })
      const asked = new GetAccessKeyInfoCommand({ AccessKeyId: credentials.accessKeyId })
      await expect(sts(by).send(asked)).rejects.toMatchObject({
        name: 'AccessDenied',
        message: 'Cannot call GetAccessKeyInfo with session credentials',
      })
      expect((await world.call('ListKeys', {}, by)).status).toBe(200)
    }
  })

  test('of a federated user has nothing without a session policy, whatever the user has', async () => {
    const { credentials } = await addUser(world, 'ann', { inline: { p: policyText('*') } })
    const by = credentialsIn(await sts(credentials).send(new GetFederationTokenCommand({ Name: 'guest' })))
    expect((await world.call('ListKeys', {}, by)).json.message).toContain('because no session policy allows')
  })

  test('is not made with the secret that seals them: no client signs by its name', async () => {
    const { credentials } = await addUser(world, 'ann')
    await sts(credentials).send(new GetSessionTokenCommand({}))
    expect(await world.open.accessKeys.find('session-sealing')).toBeDefined()
    const answer = await world.call('ListKeys', {}, { accessKeyId: 'session-sealing', secretAccessKey: 'x' })
    expect(answer.json).toEqual({
      __type: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    })
  })
})

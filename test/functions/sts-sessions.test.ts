/** Temporary credentials: who gets them, what they can do, and when they end. */
import { randomBytes } from 'node:crypto'
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Role, User } from '../../lib/identity/entities.ts'
import { iamArn } from '../../lib/identity/entities.ts'
import type { Session } from '../../lib/identity/session.ts'
import { Sessions } from '../../lib/identity/sessions.ts'
import { addUser, aManagedPolicy, aRole, policyText } from '../harness/identities.ts'
import { clientOf } from '../harness/sdk.ts'
import { type Credentials, presigned } from '../harness/sign.ts'
import { account, region, root, TestWorld } from '../harness/world.ts'

let world: TestWorld
let ann: { user: User; credentials: Credentials }
beforeEach(async () => {
  world = await TestWorld.start()
  ann = await addUser(world, 'ann', {
    inline: { assume: policyText(['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']) },
  })
})

const partition = 'aws'
const other = '111122223333'

const trusting = (principal: object, more: object = {}, action: string | string[] = 'sts:AssumeRole') =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: action, ...more }],
  })
const rootOf = (of = account) => `arn:aws:iam::${of}:root`

/** A role, stored behind the API's back. */
async function role(name: string, given: Partial<Role> = {}): Promise<Role> {
  const of = given.account ?? account
  const made = aRole(name, {
    account: of,
    arn: iamArn({ partition, account: of }, 'role', `/${name}`),
    trustPolicy: trusting({ AWS: rootOf() }),
    ...given,
  })
  await world.open.principals.roles.create(made)
  return made
}

const sts = (by: Credentials) => new STSClient(clientOf(world, by))
const assume = (by: Credentials, of: Role, more: Partial<AssumeRoleCommandInput> = {}) =>
  sts(by).send(new AssumeRoleCommand({ RoleArn: of.arn, RoleSessionName: 'work', ...more }))

interface Given {
  readonly Credentials?:
    | { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined; SessionToken?: string | undefined }
    | undefined
}
const credentialsIn = ({ Credentials: given }: Given): Credentials => ({
  accessKeyId: given?.AccessKeyId ?? '',
  secretAccessKey: given?.SecretAccessKey ?? '',
  sessionToken: given?.SessionToken ?? '',
})
const whoIs = (by: Credentials) => sts(by).send(new GetCallerIdentityCommand({}))
const denied = (by: string, of: Role, why: string, action = 'sts:AssumeRole') => ({
  name: 'AccessDenied',
  message: `User: ${by} is not authorized to perform: ${action} on resource: ${of.arn}${why}`,
})
const userArn = `arn:aws:iam::${account}:user/ann`
const noTrust = ' because no role trust policy allows the sts:AssumeRole action'

describe('AssumeRole', () => {
  test('gives credentials that are the role’s', async () => {
    const deploy = await role('deploy', { inline: { keys: policyText('kms:*') } })
    const answer = await assume(ann.credentials, deploy)
    expect(answer.AssumedRoleUser).toEqual({
      AssumedRoleId: `${deploy.id}:work`,
      Arn: `arn:aws:sts::${account}:assumed-role/deploy/work`,
    })
    expect(answer.Credentials?.AccessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/)
    expect(answer.Credentials?.Expiration).toEqual(new Date(world.nowMs + 3_600_000))
    expect(answer.PackedPolicySize).toBeUndefined()
    const session = credentialsIn(answer)
    expect(session.secretAccessKey).toHaveLength(40)
    expect(await whoIs(session)).toMatchObject({
      UserId: `${deploy.id}:work`,
      Account: account,
      Arn: answer.AssumedRoleUser?.Arn,
    })
    const { status, json } = await world.call('CreateKey', {}, session)
    expect([status, json.KeyMetadata?.KeyState]).toEqual([200, 'Enabled'])
    expect(world.records.at(-1)?.userIdentity).toEqual({
      type: 'AssumedRole',
      principalId: `${deploy.id}:work`,
      arn: `arn:aws:sts::${account}:assumed-role/deploy/work`,
      accountId: account,
      accessKeyId: session.accessKeyId,
      sessionContext: {
        sessionIssuer: {
          type: 'Role',
          principalId: deploy.id,
          arn: deploy.arn,
          accountId: account,
          userName: 'deploy',
        },
        attributes: { creationDate: '2026-11-24T12:00:00Z', mfaAuthenticated: 'false' },
      },
    })
  })

  test('puts on record what it gave, but the secret and the token', async () => {
    const answer = await assume(ann.credentials, await role('deploy'))
    const record = world.records.at(-1)
    expect(record).toMatchObject({
      eventName: 'AssumeRole',
      readOnly: true,
      userIdentity: { type: 'IAMUser', userName: 'ann' },
      requestParameters: { roleSessionName: 'work', durationSeconds: 3600 },
      responseElements: { credentials: { accessKeyId: answer.Credentials?.AccessKeyId } },
    })
    const written = JSON.stringify([world.records, world.logged])
    expect(written).not.toContain(answer.Credentials?.SecretAccessKey)
    expect(written).not.toContain(answer.Credentials?.SessionToken)
  })

  test('needs the trust policy, and the caller’s own where that only delegates', async () => {
    const bob = await addUser(world, 'bob')
    const direct = await role('direct', {
      trustPolicy: trusting({ AWS: bob.user.arn }),
      trustIds: { [bob.user.arn]: bob.user.id },
    })
    const delegating = await role('delegating')
    const nobody = await role('nobody', { trustPolicy: trusting({ AWS: rootOf(other) }) })
    expect((await assume(bob.credentials, direct)).AssumedRoleUser?.Arn).toContain('/direct/work')
    await expect(assume(bob.credentials, delegating)).rejects.toMatchObject(
      denied(bob.user.arn, delegating, ' because no identity-based policy allows the sts:AssumeRole action'),
    )
    await expect(assume(ann.credentials, nobody)).rejects.toMatchObject(denied(userArn, nobody, noTrust))
    await expect(assume(ann.credentials, direct)).rejects.toMatchObject(denied(userArn, direct, noTrust))
  })

  test('says of a role that is not there what it says of one that trusts nobody', async () => {
    const none = aRole('none', { arn: iamArn({ partition, account }, 'role', '/none') })
    await expect(assume(ann.credentials, none)).rejects.toMatchObject(denied(userArn, none, noTrust))
    const deploy = await role('deploy', { path: '/ops/', arn: `arn:aws:iam::${account}:role/ops/deploy` })
    const elsewhere = { ...deploy, arn: `arn:aws:iam::${account}:role/deploy` }
    await expect(assume(ann.credentials, elsewhere)).rejects.toMatchObject(denied(userArn, elsewhere, noTrust))
  })

  test('from another account needs both sides, and tells nothing of the role', async () => {
    const there = await role('there', { account: other })
    expect((await assume(ann.credentials, there)).AssumedRoleUser?.Arn).toBe(
      `arn:aws:sts::${other}:assumed-role/there/work`,
    )
    const closed = await role('closed', { account: other, trustPolicy: trusting({ AWS: rootOf(other) }) })
    await expect(assume(ann.credentials, closed)).rejects.toMatchObject(denied(userArn, closed, ''))
    const none = { ...closed, arn: `arn:aws:iam::${other}:role/none` }
    await expect(assume(ann.credentials, none)).rejects.toMatchObject(denied(userArn, none, ''))
    const bob = await addUser(world, 'bob')
    await expect(assume(bob.credentials, there)).rejects.toMatchObject(
      denied(bob.user.arn, there, ' because no identity-based policy allows the sts:AssumeRole action'),
    )
  })

  test('asks for the external id that the trust policy wants', async () => {
    const guarded = await role('guarded', {
      trustPolicy: trusting({ AWS: rootOf() }, { Condition: { StringEquals: { 'sts:ExternalId': 'x-42' } } }),
    })
    await expect(assume(ann.credentials, guarded)).rejects.toMatchObject(denied(userArn, guarded, noTrust))
    await expect(assume(ann.credentials, guarded, { ExternalId: 'x-43' })).rejects.toMatchObject({
      name: 'AccessDenied',
    })
    expect((await assume(ann.credentials, guarded, { ExternalId: 'x-42' })).Credentials).toBeDefined()
  })

  test('is not for root users, nor for federated ones', async () => {
    const deploy = await role('deploy')
    await expect(assume(root, deploy)).rejects.toMatchObject({
      name: 'AccessDenied',
      message: 'Roles may not be assumed by root accounts.',
    })
    const federated = await sts(root).send(new GetFederationTokenCommand({ Name: 'guest', Policy: policyText('*') }))
    const guest = `arn:aws:sts::${account}:federated-user/guest`
    await expect(assume(credentialsIn(federated), deploy)).rejects.toMatchObject(denied(guest, deploy, ''))
  })

  test('takes a session policy, which caps what the role may do', async () => {
    const keys = await role('keys', { inline: { keys: policyText('kms:*') } })
    const answer = await assume(ann.credentials, keys, { Policy: policyText('kms:ListKeys') })
    expect(answer.PackedPolicySize).toBeGreaterThan(0)
    const session = credentialsIn(answer)
    expect((await world.call('ListKeys', {}, session)).status).toBe(200)
    const { json } = await world.call('CreateKey', {}, session)
    expect([json.__type, json.message]).toEqual([
      'AccessDeniedException',
      `User: arn:aws:sts::${account}:assumed-role/keys/work is not authorized to perform: kms:CreateKey on resource: * because no session policy allows the kms:CreateKey action`,
    ])
    await expect(assume(ann.credentials, keys, { Policy: '{' })).rejects.toMatchObject({
      name: 'MalformedPolicyDocumentException',
    })
    const long = JSON.stringify({ Version: '2012-10-17', Statement: [], Id: 'x'.repeat(2048) })
    await expect(assume(ann.credentials, keys, { Policy: long })).rejects.toMatchObject({
      name: 'PackedPolicyTooLargeException',
    })
  })

  test('takes managed policies as session policies, and follows their changes', async () => {
    const keys = await role('keys', { inline: { keys: policyText('kms:*') } })
    const policy = aManagedPolicy('reading', policyText('kms:ListKeys'), {
      account,
      arn: iamArn({ partition, account }, 'policy', '/reading'),
    })
    await world.open.principals.managedPolicies.create(policy)
    const session = credentialsIn(await assume(ann.credentials, keys, { PolicyArns: [{ arn: policy.arn }] }))
    expect((await world.call('ListKeys', {}, session)).status).toBe(200)
    expect((await world.call('CreateKey', {}, session)).json.__type).toBe('AccessDeniedException')
    await world.open.principals.managedPolicies.remove(policy)
    expect((await world.call('ListKeys', {}, session)).json.__type).toBe('AccessDeniedException')
    await expect(assume(ann.credentials, keys, { PolicyArns: [{ arn: policy.arn }] })).rejects.toMatchObject({
      name: 'ValidationError',
      message: `Policy ${policy.arn} does not exist or is not attachable.`,
    })
  })

  test('lasts as long as is asked for and the role lets it', async () => {
    const deploy = await role('deploy', { maxSessionSeconds: 7200, inline: { all: policyText('*') } })
    const answer = await assume(ann.credentials, deploy, { DurationSeconds: 7200 })
    expect(answer.Credentials?.Expiration).toEqual(new Date(world.nowMs + 7_200_000))
    await expect(assume(ann.credentials, deploy, { DurationSeconds: 7201 })).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    })
    await expect(assume(ann.credentials, deploy, { DurationSeconds: 899 })).rejects.toMatchObject({
      name: 'ValidationError',
      message:
        "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    })
    const chained = credentialsIn(answer)
    await expect(assume(chained, deploy, { DurationSeconds: 3601 })).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    })
    expect((await assume(chained, deploy)).Credentials).toBeDefined()
  })

  test('hands transitive tags and the source identity on from role to role', async () => {
    const actions = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']
    const first = await role('first', {
      trustPolicy: trusting({ AWS: rootOf() }, {}, actions),
      tags: { team: 'blue', own: 'role' },
      inline: { all: policyText('*') },
    })
    const condition = { StringEquals: { 'aws:PrincipalTag/team': 'red', 'aws:SourceIdentity': 'ann' } }
    const second = await role('second', {
      trustPolicy: trusting({ AWS: rootOf() }, { Condition: condition }, actions),
      inline: { all: policyText('*') },
    })
    const tagged = await assume(ann.credentials, first, {
      Tags: [
        { Key: 'team', Value: 'red' },
        { Key: 'once', Value: '1' },
      ],
      TransitiveTagKeys: ['team'],
      SourceIdentity: 'ann',
    })
    expect([tagged.SourceIdentity, (tagged.PackedPolicySize ?? 0) > 0]).toEqual(['ann', true])
    const chained = await assume(credentialsIn(tagged), second)
    expect(chained.SourceIdentity).toBe('ann')
    await expect(assume(ann.credentials, second)).rejects.toMatchObject({ name: 'AccessDenied' })
    await expect(assume(credentialsIn(tagged), second, { SourceIdentity: 'bob' })).rejects.toMatchObject({
      name: 'AccessDenied',
    })
    await expect(assume(credentialsIn(tagged), second, { Tags: [{ Key: 'TEAM', Value: 'x' }] })).rejects.toMatchObject({
      message:
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    })
    const plain = await role('plain', { inline: { all: policyText('*') } })
    await expect(assume(ann.credentials, plain, { Tags: [{ Key: 'a', Value: 'b' }] })).rejects.toMatchObject(
      denied(userArn, plain, ' because no role trust policy allows the sts:TagSession action', 'sts:TagSession'),
    )
    await expect(
      assume(ann.credentials, first, {
        Tags: [
          { Key: 'a', Value: '' },
          { Key: 'A', Value: '' },
        ],
      }),
    ).rejects.toMatchObject({
      message: 'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    })
    await expect(assume(ann.credentials, first, { TransitiveTagKeys: ['a'] })).rejects.toMatchObject({
      message: 'The specified transitive tag key must be included in the requested tags.',
    })
    const long = Array.from({ length: 50 }, (_, n) => ({ Key: `k${n}`, Value: randomBytes(96).toString('base64') }))
    await expect(assume(ann.credentials, first, { Tags: long })).rejects.toMatchObject({
      name: 'PackedPolicyTooLargeException',
    })
  })

  test('does not take a second factor for shown', async () => {
    const deploy = await role('deploy')
    await expect(
      assume(ann.credentials, deploy, { SerialNumber: 'arn:aws:iam::1:mfa/a', TokenCode: '123456' }),
    ).rejects.toMatchObject({ name: 'AccessDenied' })
  })
})

const aSession = (): Session => ({
  accessKeyId: 'ASIAX',
  secret: 's',
  account,
  of: { type: 'Root' },
  issuedAt: world.nowMs,
  expiresAt: world.nowMs + 1,
})

describe('a session', () => {
  const refused = { name: 'InvalidClientTokenId', message: 'The security token included in the request is invalid.' }

  test('ends when it expires, which is said only to who has its secret', async () => {
    const session = credentialsIn(await assume(ann.credentials, await role('deploy')))
    world.nowMs += 3_599_000
    expect(await whoIs(session)).toMatchObject({ Account: account })
    world.nowMs += 1000
    await expect(whoIs(session)).rejects.toMatchObject({
      name: 'ExpiredToken',
      message: 'The security token included in the request is expired',
      $metadata: { httpStatusCode: 403 },
    })
    const { status, json } = await world.call('ListKeys', {}, session)
    expect([status, json]).toEqual([
      400,
      { __type: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
    ])
    await expect(whoIs({ ...session, secretAccessKey: 'x' })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' })
    world.nowMs += 3 * 86_400_000
    await expect(whoIs(session)).rejects.toMatchObject(refused)
  })

  test('ends with its role, also when another is made by its name', async () => {
    const deploy = await role('deploy')
    const session = credentialsIn(await assume(ann.credentials, deploy))
    await world.open.principals.roles.remove(deploy)
    await expect(whoIs(session)).rejects.toMatchObject(refused)
    await role('deploy')
    await expect(whoIs(session)).rejects.toMatchObject(refused)
  })

  test('ends with its user', async () => {
    const session = credentialsIn(await sts(ann.credentials).send(new GetSessionTokenCommand({})))
    expect(await whoIs(session)).toMatchObject({ Arn: userArn })
    await world.open.principals.users.remove(ann.user)
    await expect(whoIs(session)).rejects.toMatchObject(refused)
  })

  test('is its own token’s alone', async () => {
    const deploy = await role('deploy')
    const one = credentialsIn(await assume(ann.credentials, deploy))
    const two = credentialsIn(await assume(ann.credentials, deploy))
    const token = one.sessionToken ?? ''
    const wrong = [
      { ...one, sessionToken: two.sessionToken ?? '' },
      { ...one, accessKeyId: two.accessKeyId },
      { accessKeyId: one.accessKeyId, secretAccessKey: one.secretAccessKey },
      { ...root, sessionToken: token },
      { ...one, sessionToken: '' },
      { ...one, sessionToken: 'v1.20781.' },
      { ...one, sessionToken: 'x'.repeat(9000) },
      { ...one, sessionToken: token.replace('v1.', 'v2.') },
      { ...one, sessionToken: token.replace(/\.\d+\./, '.1.') },
      { ...one, sessionToken: token.replace(/\.(\d+)\./, (_, day) => `.${Number(day) - 1}.`) },
      { ...one, sessionToken: token.slice(0, -4) },
    ]
    for (const each of wrong) await expect(whoIs(each)).rejects.toMatchObject(refused)
    const flipped = Buffer.from(token.split('.')[2] ?? '', 'base64url')
    for (const at of [0, 11, 12, flipped.length - 17, flipped.length - 16, flipped.length - 1]) {
      const bytes = Buffer.from(flipped)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const sessionToken = [...token.split('.').slice(0, 2), bytes.toString('base64url')].join('.')
      await expect(whoIs({ ...one, sessionToken })).rejects.toMatchObject(refused)
    }
    expect(await whoIs(one)).toMatchObject({ Account: account })
  })

  test('signs links too, its token in the query', async () => {
    const session = credentialsIn(await assume(ann.credentials, await role('deploy')))
    const at = { host: 'localhost:4599', region, service: 'sts', date: new Date(world.nowMs), expiresIn: 60 }
    const link = await presigned('/?Action=GetCallerIdentity&Version=2011-06-15', session, at)
    const ask = (target: string) => world.answer({ method: 'GET', target, headers: { host: at.host }, body: '' })
    expect((await ask(link)).status).toBe(200)
    const other = credentialsIn(await assume(ann.credentials, await role('other')))
    const swapped = link.replace(
      encodeURIComponent(session.sessionToken ?? ''),
      encodeURIComponent(other.sessionToken ?? ''),
    )
    expect((await ask(swapped)).body).toContain('<Code>InvalidClientTokenId</Code>')
  })

  test('is opened by every process of a deployment, without the HSM once the day’s key is made', async () => {
    const deploy = await role('deploy')
    const session = credentialsIn(await assume(ann.credentials, deploy))
    let macs = 0
    const hsm = Object.assign(Object.create(world.hsm), {
      mac: (...of: Parameters<typeof world.hsm.mac>) => {
        macs++
        return world.hsm.mac(...of)
      },
    })
    const another = new Sessions(hsm, world.store.accessKeys, account)
    for (let n = 0; n < 3; n++) {
      const opened = await another.open(session.sessionToken ?? '', session.accessKeyId, world.nowMs)
      expect(opened).toMatchObject({ secret: session.secretAccessKey, of: { roleId: deploy.id } })
    }
    expect(macs).toBe(1)
    world.hsm.failure = new Error('gone')
    expect(await whoIs(session)).toMatchObject({ Account: account })
  })

  test('is sealed with one key, whoever is first to make it', async () => {
    const processes = [1, 2, 3].map(() => new Sessions(world.hsm, world.store.accessKeys, account))
    const session = aSession()
    const tokens = await Promise.all(processes.map((each) => each.seal(session)))
    for (const each of processes) {
      for (const token of tokens) expect(await each.open(token, 'ASIAX', world.nowMs)).toEqual(session)
    }
    expect(new Set(tokens).size).toBe(3)
  })

  test('that is a day and a half old is opened still, and none from tomorrow’s tomorrow', async () => {
    const session = aSession()
    const token = await world.sessions.seal(session)
    expect(await world.sessions.open(token, 'ASIAX', world.nowMs + 36 * 3_600_000)).toEqual(session)
    expect(await world.sessions.open(token, 'ASIAX', world.nowMs + 61 * 3_600_000)).toBeUndefined()
    expect(await world.sessions.open(token, 'ASIAX', world.nowMs - 3 * 86_400_000)).toBeUndefined()
  })

  test('leaves nothing in the store that its secret could be had from', async () => {
    const session = credentialsIn(await assume(ann.credentials, await role('deploy')))
    const kept = await world.store.accessKeys.find('session-sealing')
    expect(kept).toBeDefined()
    expect(JSON.stringify(kept)).not.toContain(session.secretAccessKey)
    await expect(whoIs({ accessKeyId: 'session-sealing', secretAccessKey: 'x' })).rejects.toMatchObject(refused)
  })
})

describe('GetSessionToken', () => {
  test('gives a user credentials that are its own, for half a day unless it says otherwise', async () => {
    const answer = await sts(ann.credentials).send(new GetSessionTokenCommand({}))
    expect(answer.Credentials?.Expiration).toEqual(new Date(world.nowMs + 43_200_000))
    expect(await whoIs(credentialsIn(answer))).toMatchObject({ UserId: ann.user.id, Arn: userArn })
    const short = await sts(ann.credentials).send(new GetSessionTokenCommand({ DurationSeconds: 900 }))
    expect(short.Credentials?.Expiration).toEqual(new Date(world.nowMs + 900_000))
    const deploy = await role('deploy')
    expect((await assume(credentialsIn(answer), deploy)).Credentials).toBeDefined()
  })
  test('gives the root user an hour at most', async () => {
    const answer = await sts(root).send(new GetSessionTokenCommand({ DurationSeconds: 129_600 }))
    expect(answer.Credentials?.Expiration).toEqual(new Date(world.nowMs + 3_600_000))
    expect(await whoIs(credentialsIn(answer))).toMatchObject({ Arn: rootOf() })
    expect((await world.call('CreateKey', {}, credentialsIn(answer))).status).toBe(200)
  })
  test('is not for who has temporary credentials', async () => {
    const session = credentialsIn(await sts(ann.credentials).send(new GetSessionTokenCommand({})))
    await expect(sts(session).send(new GetSessionTokenCommand({}))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: 'Cannot call GetSessionToken with session credentials',
    })
    const assumed = credentialsIn(await assume(ann.credentials, await role('deploy')))
    await expect(sts(assumed).send(new GetSessionTokenCommand({}))).rejects.toMatchObject({ name: 'AccessDenied' })
  })
})

describe('GetFederationToken', () => {
  test('gives what the user and the session policy both allow, under a name of its own', async () => {
    const eve = await addUser(world, 'eve', {
      inline: { a: policyText(['sts:GetFederationToken', 'kms:ListKeys', 'kms:CreateKey']) },
    })
    const answer = await sts(eve.credentials).send(
      new GetFederationTokenCommand({ Name: 'guest', Policy: policyText(['kms:ListKeys', 'kms:ListAliases']) }),
    )
    expect(answer.FederatedUser).toEqual({
      FederatedUserId: `${account}:guest`,
      Arn: `arn:aws:sts::${account}:federated-user/guest`,
    })
    const guest = credentialsIn(answer)
    expect(await whoIs(guest)).toMatchObject({ UserId: `${account}:guest`, Arn: answer.FederatedUser?.Arn })
    expect((await world.call('ListKeys', {}, guest)).status).toBe(200)
    expect((await world.call('ListAliases', {}, guest)).json.__type).toBe('AccessDeniedException')
    expect((await world.call('CreateKey', {}, guest)).json.__type).toBe('AccessDeniedException')
    expect(world.records.at(-1)?.userIdentity).toMatchObject({ type: 'FederatedUser', arn: answer.FederatedUser?.Arn })
    const bare = credentialsIn(await sts(eve.credentials).send(new GetFederationTokenCommand({ Name: 'guest' })))
    expect((await world.call('ListKeys', {}, bare)).json.__type).toBe('AccessDeniedException')
  })
  test('is asked of the user’s policies', async () => {
    await expect(sts(ann.credentials).send(new GetFederationTokenCommand({ Name: 'guest' }))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: `User: ${userArn} is not authorized to perform: sts:GetFederationToken on resource: arn:aws:sts::${account}:federated-user/guest because no identity-based policy allows the sts:GetFederationToken action`,
    })
  })
})

test('GetAccessKeyInfo says whose account an access key is of', async () => {
  const ask = (AccessKeyId: string) => sts(root).send(new GetAccessKeyInfoCommand({ AccessKeyId }))
  expect(await ask(ann.credentials.accessKeyId)).toMatchObject({ Account: account })
  expect(await ask('ASIAQNZGKIQY56JQ7WML')).toMatchObject({ Account: '029608264753' })
  await expect(ask('AKIAAAAAAAAAAAAAAAAA')).rejects.toMatchObject({ name: 'ValidationError' })
})

import { beforeEach, describe, expect, test } from 'vitest'
import { deleteKey } from '../../functions/scheduled/delete-key.ts'
import type { User } from '../../lib/identity/entities.ts'
import type { PolicyCaller } from '../../lib/policy/principals.ts'
import { runSchedule } from '../../lib/scheduled.ts'
import { addUser, aRole, policyText } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { account, base64, root, TestWorld } from '../harness/world.ts'

const otherAccount = '999999999999'
const otherRoot: Credentials = {
  accessKeyId: 'AKIASTRANGERSTRANGER',
  secretAccessKey: 'another-secret-for-tests-guarding-nothin',
}

let world: TestWorld
let key: { KeyId: string; Arn: string }
let alice: User
let bob: User
let asAlice: Credentials
let asBob: Credentials
beforeEach(async () => {
  world = await TestWorld.start()
  key = await world.key()
  ;({ user: alice, credentials: asAlice } = await addUser(world, 'alice'))
  ;({ user: bob, credentials: asBob } = await addUser(world, 'bob'))
})

const create = (given: object = {}, by: Credentials = root) =>
  world.call(
    'CreateGrant',
    { KeyId: key.KeyId, GranteePrincipal: alice.arn, Operations: ['Encrypt', 'DescribeKey'], ...given },
    by,
  )
const encrypt = (by: Credentials, given: object = {}) =>
  world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x'), ...given }, by)
const list = async (given: object = {}) => (await world.call('ListGrants', { KeyId: key.KeyId, ...given })).json
const revoke = (GrantId: string) => world.call('RevokeGrant', { KeyId: key.KeyId, GrantId })
const retire = (input: object, by: Credentials) => world.call('RetireGrant', input, by)
const refused = ({ status, json }: { status: number; json: { __type: string; message?: string } }) => [
  status,
  json.__type,
  json.message,
]
const denial = (who: string, action: string, tail = 'no identity-based policy') => [
  400,
  'AccessDeniedException',
  `User: ${who} is not authorized to perform: ${action} on resource: ${key.Arn} because ${tail} allows the ${action} action`,
]
const foreign = (who: string, action: string) => [
  400,
  'AccessDeniedException',
  `User: ${who} is not authorized to perform: ${action} on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`,
]

/** A role of the account, and what signs as one of its sessions. */
async function aSession(name: string, session: string, policies?: Parameters<TestWorld['addCaller']>[0]['policies']) {
  const { roles } = world.store.principals
  const known = await roles.find((await roles.idOf(account, name)) ?? '')
  const role = known ?? aRole(name, { account, arn: `arn:aws:iam::${account}:role/${name}` })
  if (!known) await roles.create(role)
  const principal: PolicyCaller = {
    type: 'AssumedRole',
    account,
    arn: `arn:aws:sts::${account}:assumed-role/${name}/${session}`,
    roleArn: role.arn,
    principalId: `${role.id}:${session}`,
  }
  return { role, principal, credentials: await world.addCaller({ ...principal, ...(policies && { policies }) }) }
}

describe('a grant', () => {
  test('lets its grantee do what it names and nothing else, and nobody else anything', async () => {
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    const { json } = await create()
    expect(json).toEqual({ GrantId: expect.stringMatching(/^[0-9a-f]{64}$/), GrantToken: expect.any(String) })
    expect((await encrypt(asAlice)).status).toBe(200)
    expect(refused(await encrypt(asBob))).toEqual(denial(bob.arn, 'kms:Encrypt'))
    const made = (await encrypt(asAlice)).json.CiphertextBlob
    const opened = await world.call('Decrypt', { KeyId: key.KeyId, CiphertextBlob: made }, asAlice)
    expect(refused(opened)).toEqual(denial(alice.arn, 'kms:Decrypt'))
  })

  test('is for its own key alone', async () => {
    await create()
    const { KeyId, Arn } = await world.key()
    const answer = await encrypt(asAlice, { KeyId })
    expect(answer.json.message).toContain(`on resource: ${Arn} because no identity-based policy`)
  })

  test('is listed as it was made', async () => {
    const Constraints = { EncryptionContextEquals: { a: '1', constructor: '2', '': '' } }
    const { GrantId } = (await create({ Name: 'orders', RetiringPrincipal: bob.arn, Constraints })).json
    const { Grants, Truncated } = await list()
    expect(Truncated).toBe(false)
    const entry = {
      KeyId: key.Arn,
      GrantId,
      Name: 'orders',
      CreationDate: Math.floor(world.nowMs / 1000),
      GranteePrincipal: alice.arn,
      RetiringPrincipal: bob.arn,
      IssuingAccount: `arn:aws:iam::${account}:root`,
      Operations: ['Encrypt', 'DescribeKey'],
      Constraints,
    }
    expect(Grants).toEqual([entry])
    const retirable = await world.call('ListRetirableGrants', { RetiringPrincipal: bob.arn })
    expect(retirable.json).toEqual({ Grants: [entry], Truncated: false })
  })

  test('says which one decided, in the audit record', async () => {
    const { GrantId } = (await create()).json
    await encrypt(asAlice)
    expect(world.records.at(-1)?.additionalEventData).toMatchObject({
      authorization: [{ action: 'kms:Encrypt', decision: 'Allow', source: 'grant', policy: GrantId }],
    })
  })

  test('ends at once when it is revoked', async () => {
    const { GrantId } = (await create()).json
    expect((await encrypt(asAlice)).status).toBe(200)
    expect((await revoke(GrantId)).json).toEqual({})
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    expect((await list()).Grants).toEqual([])
    expect(refused(await revoke(GrantId))).toEqual([400, 'NotFoundException', `Grant '${GrantId}' does not exist`])
  })

  test('lets nobody past a Deny', async () => {
    await create()
    const { policy } = (await world.store.keys.find(key.KeyId)) ?? { policy: '' }
    const whole = JSON.parse(policy)
    whole.Statement.push({ Effect: 'Deny', Principal: { AWS: alice.arn }, Action: 'kms:Encrypt', Resource: '*' })
    await world.call('PutKeyPolicy', { KeyId: key.KeyId, Policy: JSON.stringify(whole) })
    expect(refused(await encrypt(asAlice))).toEqual([
      400,
      'AccessDeniedException',
      `User: ${alice.arn} is not authorized to perform: kms:Encrypt on resource: ${key.Arn} with an explicit deny in a resource-based policy`,
    ])
  })

  test('does not make a disabled key usable', async () => {
    await create()
    await world.call('DisableKey', { KeyId: key.KeyId })
    expect(refused(await encrypt(asAlice))).toEqual([400, 'DisabledException', `${key.Arn} is disabled.`])
  })

  test('binds to who its grantee is, not to who is called so later', async () => {
    await create()
    const stored = await world.store.principals.users.find(alice.id)
    if (!stored) throw new Error('alice is gone')
    await world.store.principals.users.remove(stored)
    expect((await list()).Grants[0].GranteePrincipal).toBe(alice.id)
    const again = await addUser(world, 'alice')
    expect(again.user.arn).toBe(alice.arn)
    expect(refused(await encrypt(again.credentials))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    expect((await list()).Grants[0].GranteePrincipal).toBe(alice.id)
    expect((await list({ GranteePrincipal: alice.arn })).Grants).toEqual([])
  })

  test('is gone with its key', async () => {
    await create({ RetiringPrincipal: bob.arn })
    await world.call('ScheduleKeyDeletion', { KeyId: key.KeyId, PendingWindowInDays: 7 })
    expect(refused(await encrypt(asAlice))).toEqual([
      400,
      'KMSInvalidStateException',
      `${key.Arn} is pending deletion.`,
    ])
    expect((await list()).Grants).toHaveLength(1)
    world.nowMs += 8 * 86_400_000
    await runSchedule(deleteKey, world.open)
    expect((await world.store.grants.list(key.KeyId, { limit: 10 })).items).toEqual([])
    const retirable = await world.call('ListRetirableGrants', { RetiringPrincipal: bob.arn })
    expect(retirable.json.Grants).toEqual([])
  })
})

describe('a grantee may be', () => {
  test('every session of a role, within what caps them', async () => {
    const { role, principal, credentials } = await aSession('Orders', 'one')
    await create({ GranteePrincipal: role.arn })
    expect((await encrypt(credentials)).status).toBe(200)
    expect((await encrypt((await aSession('Orders', 'two')).credentials)).status).toBe(200)
    const session = [{ name: 'session', text: policyText('kms:Decrypt') }]
    const capped = await aSession('Orders', 'one', { identity: [], session })
    expect(refused(await encrypt(capped.credentials))).toEqual(
      denial(principal.arn, 'kms:Encrypt', 'no session policy'),
    )
    expect(refused(await encrypt((await aSession('Other', 'one')).credentials))[1]).toBe('AccessDeniedException')
  })

  test('one session of a role, whatever caps it', async () => {
    const session = [{ name: 'session', text: policyText('kms:Decrypt') }]
    const { principal, credentials } = await aSession('Orders', 'one', { identity: [], session })
    await create({ GranteePrincipal: principal.arn })
    expect((await encrypt(credentials)).status).toBe(200)
    const other = await aSession('Orders', 'two')
    expect(refused(await encrypt(other.credentials))).toEqual(denial(other.principal.arn, 'kms:Encrypt'))
  })

  test('an account, which then says who', async () => {
    await create({ GranteePrincipal: `arn:aws:iam::${account}:root` })
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    const inline = { use: policyText('kms:Encrypt') }
    const { credentials } = await addUser(world, 'carol', { inline })
    expect((await encrypt(credentials)).status).toBe(200)
  })

  test('a federated user', async () => {
    const arn = `arn:aws:sts::${account}:federated-user/fay`
    const fay = await world.addCaller({ type: 'FederatedUser', account, arn, principalId: `${account}:fay` })
    await create({ GranteePrincipal: arn })
    expect((await encrypt(fay)).status).toBe(200)
  })

  test('somebody by unique id', async () => {
    await create({ GranteePrincipal: alice.id })
    expect((await encrypt(asAlice)).status).toBe(200)
    expect((await list()).Grants[0].GranteePrincipal).toBe(alice.arn)
  })

  test('of another account, whose own policies must then allow it too', async () => {
    await world.addRoot(otherAccount, otherRoot)
    const arn = `arn:aws:iam::${otherAccount}:root`
    expect(refused(await encrypt(otherRoot, { KeyId: key.Arn }))).toEqual(foreign(arn, 'kms:Encrypt'))
    await create({ GranteePrincipal: arn })
    expect((await encrypt(otherRoot, { KeyId: key.Arn })).status).toBe(200)
    const zoe: PolicyCaller = {
      type: 'User',
      account: otherAccount,
      arn: `arn:aws:iam::${otherAccount}:user/zoe`,
      principalId: 'AIDAZOEZOEZOEZOEZOE22',
      userName: 'zoe',
    }
    expect(refused(await encrypt(await world.addCaller(zoe), { KeyId: key.Arn }))).toEqual([
      400,
      'AccessDeniedException',
      `User: ${zoe.arn} is not authorized to perform: kms:Encrypt on this resource because no identity-based policy allows the kms:Encrypt action`,
    ])
    const identity = [{ name: 'use', text: policyText('kms:Encrypt') }]
    const allowed = await world.addCaller({ ...zoe, policies: { identity } })
    expect((await encrypt(allowed, { KeyId: key.Arn })).status).toBe(200)
  })
})

describe('a constraint', () => {
  test('holds the encryption context to its pairs, to the letter', async () => {
    await create({ Constraints: { EncryptionContextEquals: { team: 'red', stage: '1' } } })
    const context = (EncryptionContext?: object) => encrypt(asAlice, { EncryptionContext })
    expect((await context({ stage: '1', team: 'red' })).status).toBe(200)
    for (const other of [
      undefined,
      {},
      { team: 'red' },
      { team: 'red', stage: '1', x: '' },
      { Team: 'red', stage: '1' },
    ])
      expect(refused(await context(other))).toEqual(denial(alice.arn, 'kms:Encrypt'))
    expect((await world.call('DescribeKey', { KeyId: key.KeyId }, asAlice)).status).toBe(200)
  })

  test('of a subset lets more pairs in', async () => {
    await create({ Constraints: { EncryptionContextSubset: { team: 'red' } } })
    expect((await encrypt(asAlice, { EncryptionContext: { team: 'red', x: 'y' } })).status).toBe(200)
    expect(refused(await encrypt(asAlice, { EncryptionContext: { team: 'blue', x: 'y' } }))).toEqual(
      denial(alice.arn, 'kms:Encrypt'),
    )
  })

  test.each([
    ['EncryptionContextEquals', 'EncryptionContextSubset'],
    ['EncryptionContextSubset', 'EncryptionContextEquals'],
  ] as const)('that is %s takes an empty %s beside it for none, as Terraform sends it', async (given, other) => {
    const constraint = { [given]: { team: 'red' } }
    const allow = (AWS: string, more: object) => ({ Effect: 'Allow', Principal: { AWS }, Resource: '*', ...more })
    const Condition = { StringEquals: { 'kms:GrantConstraintType': given } }
    const Statement = [
      allow(alice.arn, { Action: 'kms:CreateGrant', Condition }),
      allow(`arn:aws:iam::${account}:root`, { Action: 'kms:*' }),
    ]
    await world.call('PutKeyPolicy', { KeyId: key.KeyId, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) })
    const { json } = await create({ GranteePrincipal: bob.arn, Constraints: { ...constraint, [other]: {} } }, asAlice)
    expect((await list({ GrantId: json.GrantId })).Grants).toMatchObject([{ Constraints: constraint }])
    expect((await list({ GrantId: json.GrantId })).Grants[0].Constraints).not.toHaveProperty(other)
    expect((await encrypt(asBob, { EncryptionContext: { team: 'red' } })).status).toBe(200)
    expect((await encrypt(asBob)).status).toBe(400)
  })

  test('of empty maps alone lets nothing through that has an encryption context', async () => {
    const { json } = await create({ Constraints: { EncryptionContextEquals: {}, EncryptionContextSubset: {} } })
    expect((await list({ GrantId: json.GrantId })).Grants[0].Constraints).toEqual({ EncryptionContextEquals: {} })
    expect((await encrypt(asAlice)).status).toBe(200)
    expect((await encrypt(asAlice, { EncryptionContext: { team: 'red' } })).status).toBe(400)
  })

  test('is asked of each side of a ReEncrypt by its own context', async () => {
    const other = await world.key()
    await create({
      Operations: ['ReEncryptFrom', 'Encrypt'],
      Constraints: { EncryptionContextEquals: { side: 'from' } },
    })
    await create({
      KeyId: other.KeyId,
      Operations: ['ReEncryptTo'],
      Constraints: { EncryptionContextEquals: { side: 'to' } },
    })
    const { CiphertextBlob } = (await encrypt(asAlice, { EncryptionContext: { side: 'from' } })).json
    const input = (to: string) => ({
      CiphertextBlob,
      SourceEncryptionContext: { side: 'from' },
      DestinationKeyId: other.KeyId,
      DestinationEncryptionContext: { side: to },
    })
    expect((await world.call('ReEncrypt', input('to'), asAlice)).status).toBe(200)
    expect(refused(await world.call('ReEncrypt', input('from'), asAlice))[1]).toBe('AccessDeniedException')
  })

  test('of a source ARN lets nobody in who calls directly', async () => {
    await create({ Constraints: { SourceArn: `arn:aws:s3:us-east-1:${account}:bucket` } })
    expect(refused(await encrypt(asAlice))).toEqual(denial(alice.arn, 'kms:Encrypt'))
  })
})

describe('CreateGrant', () => {
  const arnOf = (resource: string) => `arn:aws:iam::${account}:${resource}`
  const service = { GranteePrincipal: undefined, GranteeServicePrincipal: 's3.amazonaws.com' }
  const nine = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, 'v']))

  test.each<[string, object, string, string | undefined]>([
    [
      'no grantee',
      { GranteePrincipal: undefined },
      'ValidationException',
      'Exactly one of GranteePrincipal and GranteeServicePrincipal must be specified.',
    ],
    [
      'two retiring principals',
      { RetiringPrincipal: arnOf('root'), RetiringServicePrincipal: 's3.amazonaws.com' },
      'ValidationException',
      'RetiringPrincipal and RetiringServicePrincipal cannot be specified together.',
    ],
    ['a service', service, 'UnsupportedOperationException', 'Service principals are not supported in grants.'],
    ['no operation', { Operations: [] }, 'ValidationException', 'Grants must contain at least one operation.'],
    [
      'CreateGrant alone',
      { Operations: ['CreateGrant'] },
      'ValidationException',
      'Grants must not contain only the CreateGrant operation.',
    ],
    [
      'an operation that no grant has',
      { Operations: ['Encrypt', 'DisableKey'] },
      'ValidationException',
      "1 validation error detected: Value 'DisableKey' at 'operations.2.member' failed to satisfy constraint: Member must satisfy enum value set: [CreateGrant, Decapsulate, Decrypt, DeriveSharedSecret, DescribeKey, Encapsulate, Encrypt, GenerateDataKey, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, GenerateDataKeyWithoutPlaintext, GenerateMac, GetPublicKey, ReEncryptFrom, ReEncryptTo, RetireGrant, Sign, Verify, VerifyMac]",
    ],
    [
      'an operation that the key has not',
      { Operations: ['Encrypt', 'Sign', 'GenerateMac'] },
      'ValidationException',
      'Operations [Sign, GenerateMac] are not supported when creating a grant for a symmetric KMS key with key usage ENCRYPT_DECRYPT. Valid operations are [CreateGrant, RetireGrant, DescribeKey, Encrypt, Decrypt, ReEncryptFrom, ReEncryptTo, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext]',
    ],
    [
      'both constraints',
      { Constraints: { EncryptionContextEquals: { a: '1' }, EncryptionContextSubset: { a: '1' } } },
      'ValidationException',
      // AWS's text: aws/aws-sdk-java issue 328, and the Terraform provider's source.
      'More than one constraint supplied',
    ],
    [
      'nine pairs',
      { Constraints: { EncryptionContextSubset: nine } },
      'ValidationException',
      'A grant constraint has at most 8 encryption context pairs, of at most 384 characters each.',
    ],
    [
      'a long value',
      { Constraints: { EncryptionContextEquals: { a: 'x'.repeat(385) } } },
      'ValidationException',
      'A grant constraint has at most 8 encryption context pairs, of at most 384 characters each.',
    ],
    ['a group', { GranteePrincipal: arnOf('group/g') }, 'InvalidArnException', `ARN is not valid: ${arnOf('group/g')}`],
    ['no ARN', { GranteePrincipal: 'alice' }, 'InvalidArnException', 'ARN is not valid: alice'],
    [
      'nobody',
      { GranteePrincipal: arnOf('user/nobody') },
      'InvalidArnException',
      `ARN does not refer to a valid principal: ${arnOf('user/nobody')}`,
    ],
    [
      'a session of no role',
      { GranteePrincipal: `arn:aws:sts::${account}:assumed-role/None/s` },
      'InvalidArnException',
      `ARN does not refer to a valid principal: arn:aws:sts::${account}:assumed-role/None/s`,
    ],
    [
      'another partition',
      { GranteePrincipal: `arn:aws-cn:iam::${account}:root` },
      'InvalidArnException',
      `ARN does not refer to a valid principal: arn:aws-cn:iam::${account}:root`,
    ],
    [
      "nobody's id",
      { GranteePrincipal: 'AIDANOBODYNOBODYNOBO2' },
      'InvalidArnException',
      'GranteePrincipal does not refer to a valid principal.',
    ],
    [
      'nobody to retire it',
      { RetiringPrincipal: 'AROANOBODYNOBODYNOBO2:s' },
      'InvalidArnException',
      'RetiringPrincipal does not refer to a valid principal.',
    ],
  ])('refuses %s', async (_, given, type, message) => {
    expect(refused(await create(given))).toEqual([400, type, message])
    expect((await list()).Grants).toEqual([])
  })

  test.each([
    [
      'ECC_NIST_P256',
      'SIGN_VERIFY',
      'an asymmetric',
      '[CreateGrant, RetireGrant, DescribeKey, Sign, Verify, GetPublicKey]',
    ],
    [
      'HMAC_256',
      'GENERATE_VERIFY_MAC',
      'a symmetric',
      '[CreateGrant, RetireGrant, DescribeKey, GenerateMac, VerifyMac]',
    ],
    [
      'ECC_NIST_P256',
      'KEY_AGREEMENT',
      'an asymmetric',
      '[CreateGrant, RetireGrant, DescribeKey, DeriveSharedSecret, GetPublicKey]',
    ],
  ])('says what a grant on a key of %s for %s can hold', async (KeySpec, KeyUsage, family, valid) => {
    const { KeyId } = await world.key({ KeySpec, KeyUsage })
    expect(refused(await create({ KeyId, Operations: ['Encrypt'] }))).toEqual([
      400,
      'ValidationException',
      `Operations [Encrypt] are not supported when creating a grant for ${family} KMS key with key usage ${KeyUsage}. Valid operations are ${valid}`,
    ])
    const Constraints = { EncryptionContextSubset: { a: '1' } }
    expect(refused(await create({ KeyId, Operations: ['DescribeKey'], Constraints }))).toEqual([
      400,
      'ValidationException',
      'EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.',
    ])
  })

  test('with a name and the same parameters is the same grant, with a token of its own', async () => {
    const given = {
      Name: 'n',
      Operations: ['Encrypt', 'DescribeKey'],
      Constraints: { EncryptionContextSubset: { a: '1', b: '2' } },
    }
    const first = (await create(given)).json
    const reordered = {
      ...given,
      Operations: ['DescribeKey', 'Encrypt'],
      Constraints: { EncryptionContextSubset: { b: '2', a: '1' } },
    }
    const second = (await create({ ...reordered, GranteePrincipal: alice.id })).json
    expect(second.GrantId).toBe(first.GrantId)
    expect(second.GrantToken).not.toBe(first.GrantToken)
    for (const GrantToken of [first.GrantToken, second.GrantToken])
      expect((await retire({ GrantToken, DryRun: true }, root)).json.__type).toBe('DryRunOperationException')
    for (const other of [
      { Name: 'm' },
      { Operations: ['Encrypt'] },
      { RetiringPrincipal: bob.arn },
      { Constraints: { EncryptionContextEquals: { a: '1', b: '2' } } },
      { Constraints: undefined },
      { GranteePrincipal: bob.arn },
    ])
      expect((await create({ ...given, ...other })).json.GrantId).not.toBe(first.GrantId)
    expect((await list()).Grants).toHaveLength(7)
  })

  test('without a name is always a new grant', async () => {
    expect((await create()).json.GrantId).not.toBe((await create()).json.GrantId)
    expect((await list()).Grants).toHaveLength(2)
  })

  test('with a name, twenty times at once, makes one grant', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ Name: 'once' })))
    expect(new Set(answers.map(({ json }) => json.GrantId)).size).toBe(1)
    expect((await list()).Grants).toHaveLength(1)
  })

  test('only tried makes none', async () => {
    expect(refused(await create({ DryRun: true }))).toEqual([
      400,
      'DryRunOperationException',
      'The request would have succeeded, but the DryRun option is set.',
    ])
    expect((await list()).Grants).toEqual([])
  })

  test('is on record without its tokens', async () => {
    const first = (await create()).json
    const { json } = await create({ Name: 'n', GrantTokens: [first.GrantToken] })
    expect(world.records.at(-1)).toMatchObject({
      eventName: 'CreateGrant',
      requestParameters: {
        keyId: key.KeyId,
        granteePrincipal: alice.arn,
        operations: ['Encrypt', 'DescribeKey'],
        name: 'n',
      },
      responseElements: { grantId: json.GrantId, keyId: key.Arn },
      resources: [{ ARN: key.Arn }],
    })
    const texts = JSON.stringify([world.records, world.intents, world.logged])
    expect(texts).not.toContain(first.GrantToken)
    expect(texts).not.toContain(json.GrantToken)
  })

  test('can be limited by what policies ask of it', async () => {
    const condition = { 'ForAllValues:StringEquals': { 'kms:GrantOperations': ['Encrypt', 'DescribeKey'] } }
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'kms:CreateGrant', Resource: '*', Condition: condition }],
    })
    const { user, credentials } = await addUser(world, 'carol', { inline: { some: text } })
    expect((await create({}, credentials)).status).toBe(200)
    expect(refused(await create({ Operations: ['Decrypt'] }, credentials))).toEqual(denial(user.arn, 'kms:CreateGrant'))
  })
})

describe('CreateGrant through a grant', () => {
  const Operations = ['Encrypt', 'Decrypt', 'CreateGrant']
  const pass = (given: object) => create({ GranteePrincipal: bob.arn, Operations: ['Encrypt'], ...given }, asAlice)

  test('gives no more than one grant gave', async () => {
    await create({ Operations })
    await create({ Operations: ['GenerateDataKey', 'CreateGrant'] })
    expect((await pass({})).status).toBe(200)
    expect((await pass({ Operations: ['GenerateDataKey', 'CreateGrant'] })).status).toBe(200)
    expect(refused(await pass({ Operations: ['Encrypt', 'GenerateDataKey'] }))).toEqual(
      denial(alice.arn, 'kms:CreateGrant'),
    )
    expect(refused(await pass({ Operations: ['DescribeKey'] }))).toEqual(denial(alice.arn, 'kms:CreateGrant'))
    expect((await encrypt(asBob)).status).toBe(200)
  })

  test('keeps to the constraint of the one', async () => {
    await create({ Operations, Constraints: { EncryptionContextSubset: { a: '1' } } })
    const allowed = [{ EncryptionContextSubset: { a: '1', b: '2' } }, { EncryptionContextEquals: { a: '1' } }]
    for (const Constraints of allowed) expect((await pass({ Constraints })).status).toBe(200)
    for (const Constraints of [
      undefined,
      {},
      { EncryptionContextSubset: { b: '2' } },
      { EncryptionContextEquals: { a: '2' } },
    ])
      expect(refused(await pass({ Constraints }))).toEqual(denial(alice.arn, 'kms:CreateGrant'))
  })
})

describe('a grant token', () => {
  const bad = [400, 'InvalidGrantTokenException', undefined]

  test('that is not one of ours is refused, whoever shows it', async () => {
    const { GrantToken } = (await create()).json
    const bytes = Buffer.from(GrantToken, 'base64url')
    const flipped = Array.from({ length: bytes.length }, (_, at) => {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy.toString('base64url')
    })
    const short = bytes.subarray(0, -1).toString('base64url')
    const others = ['x', 'AAAA', `${GrantToken}=`, `${GrantToken} `, short, '\u{1f511}', 'A'.repeat(8192), ...flipped]
    for (const token of others) {
      expect(refused(await encrypt(asAlice, { GrantTokens: [token] }))).toEqual(bad)
      expect(refused(await encrypt(root, { GrantTokens: [GrantToken, token] }))).toEqual(bad)
      expect(refused(await retire({ GrantToken: token }, root))).toEqual(bad)
    }
    expect((await encrypt(asAlice, { GrantTokens: [GrantToken] })).status).toBe(200)
  })

  test('of a grant that is no more is refused, once it is needed', async () => {
    const { GrantToken, GrantId } = (await create()).json
    await revoke(GrantId)
    expect(refused(await encrypt(asAlice, { GrantTokens: [GrantToken] }))).toEqual(bad)
    expect((await encrypt(root, { GrantTokens: [GrantToken] })).status).toBe(200)
    expect(refused(await retire({ GrantToken }, root))).toEqual(bad)
  })

  test('gives nobody anything but its grantee', async () => {
    const { GrantToken } = (await create()).json
    expect(refused(await encrypt(asBob, { GrantTokens: [GrantToken] }))).toEqual(denial(bob.arn, 'kms:Encrypt'))
  })

  test('does not come from a HSM call each time', async () => {
    const tokens = (await create()).json
    world.hsm.failure = new Error('gone')
    expect(refused(await retire({ GrantToken: tokens.GrantToken, DryRun: true }, root))[1]).toBe(
      'DryRunOperationException',
    )
  })
})

describe('ListGrants', () => {
  test('lists page by page, all or those of one grantee', async () => {
    for (let n = 0; n < 5; n++) await create()
    for (let n = 0; n < 3; n++) await create({ GranteePrincipal: bob.arn })
    const pages = async (given: object) => {
      const ids: string[][] = []
      let Marker: string | undefined
      do {
        const page = await list({ Limit: 2, ...given, ...(Marker && { Marker }) })
        ids.push(page.Grants.map(({ GrantId }: { GrantId: string }) => GrantId))
        expect(page.Truncated).toBe(page.NextMarker !== undefined)
        Marker = page.NextMarker
      } while (Marker)
      return ids
    }
    const whole = await pages({})
    expect(whole.map(({ length }) => length)).toEqual([2, 2, 2, 2])
    expect(new Set(whole.flat()).size).toBe(8)
    expect((await pages({ GranteePrincipal: alice.arn })).map(({ length }) => length)).toEqual([2, 2, 1])
    expect((await pages({ GranteePrincipal: bob.id })).map(({ length }) => length)).toEqual([2, 1])
    expect(await pages({ GrantId: whole[1]?.[0] })).toEqual([[whole[1]?.[0]]])
    const ofBob = await pages({ GranteePrincipal: bob.arn })
    expect((await list({ GrantId: ofBob[0]?.[0], GranteePrincipal: alice.arn })).Grants).toEqual([])
  })

  test.each<[object, string, string | undefined]>([
    [{ GrantId: 'x' }, 'InvalidGrantIdException', undefined],
    [{ GranteePrincipal: 'nobody' }, 'InvalidArnException', 'ARN is not valid: nobody'],
    [{ GranteePrincipal: 'AIDANOBODYNOBODYNOBO2' }, 'InvalidArnException', 'Input does not refer to a valid principal'],
    [{ Marker: 'x' }, 'InvalidMarkerException', undefined],
    [
      { GranteeServicePrincipal: 's3.amazonaws.com' },
      'UnsupportedOperationException',
      'Service principals are not supported in grants.',
    ],
  ])('refuses %j', async (given, type, message) => {
    expect(refused(await world.call('ListGrants', { KeyId: key.KeyId, ...given }))).toEqual([400, type, message])
  })
})

describe('ListRetirableGrants', () => {
  test.each<[object, string, string | undefined]>([
    [{}, 'ValidationException', 'Exactly one of RetiringPrincipal and RetiringServicePrincipal must be specified.'],
    [
      { RetiringServicePrincipal: 's3.amazonaws.com' },
      'UnsupportedOperationException',
      'Service principals are not supported in grants.',
    ],
    [{ RetiringPrincipal: 'x' }, 'InvalidArnException', 'ARN is not valid: x'],
    [
      { RetiringPrincipal: 'AIDANOBODYNOBODYNOBO2' },
      'NotFoundException',
      'Retiring principal AIDANOBODYNOBODYNOBO2 could not be found',
    ],
    [
      { RetiringPrincipal: `arn:aws:iam::${otherAccount}:root` },
      'NotFoundException',
      `Retiring principal arn:aws:iam::${otherAccount}:root could not be found`,
    ],
  ])('refuses %j', async (given, type, message) => {
    expect(refused(await world.call('ListRetirableGrants', given))).toEqual([400, type, message])
  })

  test('lists those of all keys, page by page', async () => {
    const other = await world.key()
    for (const KeyId of [key.KeyId, other.KeyId, key.KeyId]) await create({ KeyId, RetiringPrincipal: bob.arn })
    await create()
    const input = { RetiringPrincipal: bob.arn, Limit: 2 }
    const first = (await world.call('ListRetirableGrants', input)).json
    expect([first.Grants.length, first.Truncated]).toEqual([2, true])
    const last = (await world.call('ListRetirableGrants', { ...input, Marker: first.NextMarker })).json
    expect([last.Grants.length, last.Truncated]).toEqual([1, false])
    const keys = [...first.Grants, ...last.Grants].map(({ KeyId }: { KeyId: string }) => KeyId)
    expect(keys.toSorted()).toEqual([key.Arn, key.Arn, other.Arn].toSorted())
  })
})

describe('RetireGrant', () => {
  const byId = (GrantId: string) => ({ KeyId: key.Arn, GrantId })

  test('is for the retiring principal, without any policy, by id or by token', async () => {
    const first = (await create({ RetiringPrincipal: bob.arn })).json
    const second = (await create({ RetiringPrincipal: bob.arn })).json
    expect(refused(await retire(byId(first.GrantId), asAlice))).toEqual(denial(alice.arn, 'kms:RetireGrant'))
    expect((await retire(byId(first.GrantId), asBob)).json).toEqual({})
    expect((await retire({ GrantToken: second.GrantToken }, asBob)).json).toEqual({})
    expect((await list()).Grants).toEqual([])
  })

  test('is on record with the grant and its key, and without the token', async () => {
    const { GrantId, GrantToken } = (await create({ RetiringPrincipal: bob.arn })).json
    await retire({ GrantToken }, asBob)
    expect(world.records.at(-1)).toMatchObject({
      eventName: 'RetireGrant',
      requestParameters: null,
      responseElements: null,
      additionalEventData: { grantId: GrantId, authorization: [{ decision: 'Allow', source: 'grant' }] },
      resources: [{ ARN: key.Arn }],
    })
    expect(JSON.stringify(world.records)).not.toContain(GrantToken)
  })

  test('is for the grantee where the grant says so', async () => {
    const without = (await create()).json
    const granted = (await create({ Operations: ['Encrypt', 'RetireGrant'] })).json
    expect(refused(await retire(byId(without.GrantId), asAlice))[1]).toBe('AccessDeniedException')
    expect((await retire(byId(granted.GrantId), asAlice)).status).toBe(200)
  })

  test('is for whom the issuing account lets do it, and nobody that it denies it', async () => {
    const allowed = await addUser(world, 'carol', { inline: { it: policyText('kms:RetireGrant') } })
    const denied = await addUser(world, 'dave', { inline: { no: policyText('kms:RetireGrant', 'Deny') } })
    const { GrantId } = (await create({ RetiringPrincipal: denied.user.arn })).json
    expect(refused(await retire(byId(GrantId), denied.credentials))).toEqual([
      400,
      'AccessDeniedException',
      `User: ${denied.user.arn} is not authorized to perform: kms:RetireGrant on resource: ${key.Arn} with an explicit deny in an identity-based policy`,
    ])
    expect((await retire(byId(GrantId), allowed.credentials)).status).toBe(200)
  })

  test('is nothing that a key policy could give', async () => {
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' },
        { Effect: 'Allow', Principal: { AWS: alice.arn }, Action: 'kms:RetireGrant', Resource: '*' },
      ],
    })
    await world.call('PutKeyPolicy', { KeyId: key.KeyId, Policy })
    const { GrantId } = (await create({ GranteePrincipal: bob.arn })).json
    expect(refused(await retire(byId(GrantId), asAlice))).toEqual(denial(alice.arn, 'kms:RetireGrant'))
  })

  test('tells a stranger nothing, and lets in one that the grant names and its own account allows', async () => {
    await world.addRoot(otherAccount, otherRoot)
    const arn = `arn:aws:iam::${otherAccount}:root`
    const { GrantId } = (await create()).json
    const none = '0'.repeat(64)
    const noKey = `arn:aws:kms:us-east-1:${account}:key/00000000-0000-4000-8000-000000000000`
    for (const input of [byId(GrantId), byId(none), { KeyId: noKey, GrantId }])
      expect(refused(await retire(input, otherRoot))).toEqual(foreign(arn, 'kms:RetireGrant'))
    const zoe = { type: 'User', account: otherAccount, userName: 'zoe' } as const
    const who = { ...zoe, arn: `arn:aws:iam::${otherAccount}:user/zoe`, principalId: 'AIDAZOEZOEZOEZOEZOE22' }
    const identity = [{ name: 'no', text: policyText('kms:*', 'Deny') }]
    const denied = await world.addCaller({ ...who, policies: { identity } })
    for (const input of [byId(GrantId), byId(none)])
      expect(refused(await retire(input, denied))).toEqual(foreign(who.arn, 'kms:RetireGrant'))
    const named = (await create({ RetiringPrincipal: arn })).json
    expect((await retire(byId(named.GrantId), otherRoot)).status).toBe(200)
  })

  test('works on a key that is disabled or to be deleted', async () => {
    const { GrantId } = (await create()).json
    await world.call('DisableKey', { KeyId: key.KeyId })
    await world.call('ScheduleKeyDeletion', { KeyId: key.KeyId })
    expect((await retire(byId(GrantId), root)).status).toBe(200)
  })

  test('only tried ends nothing', async () => {
    const { GrantId } = (await create()).json
    expect((await retire({ ...byId(GrantId), DryRun: true }, root)).json.__type).toBe('DryRunOperationException')
    const tried = await world.call('RevokeGrant', { KeyId: key.KeyId, GrantId, DryRun: true })
    expect(tried.json.__type).toBe('DryRunOperationException')
    expect((await list()).Grants).toHaveLength(1)
  })

  test.each<[object, string, string | undefined]>([
    [{}, 'ValidationException', 'Either GrantToken, or KeyId and GrantId, must be specified.'],
    [{ GrantId: '0'.repeat(64) }, 'ValidationException', 'Either GrantToken, or KeyId and GrantId, must be specified.'],
    [
      { GrantToken: 'x', GrantId: '0'.repeat(64) },
      'ValidationException',
      'Either GrantToken, or KeyId and GrantId, must be specified.',
    ],
    [{ KeyId: 'alias/x', GrantId: 'x' }, 'InvalidArnException', 'Key Aliases are not supported for this operation.'],
    [{ KeyId: 'x', GrantId: 'x' }, 'NotFoundException', 'Invalid arn x'],
    [
      { KeyId: `arn:aws:kms:us-west-2:${account}:key/00000000-0000-4000-8000-000000000000`, GrantId: '0'.repeat(64) },
      'NotFoundException',
      'Invalid arn us-west-2',
    ],
    [
      { KeyId: `arn:aws:kms:us-east-1:${account}:key/00000000-0000-4000-8000-000000000000`, GrantId: '0'.repeat(64) },
      'NotFoundException',
      `Key 'arn:aws:kms:us-east-1:${account}:key/00000000-0000-4000-8000-000000000000' does not exist`,
    ],
    [
      { KeyId: `arn:aws:kms:us-east-1:${account}:key/00000000-0000-4000-8000-000000000000`, GrantId: 'x' },
      'InvalidGrantIdException',
      undefined,
    ],
  ])('refuses %j', async (input, type, message) => {
    expect(refused(await retire(input, root))).toEqual([400, type, message])
  })
})

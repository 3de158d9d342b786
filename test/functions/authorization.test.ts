/** Who may do what, over the wire: what users hear, what strangers do not, and what the audit trail says decided. */
import { beforeEach, describe, expect, test } from 'vitest'
import { addUser, policyText } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { account, base64, region, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const partner = '444455556666'
const allow = { Effect: 'Allow', Action: 'kms:*', Resource: '*' }
const deny = { ...allow, Effect: 'Deny' }
const policy = (...Statement: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const delegation = { Sid: 'delegate', ...allow, Principal: { AWS: account } }

const encrypt = async (KeyId: string, by: Credentials, more: object = {}) =>
  world.call('Encrypt', { KeyId, Plaintext: base64('x'), ...more }, by)
const decisions = () => world.records.at(-1)?.additionalEventData?.authorization
const denied = (message: string) => ({ status: 400, json: { __type: 'AccessDeniedException', message } })

describe('a user', () => {
  const alice = `arn:aws:iam::${account}:user/alice`
  const refused = (arn: string) => `User: ${alice} is not authorized to perform: kms:Encrypt on resource: ${arn}`

  test('is not let in by the statement that delegates to its account, and hears what is missing', async () => {
    const { credentials } = await addUser(world, 'alice')
    const { KeyId, Arn } = await world.key()
    expect(await encrypt(KeyId, credentials)).toMatchObject(
      denied(`${refused(Arn)} because no identity-based policy allows the kms:Encrypt action`),
    )
    expect(decisions()).toEqual([
      {
        action: 'kms:Encrypt',
        resource: Arn,
        decision: 'Deny',
        source: 'default',
        detail: 'No identity-policy allows it.',
      },
    ])
  })

  test('is let in by an identity policy, and the record names both statements', async () => {
    const inline = { developers: policy({ Sid: 'use', ...allow }) }
    const { credentials } = await addUser(world, 'alice', { inline })
    const { KeyId, Arn } = await world.key({ Policy: policy(delegation) })
    expect((await encrypt(KeyId, credentials)).status).toBe(200)
    expect(decisions()).toEqual([
      {
        action: 'kms:Encrypt',
        resource: Arn,
        decision: 'Allow',
        source: 'identity-policy',
        policy: 'developers',
        statement: 'use',
        detail: 'Together with key-policy delegate.',
      },
    ])
  })

  test('hears that the key knows nothing of its account', async () => {
    const { credentials } = await addUser(world, 'alice', { inline: { all: policyText('*') } })
    const { KeyId, Arn } = await world.key({
      Policy: policy({ ...allow, Principal: { AWS: partner } }),
      BypassPolicyLockoutSafetyCheck: true,
    })
    expect(await encrypt(KeyId, credentials)).toMatchObject(
      denied(`${refused(Arn)} because no resource-based policy allows the kms:Encrypt action`),
    )
  })

  test.each([
    ['an identity-based policy', { inline: { a: policy(allow), b: policy(deny) } }, policy(delegation)],
    [
      'a resource-based policy',
      { inline: { a: policy(allow) } },
      policy(delegation, { ...deny, Action: 'kms:Encrypt', Principal: '*' }),
    ],
  ])('hears of an explicit deny in %s', async (what, given, Policy) => {
    const { credentials } = await addUser(world, 'alice', given)
    const { KeyId, Arn } = await world.key({ Policy })
    expect(await encrypt(KeyId, credentials)).toMatchObject(denied(`${refused(Arn)} with an explicit deny in ${what}`))
    expect(decisions()).toMatchObject([{ decision: 'Deny' }])
  })

  test('is limited by its boundary, and by one that is gone', async () => {
    const boundary = { id: 'ANPAGONEGONEGONEGONE2', arn: `arn:aws:iam::${account}:policy/gone` }
    const { credentials } = await addUser(world, 'alice', { inline: { a: policy(allow) }, boundary })
    const { KeyId, Arn } = await world.key()
    expect(await encrypt(KeyId, credentials)).toMatchObject(
      denied(`${refused(Arn)} with an explicit deny in a permissions boundary`),
    )
  })

  test('does not put a policy that would lock it out, though its account could change it again', async () => {
    const inline = { a: policy({ ...allow, Action: ['kms:CreateKey', 'kms:Encrypt'] }) }
    const { credentials, user } = await addUser(world, 'alice', { inline })
    const create = (input: object) => world.call('CreateKey', input, credentials)
    expect(await create({ Policy: policy(delegation) })).toMatchObject({
      status: 400,
      json: {
        __type: 'MalformedPolicyDocumentException',
        message: 'The new key policy will not allow you to update the key policy in the future.',
      },
    })
    expect((await create({})).status).toBe(200)
    expect((await create({ Policy: policy(delegation), BypassPolicyLockoutSafetyCheck: true })).status).toBe(200)
    expect((await create({ Policy: policy({ ...allow, Principal: { AWS: user.arn } }) })).status).toBe(200)
  })

  test('uses a key by its tags and its own', async () => {
    const own = { StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } }
    const inline = { a: policy({ ...allow, Condition: own }) }
    const { credentials } = await addUser(world, 'alice', { inline, tags: { team: 'red' } })
    const [red, blue] = [await world.key(), await world.key()]
    const tag = (KeyId: string, TagValue: string) =>
      world.call('TagResource', { KeyId, Tags: [{ TagKey: 'team', TagValue }] })
    await tag(red.KeyId, 'red')
    await tag(blue.KeyId, 'blue')
    expect((await encrypt(red.KeyId, credentials)).status).toBe(200)
    expect((await encrypt(blue.KeyId, credentials)).json.__type).toBe('AccessDeniedException')
  })

  test('uses a key by whatever alias it has, whether the request names it so or not', async () => {
    const byAlias = { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': 'alias/app-*' } }
    const { credentials } = await addUser(world, 'alice', { inline: { a: policy({ ...allow, Condition: byAlias }) } })
    const { KeyId } = await world.key()
    expect((await encrypt(KeyId, credentials)).json.__type).toBe('AccessDeniedException')
    await world.call('CreateAlias', { AliasName: 'alias/other', TargetKeyId: KeyId })
    expect((await encrypt('alias/other', credentials)).json.__type).toBe('AccessDeniedException')
    await world.call('CreateAlias', { AliasName: 'alias/app-1', TargetKeyId: KeyId })
    expect((await encrypt(KeyId, credentials)).status).toBe(200)
    expect((await encrypt('alias/other', credentials)).status).toBe(200)
  })

  test('uses a key through an alias alone, where its policy asks for the request’s', async () => {
    const byAlias = { StringEquals: { 'kms:RequestAlias': 'alias/app' } }
    const { credentials } = await addUser(world, 'alice', { inline: { a: policy({ ...allow, Condition: byAlias }) } })
    const { KeyId } = await world.key()
    await world.call('CreateAlias', { AliasName: 'alias/app', TargetKeyId: KeyId })
    expect((await encrypt('alias/app', credentials)).status).toBe(200)
    expect((await encrypt(KeyId, credentials)).json.__type).toBe('AccessDeniedException')
  })

  test('does not choose which of two names of one encryption context a policy sees', async () => {
    const it = { StringEquals: { 'kms:EncryptionContext:dept': 'it' } }
    const { credentials } = await addUser(world, 'alice', { inline: { a: policy({ ...allow, Condition: it }) } })
    const { KeyId } = await world.key()
    const send = async (EncryptionContext: object) => (await encrypt(KeyId, credentials, { EncryptionContext })).status
    expect(await send({ Dept: 'it' })).toBe(200)
    for (const twins of [
      { Dept: 'hr', dept: 'it' },
      { dept: 'it', Dept: 'hr' },
    ])
      expect(await send(twins)).toBe(400)
  })

  test('creates keys of the kinds that its policy names, defaults included', async () => {
    const kinds = {
      StringEquals: { 'kms:KeySpec': 'SYMMETRIC_DEFAULT', 'kms:KeyOrigin': 'AWS_KMS' },
      Bool: { 'kms:MultiRegion': 'false' },
    }
    const { credentials } = await addUser(world, 'alice', { inline: { a: policy({ ...allow, Condition: kinds }) } })
    expect((await world.call('CreateKey', {}, credentials)).status).toBe(200)
    const rsa = await world.call('CreateKey', { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' }, credentials)
    expect(rsa).toMatchObject(
      denied(
        `User: ${alice} is not authorized to perform: kms:CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action`,
      ),
    )
  })
})

describe('a stranger', () => {
  const zoe = `arn:aws:iam::${partner}:user/zoe`
  const missing = `arn:aws:kms:${region}:${account}:key/11111111-2222-3333-4444-555555555555`
  const unknown = `User: ${zoe} is not authorized to perform: kms:Encrypt on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access`
  const own = `User: ${zoe} is not authorized to perform: kms:Encrypt on this resource because no identity-based policy allows the kms:Encrypt action`
  const add = (inline: Record<string, string>) => addUser(world, 'zoe', { account: partner, inline })

  test('is let in where both sides allow', async () => {
    const { credentials } = await add({ a: policy({ Sid: 'theirs', ...allow }) })
    const { Arn } = await world.key({
      Policy: policy(delegation, { Sid: 'partner', ...allow, Principal: { AWS: partner } }),
    })
    expect((await encrypt(Arn, credentials)).status).toBe(200)
    expect(decisions()).toMatchObject([{ statement: 'theirs', detail: 'Together with key-policy partner.' }])
  })

  test('is not let in by the key alone, and hears of its own side where the key is shared', async () => {
    const { credentials } = await add({})
    const { Arn } = await world.key({ Policy: policy(delegation, { ...allow, Principal: { AWS: partner } }) })
    expect(await encrypt(Arn, credentials)).toMatchObject(denied(own))
  })

  test('manages nothing of another account, whatever the policies say', async () => {
    const { credentials } = await add({ a: policyText('*') })
    const { Arn } = await world.key({ Policy: policy(delegation, { ...allow, Principal: { AWS: partner } }) })
    const answer = await world.call('DisableKey', { KeyId: Arn }, credentials)
    expect(answer).toMatchObject(denied(unknown.replace('kms:Encrypt', 'kms:DisableKey')))
  })

  // What its own policies ask of the key must not show in the answer: they are its own to write.
  test.each([
    ['allow everything', [allow], unknown],
    ['allow nothing', [], own],
    ['allow one key', [{ ...allow, Resource: missing }], undefined],
    ['ask for a tag', [{ ...allow, Condition: { StringEquals: { 'aws:ResourceTag/team': 'red' } } }], own],
    ['ask for a spec', [{ ...allow, Condition: { StringEquals: { 'kms:KeySpec': 'SYMMETRIC_DEFAULT' } } }], own],
    ['deny by a tag', [allow, { ...deny, Condition: { StringEquals: { 'aws:ResourceTag/team': 'red' } } }], unknown],
    [
      'deny by an alias',
      [allow, { ...deny, Condition: { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': '*' } } }],
      unknown,
    ],
    ['deny everything', [deny], undefined],
  ])('hears the same of a key that is not shared as of none, when its policies %s', async (_what, statements, text) => {
    const { credentials } = await add(statements.length > 0 ? { a: policy(...statements) } : {})
    const { Arn, KeyId } = await world.key({ Tags: [{ TagKey: 'team', TagValue: 'red' }] })
    await world.call('CreateAlias', { AliasName: 'alias/there', TargetKeyId: KeyId })
    const aliases = ['alias/there', 'alias/none'].map((name) => `arn:aws:kms:${region}:${account}:${name}`)
    const heard = await Promise.all([missing, ...aliases].map(async (each) => (await encrypt(each, credentials)).json))
    if (text !== undefined) {
      heard.push((await encrypt(Arn, credentials)).json)
      expect(heard[0]).toEqual({ __type: 'AccessDeniedException', message: text })
      expect(new Set(heard.map((each) => JSON.stringify(each))).size).toBe(1)
    }
    expect(heard[1]).toEqual(heard[2])
  })

  test('hears of its own Deny, and no more', async () => {
    const { credentials } = await add({ a: policy(deny) })
    const { Arn } = await world.key()
    const text = `User: ${zoe} is not authorized to perform: kms:Encrypt on this resource with an explicit deny in an identity-based policy`
    for (const each of [Arn, missing]) expect(await encrypt(each, credentials)).toMatchObject(denied(text))
  })

  test('is let in by a grant, by whatever name, though it denies itself all but that key', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('CreateAlias', { AliasName: 'alias/granted', TargetKeyId: KeyId })
    const { credentials, user } = await add({ a: policy(allow, { Effect: 'Deny', Action: '*', NotResource: Arn }) })
    const byAlias = `arn:aws:kms:${region}:${account}:alias/granted`
    expect((await encrypt(byAlias, credentials)).json.__type).toBe('AccessDeniedException')
    await world.call('CreateGrant', { KeyId, GranteePrincipal: user.arn, Operations: ['Encrypt'] })
    expect((await encrypt(byAlias, credentials)).status).toBe(200)
  })

  test('hears of an attestation that is none before of a key', async () => {
    const { credentials } = await add({ a: policy(allow) })
    const { Arn } = await world.key()
    const Recipient = { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: base64('nonsense') }
    const heard = await Promise.all(
      [Arn, missing].map((KeyId) =>
        world.call('GenerateDataKey', { KeyId, KeySpec: 'AES_256', Recipient }, credentials),
      ),
    )
    expect(heard[0]?.json).toEqual(heard[1]?.json)
  })
})

describe('the record of a request', () => {
  test('names a decision for each key, and none of a caller that is not known', async () => {
    const [from, to] = [await world.key(), await world.key()]
    const { CiphertextBlob } = (await world.call('Encrypt', { KeyId: from.KeyId, Plaintext: base64('x') })).json
    await world.call('ReEncrypt', { CiphertextBlob, DestinationKeyId: to.KeyId })
    const by = { decision: 'Allow', source: 'key-policy', policy: 'default', statement: 'Enable IAM User Permissions' }
    expect(decisions()).toEqual([
      { action: 'kms:ReEncryptFrom', resource: from.Arn, ...by },
      { action: 'kms:ReEncryptTo', resource: to.Arn, ...by },
    ])
    await world.call('ListKeys', {}, 'nobody')
    expect(world.records.at(-1)).not.toHaveProperty('additionalEventData')
  })

  test('names root where there is nothing to ask', async () => {
    await world.call('ListKeys')
    expect(decisions()).toEqual([{ action: 'kms:ListKeys', resource: '*', decision: 'Allow', source: 'root' }])
  })
})

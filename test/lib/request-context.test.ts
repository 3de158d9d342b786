import { describe, expect, it } from 'vitest'
import { operations } from '../../functions/index.ts'
import type { Caller } from '../../lib/identity/caller.ts'
import type { Request } from '../../lib/operation.ts'
import { unclear } from '../../lib/policy/variables.ts'
import { contextOf, type Entries, fromMembers, fromRequest } from '../../lib/request-context.ts'

const account = '111122223333'
const place = { partition: 'aws', region: 'us-east-1', account }
const now = Date.parse('2026-11-24T12:00:00Z')
const request: Request = {
  id: '',
  method: 'POST',
  path: '/',
  query: '',
  headers: {},
  body: new Uint8Array(),
  sourceIp: '192.0.2.1',
  secure: true,
}

const known = (entries: Entries) => Object.fromEntries(entries.filter(([, value]) => value !== undefined))
const asked = (caller: Caller) => known(fromRequest(request, caller, place, now))

describe('of a caller, policies see', () => {
  const alice: Caller = {
    type: 'User',
    account,
    arn: `arn:aws:iam::${account}:user/team/alice`,
    principalId: 'AIDAALICEALICEALICE22',
    userName: 'alice',
    accessKeyId: 'AKIAALICE',
    tags: { Team: 'red' },
  }
  const deployer: Caller = {
    type: 'AssumedRole',
    account,
    arn: `arn:aws:sts::${account}:assumed-role/Deployer/build`,
    roleArn: `arn:aws:iam::${account}:role/ci/Deployer`,
    principalId: 'AROADEPLOYERDEPLOY222:build',
    accessKeyId: 'ASIADEPLOYER',
    session: { issuedAt: now - 90_500, sourceIdentity: 'alice', federatedProvider: 'accounts.example.com' },
  }
  const temporary = ['aws:TokenIssueTime', 'aws:MultiFactorAuthPresent', 'aws:MultiFactorAuthAge']

  it('the account of a root user, and neither a name nor anything of a session', () => {
    const root = { type: 'Root', account, arn: `arn:aws:iam::${account}:root`, principalId: account } as const
    const context = asked({ ...root, accessKeyId: 'AKIAROOT' })
    expect(context).toMatchObject({
      'aws:PrincipalArn': root.arn,
      'aws:PrincipalAccount': account,
      'aws:PrincipalType': 'Account',
      'aws:userid': account,
      'kms:CallerAccount': account,
    })
    for (const name of ['aws:username', 'aws:SourceIdentity', ...temporary]) expect(context).not.toHaveProperty(name)
  })

  it('the name and tags of a user, whose long-lived credentials know no second factor', () => {
    const context = asked(alice)
    expect(context).toMatchObject({
      'aws:PrincipalArn': alice.arn,
      'aws:PrincipalType': 'User',
      'aws:userid': alice.principalId,
      'aws:username': 'alice',
      'aws:PrincipalTag/Team': 'red',
    })
    for (const name of temporary) expect(context).not.toHaveProperty(name)
  })

  it("the role of an assumed role's session, with its path, and when it began", () => {
    const context = asked(deployer)
    expect(context).toMatchObject({
      'aws:PrincipalArn': `arn:aws:iam::${account}:role/ci/Deployer`,
      'aws:PrincipalType': 'AssumedRole',
      'aws:userid': 'AROADEPLOYERDEPLOY222:build',
      'aws:TokenIssueTime': '2026-11-24T11:58:29Z',
      'aws:MultiFactorAuthPresent': 'false',
      'aws:SourceIdentity': 'alice',
      'aws:FederatedProvider': 'accounts.example.com',
    })
    expect(context).not.toHaveProperty('aws:username')
    expect(context).not.toHaveProperty('aws:MultiFactorAuthAge')
  })

  it('a federated user, and how long ago a second factor was shown', () => {
    const fay: Caller = {
      type: 'FederatedUser',
      account,
      arn: `arn:aws:sts::${account}:federated-user/fay`,
      principalId: `${account}:fay`,
      accessKeyId: 'ASIAFAY',
      session: { issuedAt: now, mfaAt: now - 61_999 },
    }
    expect(asked(fay)).toMatchObject({
      'aws:PrincipalArn': fay.arn,
      'aws:PrincipalType': 'FederatedUser',
      'aws:MultiFactorAuthPresent': 'true',
      'aws:MultiFactorAuthAge': '61',
    })
  })
})

describe('of a request, policies see', () => {
  const members = (name: string, input: Record<string, unknown>, sent = input) => {
    const operation = operations.find((each) => each.name === name)
    if (!operation) throw new Error(`No operation is called ${name}.`)
    return known(fromMembers(operation, { input, sent }))
  }

  it("CreateKey's defaults, under the deprecated names too", () => {
    expect(members('CreateKey', { Origin: 'AWS_KMS', MultiRegion: false }, {})).toEqual({
      'kms:KeySpec': 'SYMMETRIC_DEFAULT',
      'kms:CustomerMasterKeySpec': 'SYMMETRIC_DEFAULT',
      'kms:KeyUsage': 'ENCRYPT_DECRYPT',
      'kms:CustomerMasterKeyUsage': 'ENCRYPT_DECRYPT',
      'kms:KeyOrigin': 'AWS_KMS',
      'kms:MultiRegion': 'false',
    })
  })

  it('a key spec by its deprecated name, and that a multi-Region key is made as the primary', () => {
    const input = { CustomerMasterKeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY', Origin: 'EXTERNAL', MultiRegion: true }
    expect(members('CreateKey', input)).toMatchObject({
      'kms:KeySpec': 'RSA_2048',
      'kms:KeyUsage': 'SIGN_VERIFY',
      'kms:KeyOrigin': 'EXTERNAL',
      'kms:MultiRegion': 'true',
      'kms:MultiRegionKeyType': 'PRIMARY',
    })
  })

  it.each(['CreateKey', 'PutKeyPolicy'])('the bypass of the lockout check in %s only when it is sent', (name) => {
    const input = { BypassPolicyLockoutSafetyCheck: false }
    expect(members(name, input, {})).not.toHaveProperty('kms:BypassPolicyLockoutSafetyCheck')
    expect(members(name, input, { BypassPolicyLockoutSafetyCheck: null })).not.toHaveProperty(
      'kms:BypassPolicyLockoutSafetyCheck',
    )
    expect(members(name, input)).toMatchObject({ 'kms:BypassPolicyLockoutSafetyCheck': 'false' })
  })

  it('the expiration of imported material in seconds, and its model only when it is sent', () => {
    const input = { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: now }
    expect(members('ImportKeyMaterial', input)).toEqual({
      'kms:ExpirationModel': 'KEY_MATERIAL_EXPIRES',
      'kms:ValidTo': String(now / 1000),
    })
    expect(members('ImportKeyMaterial', { ExpirationModel: 'KEY_MATERIAL_EXPIRES' }, {})).toEqual({})
  })

  it('the rotation period that AWS falls back on', () => {
    expect(members('EnableKeyRotation', {})).toEqual({ 'kms:RotationPeriodInDays': '365' })
    expect(members('EnableKeyRotation', { RotationPeriodInDays: 90 })).toEqual({ 'kms:RotationPeriodInDays': '90' })
  })

  it('the tags and the names of the tags that are put, and no empty list', () => {
    expect(members('TagResource', { Tags: [{ TagKey: 'Team', TagValue: 'red' }] })).toEqual({
      'aws:RequestTag/Team': 'red',
      'aws:TagKeys': ['Team'],
    })
    expect(members('UntagResource', { TagKeys: ['Team'] })).toEqual({ 'aws:TagKeys': ['Team'] })
    expect(members('TagResource', { Tags: [] })).toEqual({})
  })

  it.each([
    ['GetParametersForImport', 'WrappingAlgorithm', 'RSAES_OAEP_SHA_256', 'kms:WrappingAlgorithm'],
    ['GetParametersForImport', 'WrappingKeySpec', 'RSA_4096', 'kms:WrappingKeySpec'],
    ['GenerateDataKeyPair', 'KeyPairSpec', 'ECC_NIST_P256', 'kms:DataKeyPairSpec'],
    ['Sign', 'SigningAlgorithm', 'ECDSA_SHA_256', 'kms:SigningAlgorithm'],
    ['Verify', 'MessageType', 'DIGEST', 'kms:MessageType'],
    ['GenerateMac', 'MacAlgorithm', 'HMAC_SHA_256', 'kms:MacAlgorithm'],
    ['DeriveSharedSecret', 'KeyAgreementAlgorithm', 'ECDH', 'kms:KeyAgreementAlgorithm'],
    ['ScheduleKeyDeletion', 'PendingWindowInDays', 7, 'kms:ScheduleKeyDeletionPendingWindowInDays'],
  ])('in %s the %s', (name, member, value, condition) => {
    expect(members(name, { [member]: value })).toEqual({ [condition]: String(value) })
  })

  it("no key spec of a data key's, which is not the KMS key's", () => {
    expect(members('GenerateDataKey', { KeySpec: 'AES_256' })).toEqual({})
  })
})

describe('contextOf', () => {
  it('finds no value where two that differ are under one name', () => {
    const context = contextOf(
      () => [
        ['kms:EncryptionContext:Dept', 'it'],
        ['kms:EncryptionContext:dept', 'hr'],
        ['aws:RequestTag/a', 'x'],
        ['aws:RequestTag/A', 'x'],
        ['aws:Referer', undefined],
      ],
      () => [['aws:requesttag/b', 'y']],
    )
    expect(context.get('kms:encryptioncontext:dept')).toBe(unclear)
    expect(context.get('aws:requesttag/a')).toBe('x')
    expect(context.get('aws:requesttag/b')).toBe('y')
    expect(context.get('aws:referer')).toBeUndefined()
  })

  it('puts nothing together before it is asked', () => {
    let made = 0
    const context = contextOf(() => {
      made++
      return [['a:b', 'c']]
    })
    expect(made).toBe(0)
    expect([context.get('a:b'), context.get('a:c'), made]).toEqual(['c', undefined, 1])
  })
})

/**
 * What Terraform's provider for AWS asks of KMS, read in its source (internal/service/kms), for machines where the provider
 * cannot be had. A plan after an apply is empty when each member that it reads is what it wrote; an apply ends when what it
 * waits for is there.
 */
import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import {
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
  KMSClient,
  KMSInvalidStateException,
  MalformedPolicyDocumentException,
  NotFoundException,
  PutKeyPolicyCommand,
  paginateListAliases,
  paginateListGrants,
  paginateListResourceTags,
  RetireGrantCommand,
  RevokeGrantCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'

const client = new KMSClient({
  endpoint: inject('url'),
  region: 'us-east-1',
  credentials: credentialsIn(inject('credentialsFile')),
  maxAttempts: 1,
})
afterAll(() => client.destroy())

const PolicyName = 'default'
const statement = { Sid: 'Owner', Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::000000000000:root' } }
/** As the provider writes one: compact, its members sorted. */
const policyOf = (...Action: readonly string[]): string =>
  JSON.stringify({ Statement: [{ Action, ...statement, Resource: '*' }], Version: '2012-10-17' })

/** `aws_kms_key`, created. */
async function created(more: Partial<CreateKeyCommandInput> = {}): Promise<string> {
  const asked = {
    BypassPolicyLockoutSafetyCheck: false,
    KeySpec: 'SYMMETRIC_DEFAULT',
    KeyUsage: 'ENCRYPT_DECRYPT',
  } as const
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ ...asked, ...more }))
  return KeyMetadata?.KeyId ?? ''
}

/** `aws_kms_key`, read: what a plan holds against the configuration. */
async function read(KeyId: string) {
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }))
  const { Policy = '' } = await client.send(new GetKeyPolicyCommand({ KeyId, PolicyName }))
  const rotation =
    KeyMetadata?.Origin === 'AWS_KMS' ? await client.send(new GetKeyRotationStatusCommand({ KeyId })) : undefined
  const tags: Record<string, string | undefined> = {}
  for await (const page of paginateListResourceTags({ client }, { KeyId }))
    for (const { TagKey = '', TagValue } of page.Tags ?? []) tags[TagKey] = TagValue
  return {
    description: KeyMetadata?.Description,
    spec: KeyMetadata?.KeySpec,
    usage: KeyMetadata?.KeyUsage,
    enabled: KeyMetadata?.Enabled,
    multiRegion: KeyMetadata?.MultiRegion,
    customKeyStore: KeyMetadata?.CustomKeyStoreId,
    external: KeyMetadata?.XksKeyConfiguration,
    policy: JSON.parse(Policy),
    rotated: rotation?.KeyRotationEnabled,
    period: rotation?.RotationPeriodInDays,
    tags,
  }
}

const bare = {
  description: '',
  spec: 'SYMMETRIC_DEFAULT',
  usage: 'ENCRYPT_DECRYPT',
  enabled: true,
  multiRegion: false,
  customKeyStore: undefined,
  external: undefined,
  rotated: false,
  period: undefined,
  tags: {},
}

describe('aws_kms_key', () => {
  test('reads back at once what it wrote, and after each change in place', async () => {
    const policy = policyOf('kms:*')
    const Tags = ['stage', 'a', 'Team'].map((TagKey) => ({ TagKey, TagValue: `${TagKey} of mine` }))
    const KeyId = await created({ Description: 'orders', Policy: policy, Tags })
    await client.send(new EnableKeyRotationCommand({ KeyId }))
    const made = {
      ...bare,
      description: 'orders',
      policy: JSON.parse(policy),
      rotated: true,
      period: 365,
      tags: { stage: 'stage of mine', a: 'a of mine', Team: 'Team of mine' },
    }
    // It wants the same answer five times running before it goes on.
    for (let times = 0; times < 5; times++) expect(await read(KeyId)).toEqual(made)

    await client.send(new EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 180 }))
    await client.send(new UpdateKeyDescriptionCommand({ KeyId, Description: '' }))
    const narrower = policyOf('kms:Decrypt', 'kms:DescribeKey', 'kms:EnableKey', 'kms:Get*', 'kms:List*', 'kms:P*')
    await client.send(
      new PutKeyPolicyCommand({ KeyId, PolicyName, Policy: narrower, BypassPolicyLockoutSafetyCheck: false }),
    )
    const changed = { ...made, description: '', policy: JSON.parse(narrower), period: 180 }
    expect(await read(KeyId)).toEqual(changed)
    await client.send(
      new PutKeyPolicyCommand({ KeyId, PolicyName, Policy: policy, BypassPolicyLockoutSafetyCheck: false }),
    )
    await client.send(new UntagResourceCommand({ KeyId, TagKeys: ['a', 'stage'] }))
    await client.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'stage', TagValue: 'prod' }] }))
    await client.send(new DisableKeyRotationCommand({ KeyId }))
    await client.send(new DisableKeyCommand({ KeyId }))
    expect(await read(KeyId)).toEqual({
      ...changed,
      policy: JSON.parse(policy),
      tags: { stage: 'prod', Team: 'Team of mine' },
      enabled: false,
      rotated: false,
      period: undefined,
    })
    await client.send(new EnableKeyCommand({ KeyId }))
    expect((await read(KeyId)).enabled).toBe(true)
  })

  test.each([
    ['RSA_2048', 'SIGN_VERIFY'],
    ['ECC_NIST_P256', 'KEY_AGREEMENT'],
    ['HMAC_256', 'GENERATE_VERIFY_MAC'],
    ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
  ] as const)('of %s says of its rotation that there is none, disabled too', async (KeySpec, KeyUsage) => {
    const KeyId = await created({ KeySpec, KeyUsage })
    const policy = expect.objectContaining({ Id: 'key-default-1' })
    expect(await read(KeyId)).toEqual({ ...bare, policy, spec: KeySpec, usage: KeyUsage })
    await client.send(new DisableKeyCommand({ KeyId }))
    expect(await read(KeyId)).toEqual({ ...bare, policy, spec: KeySpec, usage: KeyUsage, enabled: false })
  })

  test('is tried again while its policy names a principal that is not there yet', async () => {
    const Policy = policyOf('kms:*').replace(':root', ':role/not-there-yet')
    await expect(created({ Policy })).rejects.toThrow(MalformedPolicyDocumentException)
  })

  test('is destroyed by name of its state, and a second time without complaint', async () => {
    const KeyId = await created()
    await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }))
    expect(KeyMetadata?.KeyState).toBe('PendingDeletion')
    const again = client.send(new ScheduleKeyDeletionCommand({ KeyId }))
    await expect(again).rejects.toThrow(KMSInvalidStateException)
    await expect(again).rejects.toThrow(/is pending deletion/)
  })

  test('that is gone is not found, by any of its questions', async () => {
    const KeyId = '1234abcd-12ab-34cd-56ef-1234567890ab'
    for (const question of [
      new DescribeKeyCommand({ KeyId }),
      new GetKeyPolicyCommand({ KeyId, PolicyName }),
      new GetKeyRotationStatusCommand({ KeyId }),
      new ScheduleKeyDeletionCommand({ KeyId }),
      new EnableKeyCommand({ KeyId }),
    ]) {
      await expect(client.send(question as DescribeKeyCommand)).rejects.toThrow(NotFoundException)
    }
  })
})

describe('aws_kms_alias', () => {
  const found = async (name: string) => {
    for await (const { Aliases = [] } of paginateListAliases({ client }, {})) {
      const alias = Aliases.find(({ AliasName }) => AliasName === name)
      if (alias) return alias
    }
    return undefined
  }

  test('is found in the list of all at once, moved, deleted, and is then not found', async () => {
    const AliasName = `alias/${randomBytes(6).toString('hex')}`
    const [first, second] = [await created(), await created()]
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: first }))
    expect(await found(AliasName)).toMatchObject({
      AliasArn: `arn:aws:kms:us-east-1:000000000000:${AliasName}`,
      TargetKeyId: first,
    })
    await client.send(new UpdateAliasCommand({ AliasName, TargetKeyId: second }))
    expect(await found(AliasName)).toMatchObject({ TargetKeyId: second })
    await client.send(new DeleteAliasCommand({ AliasName }))
    expect(await found(AliasName)).toBeUndefined()
    await expect(client.send(new DeleteAliasCommand({ AliasName }))).rejects.toThrow(NotFoundException)
  })
})

describe('aws_kms_grant', () => {
  const GranteePrincipal = 'arn:aws:iam::000000000000:root'
  const found = async (KeyId: string, id = '') => {
    for await (const { Grants = [] } of paginateListGrants({ client }, { KeyId, Limit: 100 })) {
      const grant = Grants.find(({ GrantId }) => GrantId === id)
      if (grant) return grant
    }
    return undefined
  }

  test('takes the constraint that is not set as an empty map, and shows only the one that is', async () => {
    const KeyId = await created()
    const { GrantId } = await client.send(
      new CreateGrantCommand({
        KeyId,
        Name: 'reader',
        GranteePrincipal,
        RetiringPrincipal: GranteePrincipal,
        Operations: ['Decrypt', 'Encrypt'],
        Constraints: { EncryptionContextEquals: { table: 'orders' }, EncryptionContextSubset: {} },
      }),
    )
    expect(await found(KeyId, GrantId)).toEqual({
      KeyId: `arn:aws:kms:us-east-1:000000000000:key/${KeyId}`,
      GrantId,
      Name: 'reader',
      GranteePrincipal,
      RetiringPrincipal: GranteePrincipal,
      IssuingAccount: GranteePrincipal,
      CreationDate: expect.any(Date),
      Operations: ['Decrypt', 'Encrypt'],
      Constraints: { EncryptionContextEquals: { table: 'orders' } },
    })
    await client.send(new RevokeGrantCommand({ KeyId, GrantId }))
    expect(await found(KeyId, GrantId)).toBeUndefined()
    await expect(client.send(new RevokeGrantCommand({ KeyId, GrantId }))).rejects.toThrow(NotFoundException)
    await expect(client.send(new RetireGrantCommand({ KeyId, GrantId }))).rejects.toThrow(NotFoundException)
  })
})

describe('aws_kms_external_key', () => {
  async function imported(KeyId: string, material: Uint8Array, ValidTo?: Date) {
    const { PublicKey, ImportToken } = await client.send(
      new GetParametersForImportCommand({
        KeyId,
        WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
        WrappingKeySpec: 'RSA_2048',
      }),
    )
    const key = { key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' } as const
    const EncryptedKeyMaterial = publicEncrypt(
      { ...key, oaepHash: 'sha256', padding: constants.RSA_PKCS1_OAEP_PADDING },
      material,
    )
    await client.send(
      new ImportKeyMaterialCommand({
        KeyId,
        ImportToken,
        EncryptedKeyMaterial,
        ExpirationModel: ValidTo ? 'KEY_MATERIAL_EXPIRES' : 'KEY_MATERIAL_DOES_NOT_EXPIRE',
        ...(ValidTo && { ValidTo }),
      }),
    )
    return (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata
  }

  test('is pending import, enabled with its material, and takes the same material with an end', async () => {
    const KeyId = await created({ Origin: 'EXTERNAL' })
    expect((await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState).toBe('PendingImport')
    const material = randomBytes(32)
    expect(await imported(KeyId, material)).toMatchObject({
      KeyState: 'Enabled',
      Origin: 'EXTERNAL',
      KeyManager: 'CUSTOMER',
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
    })
    const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + 86_400_000)
    expect(await imported(KeyId, material, end)).toMatchObject({
      ExpirationModel: 'KEY_MATERIAL_EXPIRES',
      ValidTo: end,
    })
    expect(await read(KeyId)).toMatchObject({ rotated: undefined, enabled: true })
  })
})

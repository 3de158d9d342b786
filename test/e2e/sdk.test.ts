/** The main job through AWS's own SDK, unmodified but for its endpoint. */
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisabledException,
  DisableKeyCommand,
  DryRunOperationException,
  EnableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateRandomCommand,
  GetKeyPolicyCommand,
  IncorrectKeyException,
  InvalidCiphertextException,
  KMSClient,
  KMSInvalidStateException,
  ListKeyPoliciesCommand,
  ListResourceTagsCommand,
  NotFoundException,
  PutKeyPolicyCommand,
  paginateListAliases,
  paginateListKeys,
  ReEncryptCommand,
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
})
afterAll(() => client.destroy())

const newKey = async (): Promise<{ id: string; arn: string }> => {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: 'by the SDK' }))
  return { id: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' }
}
const plain = Buffer.from('attack at dawn')

describe('keys', () => {
  test('are created, described, tagged, disabled, enabled, scheduled for deletion and brought back', async () => {
    const { KeyMetadata } = await client.send(
      new CreateKeyCommand({ Description: 'payroll', Tags: [{ TagKey: 'team', TagValue: 'red' }] }),
    )
    expect(KeyMetadata).toMatchObject({
      AWSAccountId: '000000000000',
      Enabled: true,
      Description: 'payroll',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeyState: 'Enabled',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      KeySpec: 'SYMMETRIC_DEFAULT',
      EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
      MultiRegion: false,
    })
    expect(KeyMetadata?.CreationDate).toBeInstanceOf(Date)
    expect(KeyMetadata?.CurrentKeyMaterialId).toMatch(/^[0-9a-f]{64}$/)
    const KeyId = KeyMetadata?.KeyId

    await client.send(new TagResourceCommand({ KeyId, Tags: [{ TagKey: 'stage', TagValue: 'test' }] }))
    await client.send(new UntagResourceCommand({ KeyId, TagKeys: ['team'] }))
    const tags = await client.send(new ListResourceTagsCommand({ KeyId }))
    expect([tags.Tags, tags.Truncated]).toEqual([[{ TagKey: 'stage', TagValue: 'test' }], false])

    await client.send(new UpdateKeyDescriptionCommand({ KeyId, Description: 'wages' }))
    await client.send(new DisableKeyCommand({ KeyId }))
    await expect(client.send(new EncryptCommand({ KeyId, Plaintext: plain }))).rejects.toThrow(DisabledException)
    await client.send(new EnableKeyCommand({ KeyId }))

    const scheduled = await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    expect(scheduled).toMatchObject({ KeyId: KeyMetadata?.Arn, KeyState: 'PendingDeletion', PendingWindowInDays: 7 })
    expect(scheduled.DeletionDate?.getTime()).toBeGreaterThan(Date.now() + 6.9 * 86_400_000)
    await expect(client.send(new EnableKeyCommand({ KeyId }))).rejects.toThrow(KMSInvalidStateException)
    expect((await client.send(new CancelKeyDeletionCommand({ KeyId }))).KeyId).toBe(KeyMetadata?.Arn)
    const described = await client.send(new DescribeKeyCommand({ KeyId }))
    expect(described.KeyMetadata).toMatchObject({ KeyState: 'Disabled', Enabled: false, Description: 'wages' })
    expect(described.KeyMetadata).not.toHaveProperty('DeletionDate')
  })

  test('are all listed, page by page', async () => {
    const made = await Promise.all([newKey(), newKey(), newKey()])
    const seen: string[] = []
    for await (const page of paginateListKeys({ client, pageSize: 2 }, {}))
      seen.push(...(page.Keys ?? []).map((key) => key.KeyId ?? ''))
    expect(seen).toEqual(expect.arrayContaining(made.map((key) => key.id)))
    expect(new Set(seen).size).toBe(seen.length)
  })

  test('have a policy that can be read and put', async () => {
    const { id } = await newKey()
    const { Policy, PolicyName } = await client.send(new GetKeyPolicyCommand({ KeyId: id }))
    expect(PolicyName).toBe('default')
    const document = JSON.parse(Policy ?? '')
    expect(document.Statement[0]).toMatchObject({ Sid: 'Enable IAM User Permissions', Action: 'kms:*' })
    document.Id = 'mine'
    await client.send(new PutKeyPolicyCommand({ KeyId: id, Policy: JSON.stringify(document) }))
    expect(JSON.parse((await client.send(new GetKeyPolicyCommand({ KeyId: id }))).Policy ?? '').Id).toBe('mine')
    expect((await client.send(new ListKeyPoliciesCommand({ KeyId: id }))).PolicyNames).toEqual(['default'])
  })
})

describe('cryptography', () => {
  test('what was encrypted is decrypted, with its context and not without', async () => {
    const { id, arn } = await newKey()
    const EncryptionContext = { purpose: 'test', ünïcode: '✓' }
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: id, Plaintext: plain, EncryptionContext }))
    const opened = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }))
    expect([Buffer.from(opened.Plaintext ?? []), opened.KeyId]).toEqual([plain, arn])
    await expect(client.send(new DecryptCommand({ CiphertextBlob }))).rejects.toThrow(InvalidCiphertextException)
    const other = await newKey()
    await expect(
      client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: other.id })),
    ).rejects.toThrow(IncorrectKeyException)
  })

  test('a data key comes in clear and sealed, and the sealed one opens to the clear one', async () => {
    const { id } = await newKey()
    for (const request of [
      { KeySpec: 'AES_256' as const },
      { KeySpec: 'AES_128' as const },
      { NumberOfBytes: 1024 },
      { NumberOfBytes: 1 },
    ]) {
      const made = await client.send(new GenerateDataKeyCommand({ KeyId: id, ...request }))
      const opened = await client.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob }))
      expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Buffer.from(made.Plaintext ?? [1]))
    }
    const sealed = await client.send(new GenerateDataKeyWithoutPlaintextCommand({ KeyId: id, KeySpec: 'AES_256' }))
    expect((await client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))).Plaintext).toHaveLength(
      32,
    )
  })

  test('a ciphertext moves to another key and context without being shown', async () => {
    const [from, to] = [await newKey(), await newKey()]
    const first = await client.send(
      new EncryptCommand({ KeyId: from.id, Plaintext: plain, EncryptionContext: { a: '1' } }),
    )
    const moved = await client.send(
      new ReEncryptCommand({
        CiphertextBlob: first.CiphertextBlob,
        SourceEncryptionContext: { a: '1' },
        DestinationKeyId: to.arn,
        DestinationEncryptionContext: { b: '2' },
      }),
    )
    expect([moved.SourceKeyId, moved.KeyId]).toEqual([from.arn, to.arn])
    const opened = await client.send(
      new DecryptCommand({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { b: '2' }, KeyId: to.id }),
    )
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(plain)
  })

  test('random bytes are as many as asked for, and others each time', async () => {
    const a = await client.send(new GenerateRandomCommand({ NumberOfBytes: 1024 }))
    const b = await client.send(new GenerateRandomCommand({ NumberOfBytes: 1024 }))
    expect([a.Plaintext?.length, b.Plaintext?.length]).toEqual([1024, 1024])
    expect(Buffer.from(a.Plaintext ?? [])).not.toEqual(Buffer.from(b.Plaintext ?? []))
  })

  test('a dry run is an error of its own', async () => {
    const { id } = await newKey()
    await expect(client.send(new EncryptCommand({ KeyId: id, Plaintext: plain, DryRun: true }))).rejects.toThrow(
      DryRunOperationException,
    )
  })
})

describe('aliases', () => {
  test('name a key, move to another and go', async () => {
    const [one, two] = [await newKey(), await newKey()]
    const AliasName = `alias/sdk/${one.id}`
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: one.id }))
    expect((await client.send(new DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.KeyId).toBe(one.id)
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: AliasName, Plaintext: plain }))
    await client.send(new UpdateAliasCommand({ AliasName, TargetKeyId: two.id }))
    expect((await client.send(new DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.KeyId).toBe(two.id)
    expect(Buffer.from((await client.send(new DecryptCommand({ CiphertextBlob }))).Plaintext ?? [])).toEqual(plain)
    const names: string[] = []
    for await (const page of paginateListAliases({ client, pageSize: 1 }, { KeyId: two.id }))
      names.push(...(page.Aliases ?? []).map((alias) => alias.AliasName ?? ''))
    expect(names).toEqual([AliasName])
    await client.send(new DeleteAliasCommand({ AliasName }))
    await expect(client.send(new DescribeKeyCommand({ KeyId: AliasName }))).rejects.toThrow(NotFoundException)
  })
})

test('a wrong secret and an unknown access key are told apart from nothing else', async () => {
  const good = credentialsIn(inject('credentialsFile'))
  const as = (accessKeyId: string, secretAccessKey: string) =>
    new KMSClient({
      endpoint: inject('url'),
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    })
  await expect(
    as(good.accessKeyId, `${good.secretAccessKey}x`).send(new GenerateRandomCommand({ NumberOfBytes: 1 })),
  ).rejects.toMatchObject({
    name: 'InvalidSignatureException',
    $metadata: { httpStatusCode: 400 },
  })
  await expect(
    as('AKIAUNKNOWNUNKNOWN12', good.secretAccessKey).send(new GenerateRandomCommand({ NumberOfBytes: 1 })),
  ).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
    message: 'The security token included in the request is invalid.',
  })
})

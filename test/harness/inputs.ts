import { base64, type TestWorld } from './world.ts'

/** What a valid input of each operation needs to be there. */
export interface Stage {
  readonly keyId: string
  readonly otherKeyId: string
  /** An alias of the first key. */
  readonly alias: string
  /** Base64: "plaintext" under the first key, with the context { team: 'red' }. */
  readonly ciphertext: string
}

export async function stage(world: TestWorld): Promise<Stage> {
  const keyId = (await world.key()).KeyId
  const otherKeyId = (await world.key()).KeyId
  const alias = 'alias/staged'
  await world.call('CreateAlias', { AliasName: alias, TargetKeyId: keyId })
  const encrypted = await world.call('Encrypt', {
    KeyId: keyId,
    Plaintext: base64('plaintext'),
    EncryptionContext: { team: 'red' },
  })
  return { keyId, otherKeyId, alias, ciphertext: encrypted.json.CiphertextBlob }
}

type Input = Readonly<Record<string, unknown>>

const policy = (account: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'root',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  })

/** One valid input for each operation: members that the schema requires, and those that make the call whole. */
export const validInputs: Readonly<Record<string, (stage: Stage) => Input>> = {
  CancelKeyDeletion: ({ keyId }) => ({ KeyId: keyId }),
  CreateAlias: ({ keyId }) => ({ AliasName: 'alias/new', TargetKeyId: keyId }),
  CreateKey: () => ({
    Description: 'new',
    Tags: [{ TagKey: 'team', TagValue: 'red' }],
    Policy: policy('000000000000'),
  }),
  Decrypt: ({ ciphertext, keyId }) => ({
    KeyId: keyId,
    CiphertextBlob: ciphertext,
    EncryptionContext: { team: 'red' },
  }),
  DeleteAlias: ({ alias }) => ({ AliasName: alias }),
  DescribeKey: ({ keyId }) => ({ KeyId: keyId }),
  DisableKey: ({ keyId }) => ({ KeyId: keyId }),
  EnableKey: ({ keyId }) => ({ KeyId: keyId }),
  Encrypt: ({ keyId }) => ({ KeyId: keyId, Plaintext: base64('plaintext'), EncryptionContext: { team: 'red' } }),
  GenerateDataKey: ({ keyId }) => ({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: { team: 'red' } }),
  GenerateDataKeyWithoutPlaintext: ({ keyId }) => ({ KeyId: keyId, NumberOfBytes: 64 }),
  GenerateRandom: () => ({ NumberOfBytes: 32 }),
  GetKeyPolicy: ({ keyId }) => ({ KeyId: keyId }),
  ListAliases: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListKeyPolicies: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  ListKeys: () => ({ Limit: 10 }),
  ListResourceTags: ({ keyId }) => ({ KeyId: keyId, Limit: 10 }),
  PutKeyPolicy: ({ keyId }) => ({ KeyId: keyId, Policy: policy('000000000000') }),
  ReEncrypt: ({ ciphertext, keyId, otherKeyId }) => ({
    CiphertextBlob: ciphertext,
    SourceKeyId: keyId,
    SourceEncryptionContext: { team: 'red' },
    DestinationKeyId: otherKeyId,
  }),
  ScheduleKeyDeletion: ({ keyId }) => ({ KeyId: keyId, PendingWindowInDays: 7 }),
  TagResource: ({ keyId }) => ({ KeyId: keyId, Tags: [{ TagKey: 'team', TagValue: 'blue' }] }),
  UntagResource: ({ keyId }) => ({ KeyId: keyId, TagKeys: ['team'] }),
  UpdateAlias: ({ alias, otherKeyId }) => ({ AliasName: alias, TargetKeyId: otherKeyId }),
  UpdateKeyDescription: ({ keyId }) => ({ KeyId: keyId, Description: 'described' }),
}

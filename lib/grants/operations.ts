import { type KeyUsage, keySpecs } from '../crypto/specs.ts'
import { ValidationException } from '../errors.ts'
import type { Key } from '../keys/key.ts'
import { grantOperations } from '../schema/grants.ts'

export type GrantOperation = (typeof grantOperations)[number]

const actions = new Set<string>(grantOperations.map((operation) => `kms:${operation}`))

/** Whether a grant can allow an action at all. */
export const isGrantable = (action: string): boolean => actions.has(action)

const onEveryKey = ['CreateGrant', 'RetireGrant', 'DescribeKey'] as const
const ofCiphertexts = ['Encrypt', 'Decrypt', 'ReEncryptFrom', 'ReEncryptTo'] as const

/** kms-authz.md §7.2, for asymmetric keys and HMAC keys. */
const byUsage = {
  ENCRYPT_DECRYPT: [...ofCiphertexts, 'GetPublicKey'],
  SIGN_VERIFY: ['Sign', 'Verify', 'GetPublicKey'],
  KEY_AGREEMENT: ['DeriveSharedSecret', 'GetPublicKey'],
  GENERATE_VERIFY_MAC: ['GenerateMac', 'VerifyMac'],
  ENCAPSULATE_DECAPSULATE: ['Encapsulate', 'Decapsulate', 'GetPublicKey'],
} as const satisfies Record<KeyUsage, readonly GrantOperation[]>

const ofSymmetricEncryption = [
  ...ofCiphertexts,
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
] as const satisfies readonly GrantOperation[]

type Kind = Pick<Key, 'spec' | 'usage'>

export const operationsOf = ({ spec, usage }: Kind): readonly GrantOperation[] => [
  ...onEveryKey,
  ...(spec === 'SYMMETRIC_DEFAULT' ? ofSymmetricEncryption : byUsage[usage]),
]

/** @throws ValidationException in AWS's words for an operation that keys of this kind do not have */
export function demandOperations(key: Kind, operations: readonly GrantOperation[]): void {
  const valid = operationsOf(key)
  const others = operations.filter((each) => !valid.includes(each))
  if (others.length === 0) return
  const family = keySpecs[key.spec].family === 'asymmetric' ? 'an asymmetric' : 'a symmetric'
  throw new ValidationException(
    `Operations [${others.join(', ')}] are not supported when creating a grant for ${family} KMS key with key usage ` +
      `${key.usage}. Valid operations are [${valid.join(', ')}]`,
  )
}

/** The members of grants (kms-api.md §1.3, §8.5). */
import { list, struct, textMap } from './collections.ts'
import { arn, keyId, pageEnd } from './members.ts'
import { oneOf, string, timestamp } from './scalars.ts'
import { required } from './shape.ts'

/** In AWS's order, as it prints them when it refuses another. */
export const grantOperations = [
  'CreateGrant',
  'Decapsulate',
  'Decrypt',
  'DeriveSharedSecret',
  'DescribeKey',
  'Encapsulate',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateMac',
  'GetPublicKey',
  'ReEncryptFrom',
  'ReEncryptTo',
  'RetireGrant',
  'Sign',
  'Verify',
  'VerifyMac',
] as const

export const principal = string({ min: 1, max: 256, pattern: '^[\\w+=,.@:/-]+$' })
export const servicePrincipal = string({ min: 1, max: 128 })
export const grantId = string({ min: 1, max: 128 })
export const grantName = string({ min: 1, max: 256, pattern: '^[a-zA-Z0-9:/_-]+$' })
/** No secret, and yet nobody but its holder needs to read it anywhere. */
export const grantToken = string({ min: 1, max: 8192, sensitive: true })
export const operationNames = list(oneOf(grantOperations))

export const constraints = struct({
  EncryptionContextSubset: textMap,
  EncryptionContextEquals: textMap,
  SourceArn: string({
    min: 20,
    max: 512,
    pattern: '^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$',
  }),
})

const entry = struct({
  KeyId: keyId,
  GrantId: grantId,
  Name: grantName,
  CreationDate: timestamp,
  GranteePrincipal: principal,
  RetiringPrincipal: principal,
  IssuingAccount: arn,
  Operations: operationNames,
  Constraints: constraints,
  GranteeServicePrincipal: servicePrincipal,
  RetiringServicePrincipal: servicePrincipal,
})

/** What ListGrants and ListRetirableGrants answer. */
export const grantList = struct({ Grants: required(list(entry)), ...pageEnd })

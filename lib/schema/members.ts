/** The members that several operations share (kms-api.md §1.3), under AWS's names and limits. */
import { list, struct, textMap } from './collections.ts'
import { blob, boolean, integer, oneOf, string, timestamp } from './scalars.ts'
import { required, withDefault } from './shape.ts'

/** Key id, key ARN, alias name or alias ARN; each operation's `on` says which it takes. */
export const keyId = string({ min: 1, max: 2048, pattern: '^\\p{ASCII}+$' })
export const aliasName = string({ min: 1, max: 256, pattern: '^[a-zA-Z0-9:/_-]+$' })
export const arn = string({ min: 20, max: 2048 })
export const description = string({ max: 8192 })
export const policy = string({ min: 1, max: 131072, pattern: '^[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+$' })
export const policyName = string({ min: 1, max: 128, pattern: '^[\\w]+$' })

/** AWS's order, as it prints them when it refuses another (kms-api.md §10.5). */
export const keySpec = oneOf([
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'ECC_NIST_EDWARDS25519',
  'SYMMETRIC_DEFAULT',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
  'SM2',
  'ML_DSA_44',
  'ML_DSA_65',
  'ML_DSA_87',
  'ML_KEM_512',
  'ML_KEM_768',
  'ML_KEM_1024',
])
export const keyUsage = oneOf([
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
  'ENCAPSULATE_DECAPSULATE',
])
export const keyOrigin = oneOf(['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'])
export const xksKeyId = string({ min: 1, max: 128, pattern: '^[a-zA-Z0-9\\-_.]+$' })

export const plaintext = blob(1, 4096, { sensitive: true })
export const ciphertext = blob(1, 6144)
export const encryptionContext = textMap
export const grantTokens = list(string({ min: 1, max: 8192, sensitive: true }), { max: 10 })
export const dryRun = boolean
export const dryRunModifiers = list(oneOf(['IGNORE_CIPHERTEXT']))
export const materialId = string({ min: 64, max: 64, pattern: '^[a-f0-9]+$' })

export const encryptionAlgorithms = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256', 'SM2PKE', 'SYMMETRIC_DEFAULT'] as const
export const encryptionAlgorithm = withDefault(oneOf(encryptionAlgorithms), 'SYMMETRIC_DEFAULT')

const signingAlgorithms = oneOf([
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'ECDSA_SHA_256',
  'ECDSA_SHA_384',
  'ECDSA_SHA_512',
  'ED25519_SHA_512',
  'ED25519_PH_SHA_512',
  'SM2DSA',
  'ML_DSA_SHAKE_256',
])
export const signingAlgorithm: typeof signingAlgorithms = {
  ...signingAlgorithms,
  check(value, path, failures) {
    // AWS lets this one pass, to refuse it as an algorithm that no key signs with (kms-api.md §10.5).
    if ((value as string) !== 'SYMMETRIC_DEFAULT') signingAlgorithms.check(value, path, failures)
  },
}
export const messageType = withDefault(oneOf(['RAW', 'DIGEST', 'EXTERNAL_MU']), 'RAW')
export const message = blob(1, 4096, { sensitive: true })
export const signature = blob(1, 6144)
export const macAlgorithm = oneOf(['HMAC_SHA_384', 'HMAC_SHA_256', 'HMAC_SHA_224', 'HMAC_SHA_512'])
export const mac = blob(1, 6144)
export const keyAgreementAlgorithm = oneOf(['ECDH'])
export const encapsulationAlgorithm = oneOf(['ML_KEM'])
export const publicKey = blob(1, 8192)
export const sharedSecret = blob(1, 4096, { sensitive: true })

export const dataKeyPairSpec = oneOf([
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'SM2',
  'ECC_NIST_EDWARDS25519',
  'ML_KEM_512',
  'ML_KEM_768',
  'ML_KEM_1024',
])
export const dataKeySpec = oneOf(['AES_256', 'AES_128'])
export const numberOfBytes = integer(1, 1024)

/** Sealed with a key that only an attested enclave holds; not served yet, and never ignored. */
export const recipient = struct({
  KeyEncryptionAlgorithm: oneOf(['RSAES_OAEP_SHA_256']),
  AttestationDocument: blob(1, 262144, { sensitive: true }),
})

export const customKeyStoreId = string({ min: 1, max: 64 })

export const wrappingAlgorithm = oneOf([
  'RSAES_PKCS1_V1_5',
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'SM2PKE',
])
export const wrappingKeySpec = oneOf(['RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2'])
export const importToken = blob(1, 6144)
export const importPublicKey = blob(1, 4096, { sensitive: true })
export const expirationModel = oneOf(['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE'])
export const materialDescription = string({ max: 256, pattern: '^[a-zA-Z0-9:/_\\s.-]+$' })

export const limit = integer(1, 1000)
export const marker = string({ min: 1, max: 1024, pattern: '^[\\u0020-\\u00FF]*$' })
export const page = { Limit: limit, Marker: marker }
export const pageEnd = { NextMarker: marker, Truncated: required(boolean) }

export const tag = struct({
  TagKey: required(string({ min: 1, max: 128 })),
  TagValue: required(string({ max: 256 })),
})
export const tags = list(tag)
export const tagKeys = list(string({ min: 1, max: 128 }))

export const rotationPeriod = integer(90, 2560)

/** Ours: a version of a key, by the id of its key material. AWS's clients neither send it nor read it. */
export const keyVersionId = materialId

/** Ours: one version, as it is listed. */
export const keyVersion = struct({
  KeyVersionId: required(keyVersionId),
  VersionNumber: required(integer(1, 0x7fffffff)),
  State: required(string()),
  CreationDate: required(timestamp),
  RotationDate: timestamp,
  RotationType: string(),
  ProtectionLevel: required(string()),
  PublicKey: blob(1, 8192),
})

export const region = string({ min: 1, max: 32, pattern: '^([a-z]+-){2,3}\\d+$' })
const multiRegionKey = struct({ Arn: required(arn), Region: required(region) })
const words = list(string())

/** What CreateKey and DescribeKey answer (kms-api.md §1.4). */
export const keyMetadata = struct({
  AWSAccountId: required(string()),
  KeyId: required(keyId),
  Arn: required(arn),
  CreationDate: required(timestamp),
  Enabled: required(boolean),
  Description: required(description),
  KeyUsage: required(string()),
  KeyState: required(string()),
  DeletionDate: timestamp,
  ValidTo: timestamp,
  Origin: required(string()),
  CustomKeyStoreId: string(),
  CloudHsmClusterId: string(),
  ExpirationModel: string(),
  KeyManager: required(string()),
  CustomerMasterKeySpec: required(string()),
  KeySpec: required(string()),
  EncryptionAlgorithms: words,
  SigningAlgorithms: words,
  KeyAgreementAlgorithms: words,
  EncapsulationAlgorithms: words,
  MacAlgorithms: words,
  MultiRegion: required(boolean),
  MultiRegionConfiguration: struct({
    MultiRegionKeyType: required(string()),
    PrimaryKey: required(multiRegionKey),
    ReplicaKeys: required(list(multiRegionKey)),
  }),
  PendingDeletionWindowInDays: integer(1, 365),
  XksKeyConfiguration: struct({ Id: required(string()) }),
  CurrentKeyMaterialId: materialId,
})

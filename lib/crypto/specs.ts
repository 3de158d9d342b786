/**
 * Key specs and what each can do: a new spec is a new row. Order of algorithms is the order in which AWS lists them in
 * KeyMetadata (kms-api.md §1.4, §3).
 */
export const keyUsages = [
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
  'ENCAPSULATE_DECAPSULATE',
] as const
export type KeyUsage = (typeof keyUsages)[number]

export const keyOrigins = ['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'] as const
export type KeyOrigin = (typeof keyOrigins)[number]

interface SpecRow {
  /** Which family an alias may move within, and which words AWS's refusals use. */
  readonly family: 'symmetric' | 'asymmetric' | 'hmac'
  /** What a key of this spec may be made for, and with which algorithms it then works. */
  readonly algorithms: Readonly<Partial<Record<KeyUsage, readonly string[]>>>
  /** What AWS lets a key of this spec be made for beyond that, and this runtime cannot do: refused, never replaced. */
  readonly unserved?: readonly KeyUsage[]
  /** Absent where keys of the spec may be imported. */
  readonly importable?: false
}

const rsa = {
  family: 'asymmetric',
  algorithms: {
    ENCRYPT_DECRYPT: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
    SIGN_VERIFY: [
      'RSASSA_PKCS1_V1_5_SHA_256',
      'RSASSA_PKCS1_V1_5_SHA_384',
      'RSASSA_PKCS1_V1_5_SHA_512',
      'RSASSA_PSS_SHA_256',
      'RSASSA_PSS_SHA_384',
      'RSASSA_PSS_SHA_512',
    ],
  },
} as const
const ecc = <const A extends string>(algorithm: A) =>
  ({ family: 'asymmetric', algorithms: { SIGN_VERIFY: [algorithm], KEY_AGREEMENT: ['ECDH'] } }) as const
const hmac = <const A extends string>(algorithm: A) =>
  ({ family: 'hmac', algorithms: { GENERATE_VERIFY_MAC: [algorithm] } }) as const
const mlDsa = { family: 'asymmetric', algorithms: { SIGN_VERIFY: ['ML_DSA_SHAKE_256'] }, importable: false } as const
const mlKem = { family: 'asymmetric', algorithms: { ENCAPSULATE_DECAPSULATE: ['ML_KEM'] }, importable: false } as const

export const keySpecs = {
  SYMMETRIC_DEFAULT: { family: 'symmetric', algorithms: { ENCRYPT_DECRYPT: ['SYMMETRIC_DEFAULT'] } },
  RSA_2048: rsa,
  RSA_3072: rsa,
  RSA_4096: rsa,
  ECC_NIST_P256: ecc('ECDSA_SHA_256'),
  ECC_NIST_P384: ecc('ECDSA_SHA_384'),
  ECC_NIST_P521: ecc('ECDSA_SHA_512'),
  ECC_SECG_P256K1: { family: 'asymmetric', algorithms: { SIGN_VERIFY: ['ECDSA_SHA_256'] } },
  ECC_NIST_EDWARDS25519: {
    family: 'asymmetric',
    algorithms: { SIGN_VERIFY: ['ED25519_PH_SHA_512', 'ED25519_SHA_512'] },
  },
  HMAC_224: hmac('HMAC_SHA_224'),
  HMAC_256: hmac('HMAC_SHA_256'),
  HMAC_384: hmac('HMAC_SHA_384'),
  HMAC_512: hmac('HMAC_SHA_512'),
  SM2: {
    family: 'asymmetric',
    algorithms: { SIGN_VERIFY: ['SM2DSA'] },
    unserved: ['ENCRYPT_DECRYPT', 'KEY_AGREEMENT'],
    importable: false,
  },
  ML_DSA_44: mlDsa,
  ML_DSA_65: mlDsa,
  ML_DSA_87: mlDsa,
  ML_KEM_512: mlKem,
  ML_KEM_768: mlKem,
  ML_KEM_1024: mlKem,
} as const satisfies Record<string, SpecRow>

export type KeySpec = keyof typeof keySpecs

/** The algorithms of a spec for one usage; none where it may not be used so. */
export const algorithmsOf = (spec: KeySpec, usage: KeyUsage): readonly string[] =>
  (keySpecs[spec] as SpecRow).algorithms[usage] ?? []

export const isServed = (spec: KeySpec, usage: KeyUsage): boolean =>
  !(keySpecs[spec] as SpecRow).unserved?.includes(usage)

export const isImportable = (spec: KeySpec): boolean => (keySpecs[spec] as SpecRow).importable !== false

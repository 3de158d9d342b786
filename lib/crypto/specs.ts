/**
 * Key specs and what each can do: a new spec is a new row. Order of algorithms is the order in which
 * AWS lists them in KeyMetadata (kms-api.md §1.4, §3).
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
  readonly usages: readonly KeyUsage[]
  readonly encryption?: readonly string[]
}

export const keySpecs = {
  SYMMETRIC_DEFAULT: { family: 'symmetric', usages: ['ENCRYPT_DECRYPT'], encryption: ['SYMMETRIC_DEFAULT'] },
} as const satisfies Record<string, SpecRow>

export type KeySpec = keyof typeof keySpecs

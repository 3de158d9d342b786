/** How imported key material travels, and what may travel how (kms-api.md §6). */
import type { KeySpec } from './specs.ts'

export const wrappingKeySpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2'] as const
export type WrappingKeySpec = (typeof wrappingKeySpecs)[number]

interface WrappingAlgorithm {
  /** Of RSAES-OAEP. */
  readonly hash: 'sha1' | 'sha256'
  /** An AES key under OAEP, then the material under AES-KWP; otherwise the material itself under OAEP. */
  readonly hybrid: boolean
}

export const wrappingAlgorithms = {
  RSAES_OAEP_SHA_1: { hash: 'sha1', hybrid: false },
  RSAES_OAEP_SHA_256: { hash: 'sha256', hybrid: false },
  RSA_AES_KEY_WRAP_SHA_1: { hash: 'sha1', hybrid: true },
  RSA_AES_KEY_WRAP_SHA_256: { hash: 'sha256', hybrid: true },
} as const satisfies Record<string, WrappingAlgorithm>
export type WrappingAlgorithmName = keyof typeof wrappingAlgorithms

interface Ways {
  readonly direct: readonly WrappingKeySpec[]
  readonly hybrid: boolean
}

const anyRsa = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const
const secret: Ways = { direct: anyRsa, hybrid: false }
const rsa: Ways = { direct: [], hybrid: true }
const ecc: Ways = { direct: anyRsa, hybrid: true }
/** PKCS #8 of these does not fit into a block of RSA_2048, or so AWS says. */
const largeEcc: Ways = { direct: ['RSA_3072', 'RSA_4096'], hybrid: true }

/** Specs that are not here cannot be imported. */
const ways: Readonly<Partial<Record<KeySpec, Ways>>> = {
  SYMMETRIC_DEFAULT: secret,
  HMAC_224: secret,
  HMAC_256: secret,
  HMAC_384: secret,
  HMAC_512: secret,
  RSA_2048: rsa,
  RSA_3072: rsa,
  RSA_4096: rsa,
  ECC_NIST_P256: ecc,
  ECC_NIST_P384: ecc,
  ECC_SECG_P256K1: ecc,
  ECC_NIST_P521: largeEcc,
  ECC_NIST_EDWARDS25519: largeEcc,
}

export const isWrappingAlgorithm = (name: string): name is WrappingAlgorithmName =>
  Object.hasOwn(wrappingAlgorithms, name)

/** The algorithm, where material of a spec may be wrapped so. */
export function wrappingFor(
  spec: KeySpec,
  algorithm: string,
  wrappingKeySpec: WrappingKeySpec,
): WrappingAlgorithmName | undefined {
  const way = ways[spec]
  if (!way || !isWrappingAlgorithm(algorithm) || wrappingKeySpec === 'SM2') return undefined
  const can = wrappingAlgorithms[algorithm].hybrid ? way.hybrid : way.direct.includes(wrappingKeySpec)
  return can ? algorithm : undefined
}

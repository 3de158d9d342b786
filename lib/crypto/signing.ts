/** Signing algorithms, and verification with the public half alone (kms-api.md §3, §12.1). */
import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { MessageType } from '../ports.ts'
import { verifyEcdsaDigest } from './ecdsa.ts'
import { verifyEd25519ph } from './ed25519ph.ts'
import { verifyMlDsaMu } from './ml-dsa.ts'
import { type SignatureHash, signatureHashes, verifyPkcs1Digest, verifyPssDigest } from './rsa.ts'
import { verifySm2 } from './sm2.ts'

type Verification = (key: KeyObject, message: Uint8Array, signature: Uint8Array) => boolean

/** One type of message that an algorithm takes. */
interface Form {
  /** Where the message must have so many bytes. */
  readonly bytes?: number
  /** Absent where this runtime can neither make nor verify such signatures. */
  readonly verify?: Verification
}

type SigningRow = Readonly<Partial<Record<MessageType, Form>>>

const whole =
  (
    hash: SignatureHash | null,
    options: { readonly padding?: number; readonly saltLength?: number } = {},
  ): Verification =>
  (key, message, signature) =>
    verify(hash, message, { key, ...options }, signature)

const pkcs1 = (hash: SignatureHash) => ({
  RAW: { verify: whole(hash) },
  DIGEST: { bytes: signatureHashes[hash].bytes, verify: verifyPkcs1Digest.bind(undefined, hash) },
})
const pss = (hash: SignatureHash) => ({
  RAW: {
    verify: whole(hash, {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    }),
  },
  DIGEST: { bytes: signatureHashes[hash].bytes, verify: verifyPssDigest.bind(undefined, hash) },
})
const ecdsa = (hash: SignatureHash) => ({
  RAW: { verify: whole(hash) },
  DIGEST: { bytes: signatureHashes[hash].bytes, verify: verifyEcdsaDigest },
})

const rawKeyOf = (key: KeyObject, member: 'x' | 'pub'): Uint8Array => {
  const jwk: Readonly<Record<string, unknown>> = { ...key.export({ format: 'jwk' }) }
  return Buffer.from(String(jwk[member] ?? ''), 'base64url')
}

/** The 64 bytes are the message, and are hashed again: so AWS does (kms-api.md §12.1). */
const prehashed: Verification = (key, message, signature) =>
  verifyEd25519ph(rawKeyOf(key, 'x'), createHash('sha512').update(message).digest(), signature)

/** `ml-dsa-44` is OpenSSL's name for ML_DSA_44. */
const externalMu: Verification = (key, mu, signature) =>
  verifyMlDsaMu(String(key.asymmetricKeyType).toUpperCase().replaceAll('-', '_'), rawKeyOf(key, 'pub'), mu, signature)

export const signingAlgorithms: Readonly<Record<string, SigningRow>> = {
  RSASSA_PKCS1_V1_5_SHA_256: pkcs1('sha256'),
  RSASSA_PKCS1_V1_5_SHA_384: pkcs1('sha384'),
  RSASSA_PKCS1_V1_5_SHA_512: pkcs1('sha512'),
  RSASSA_PSS_SHA_256: pss('sha256'),
  RSASSA_PSS_SHA_384: pss('sha384'),
  RSASSA_PSS_SHA_512: pss('sha512'),
  ECDSA_SHA_256: ecdsa('sha256'),
  ECDSA_SHA_384: ecdsa('sha384'),
  ECDSA_SHA_512: ecdsa('sha512'),
  ED25519_SHA_512: { RAW: { verify: whole(null) } },
  ED25519_PH_SHA_512: { DIGEST: { bytes: 64, verify: prehashed } },
  SM2DSA: { RAW: { verify: verifySm2 }, DIGEST: { bytes: 32 } },
  ML_DSA_SHAKE_256: { RAW: { verify: whole(null) }, EXTERNAL_MU: { bytes: 64, verify: externalMu } },
}

/** Whether a signature is right; false for one of any bytes that is not. @param spki the public key, in DER */
export function isSignature(
  algorithm: string,
  type: MessageType,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  return signingAlgorithms[algorithm]?.[type]?.verify?.(key, message, signature) ?? false
}

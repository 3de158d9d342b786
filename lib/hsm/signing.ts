import { createHash } from 'node:crypto'
import { concat, fromHex } from '../bytes.ts'
import { ecdsaSignature } from '../crypto/der.ts'
import { KMSInternalException } from '../errors.ts'
import type { MessageType } from '../ports.ts'
import { mechanism } from './constants.ts'
import { type Hash, type Mechanism, pss } from './pkcs11.ts'

/** A signing algorithm as the token performs it, on a digest. */
interface SigningAlgorithm {
  readonly hash: Hash
  readonly mechanism: Mechanism
  /** Of the signature in bytes of the key, as the token gives it. */
  readonly parts: 1 | 2
  /** Too slow for the main thread. */
  readonly slow: boolean
  readonly toSign: (digest: Uint8Array) => Uint8Array
  readonly signature: (raw: Uint8Array) => Uint8Array
}

const asItIs = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

/** DigestInfo up to the digest (RFC 8017, 9.2 note 1). */
const digestInfo = {
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
} as const

const pkcs1 = (hash: Hash): SigningAlgorithm => ({
  hash,
  mechanism: { mechanism: mechanism.rsaPkcs },
  parts: 1,
  slow: true,
  toSign: (digest) => concat(digestInfo[hash], digest),
  signature: asItIs,
})
const rsaPss = (hash: Hash): SigningAlgorithm => ({
  hash,
  mechanism: pss(hash),
  parts: 1,
  slow: true,
  toSign: asItIs,
  signature: asItIs,
})
const ecdsa = (hash: Hash): SigningAlgorithm => ({
  hash,
  mechanism: { mechanism: mechanism.ecdsa },
  parts: 2,
  slow: false,
  toSign: asItIs,
  signature: ecdsaSignature,
})

export const signingAlgorithms: Readonly<Record<string, SigningAlgorithm>> = {
  RSASSA_PKCS1_V1_5_SHA_256: pkcs1('sha256'),
  RSASSA_PKCS1_V1_5_SHA_384: pkcs1('sha384'),
  RSASSA_PKCS1_V1_5_SHA_512: pkcs1('sha512'),
  RSASSA_PSS_SHA_256: rsaPss('sha256'),
  RSASSA_PSS_SHA_384: rsaPss('sha384'),
  RSASSA_PSS_SHA_512: rsaPss('sha512'),
  ECDSA_SHA_256: ecdsa('sha256'),
  ECDSA_SHA_384: ecdsa('sha384'),
  ECDSA_SHA_512: ecdsa('sha512'),
}

export function digestOf({ hash }: SigningAlgorithm, type: MessageType, message: Uint8Array): Uint8Array {
  const digest = createHash(hash)
  const { length } = digest.copy().digest()
  if (type === 'RAW') return digest.update(message).digest()
  // INVARIANT: the procedure has checked type and length; SoftHSM would cut a longer digest short.
  if (type !== 'DIGEST' || message.length !== length) throw new KMSInternalException('Not a digest to sign')
  return message
}

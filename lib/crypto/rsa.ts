/** RSA as RFC 8017 has it, with a public key: OAEP encryption, and verification over a digest. */
import { constants, createHash, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto'
import { concat, equal } from '../bytes.ts'
import { ValidationException } from '../errors.ts'
import { nothing, objectIdentifier, octetString, sequence } from './der.ts'
import { bytesOf, numberOf, power } from './numbers.ts'

/** MGF1 uses the same hash; the label is empty. */
const oaep: Readonly<Record<string, { readonly hash: string; readonly bytes: number }>> = {
  RSAES_OAEP_SHA_1: { hash: 'sha1', bytes: 20 },
  RSAES_OAEP_SHA_256: { hash: 'sha256', bytes: 32 },
}

/** @throws ValidationException when the plaintext is longer than key and algorithm allow */
export function encryptOaep(spki: Uint8Array, spec: string, algorithm: string, plaintext: Uint8Array): Uint8Array {
  const row = oaep[algorithm]
  // INVARIANT: the algorithm was found to be one of the key's.
  if (!row) throw new TypeError(`not an encryption algorithm of RSA: ${algorithm}`)
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const most = modulusBytes(key) - 2 * row.bytes - 2
  if (plaintext.length > most) {
    throw new ValidationException(
      `Algorithm ${algorithm} and key spec ${spec} cannot encrypt data larger than ${most} bytes.`,
    )
  }
  return new Uint8Array(
    publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: row.hash }, plaintext),
  )
}

export const signatureHashes = {
  sha256: { bytes: 32, oid: '2.16.840.1.101.3.4.2.1' },
  sha384: { bytes: 48, oid: '2.16.840.1.101.3.4.2.2' },
  sha512: { bytes: 64, oid: '2.16.840.1.101.3.4.2.3' },
} as const
export type SignatureHash = keyof typeof signatureHashes

const modulusBytes = (key: KeyObject): number => (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8

/** What was signed, padding and all; undefined for what cannot be a signature of this key. */
function recovered(key: KeyObject, signature: Uint8Array): Uint8Array | undefined {
  const { n = '', e = '' } = key.export({ format: 'jwk' })
  const modulus = numberOf(Buffer.from(n, 'base64url'))
  const number = numberOf(signature)
  if (signature.length !== modulusBytes(key) || number >= modulus) return undefined
  return bytesOf(power(number, numberOf(Buffer.from(e, 'base64url')), modulus), signature.length)
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): there is one right encoding, and it is compared whole, never parsed. */
export function verifyPkcs1Digest(
  hash: SignatureHash,
  key: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const info = sequence(sequence(objectIdentifier(signatureHashes[hash].oid), nothing), octetString(digest))
  const padding = new Uint8Array(modulusBytes(key) - info.length - 3).fill(0xff)
  const encoded = concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), info)
  const found = recovered(key, signature)
  return found !== undefined && equal(found, encoded)
}

function mask(hash: SignatureHash, seed: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let counter = 0; counter * signatureHashes[hash].bytes < length; counter++) {
    blocks.push(
      createHash(hash)
        .update(seed)
        .update(bytesOf(BigInt(counter), 4))
        .digest(),
    )
  }
  return concat(...blocks).subarray(0, length)
}

/** EMSA-PSS (RFC 8017 §9.1.2), its salt as long as the hash, for moduli of whole bytes. */
export function verifyPssDigest(
  hash: SignatureHash,
  key: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { bytes } = signatureHashes[hash]
  const encoded = recovered(key, signature)
  if (encoded?.at(-1) !== 0xbc || (encoded[0] ?? 0) > 0x7f) return false
  const block = encoded.subarray(0, -bytes - 1)
  const proof = encoded.subarray(-bytes - 1, -1)
  const data = mask(hash, proof, block.length).map((byte, at) => byte ^ (block[at] ?? 0))
  data[0] = (data[0] ?? 0) & 0x7f
  const separator = data.length - bytes - 1
  if (data[separator] !== 1 || data.subarray(0, separator).some((byte) => byte !== 0)) return false
  const again = createHash(hash)
    .update(new Uint8Array(8))
    .update(digest)
    .update(data.subarray(separator + 1))
  return equal(new Uint8Array(again.digest()), proof)
}

import { createPublicKey, encapsulate } from 'node:crypto'
import { InvalidCiphertextException } from '../errors.ts'

/** How many bytes an ML-KEM ciphertext has (FIPS 203 table 3). */
const capsuleBytes: Readonly<Record<string, number>> = { ML_KEM_512: 768, ML_KEM_768: 1088, ML_KEM_1024: 1568 }

/** @throws InvalidCiphertextException for a ciphertext that has another length than the spec's */
export function demandCapsule(spec: string, ciphertext: Uint8Array): void {
  if (ciphertext.length !== capsuleBytes[spec]) throw new InvalidCiphertextException()
}

export interface Encapsulated {
  readonly secret: Uint8Array
  readonly ciphertext: Uint8Array
}

/** A new shared secret, and what only the private key opens it from. @param spki an ML-KEM public key, in DER */
export function encapsulateTo(spki: Uint8Array): Encapsulated {
  const { sharedKey, ciphertext } = encapsulate(
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }),
  )
  return { secret: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) }
}

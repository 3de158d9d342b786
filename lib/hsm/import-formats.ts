import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto'
import { concat, fromHex, lengthPrefixed, utf8 } from '../bytes.ts'
import { curves } from '../crypto/curves.ts'
import { wrappingAlgorithms } from '../crypto/import-wrapping.ts'
import { InvalidCiphertextException } from '../errors.ts'
import type { ImportRequest } from '../ports.ts'
import { bufferOf } from './pkcs11.ts'

const kwpIv = fromHex('a65959a6')
const wrappingBytes: Readonly<Record<string, number>> = { RSA_2048: 256, RSA_3072: 384, RSA_4096: 512 }

/** For anything about the bytes that a caller sent: always the same. */
export const invalidMaterial = (): InvalidCiphertextException => new InvalidCiphertextException()

/** A block of RSA is as long as the modulus, and alone unless a key is in it. @throws InvalidCiphertextException */
export function demandLength({ importKey, algorithm, encrypted }: ImportRequest): void {
  const bytes = wrappingBytes[importKey.owner.spec] ?? 0
  const { hybrid } = wrappingAlgorithms[algorithm]
  if (bytes === 0 || (hybrid ? encrypted.length <= bytes : encrypted.length !== bytes)) throw invalidMaterial()
}

/** The block of RSA, and what is wrapped by the key in it. */
export function parts({ importKey, encrypted }: ImportRequest): { block: Uint8Array; rest: Uint8Array } {
  const blockBytes = wrappingBytes[importKey.owner.spec] ?? 0
  return { block: encrypted.subarray(0, blockBytes), rest: encrypted.subarray(blockBytes) }
}

/** AES-KWP, opened here. The caller wipes it. @throws InvalidCiphertextException */
export function unwrapped(key: Uint8Array, wrapped: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv('id-aes256-wrap-pad', key, kwpIv)
    const opened = decipher.update(wrapped)
    try {
      return concat(opened, decipher.final())
    } finally {
      opened.fill(0)
    }
  } catch {
    throw invalidMaterial()
  }
}

export function wrappedAnew(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('id-aes256-wrap-pad', key, kwpIv)
  return concat(cipher.update(plaintext), cipher.final())
}

function privateKeyIn(pkcs8: Uint8Array): KeyObject {
  try {
    return createPrivateKey({ key: bufferOf(pkcs8), format: 'der', type: 'pkcs8' })
  } catch {
    throw invalidMaterial()
  }
}

/** SPKI DER. @throws InvalidCiphertextException when it is no private key */
export const publicKeyIn = (pkcs8: Uint8Array): Uint8Array =>
  new Uint8Array(createPublicKey(privateKeyIn(pkcs8)).export({ format: 'der', type: 'spki' }))

/** An EC private key as the token takes it. The caller wipes it. @throws InvalidCiphertextException for another spec's */
export function canonicalPkcs8(pkcs8: Uint8Array, spec: string): Uint8Array {
  const key = privateKeyIn(pkcs8)
  const name = curves[spec as keyof typeof curves]?.name
  if (name === undefined || key.asymmetricKeyDetails?.namedCurve !== name) throw invalidMaterial()
  return key.export({ format: 'der', type: 'pkcs8' })
}

/** The id of imported material: the same whenever the same material is imported into the same key. */
export const idOf = (keyId: string, fingerprint: Uint8Array): string =>
  hash('sha256', concat(lengthPrefixed(utf8(keyId)), fingerprint), 'hex')

import { createDecipheriv, createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { concat, fromHex } from '../../lib/bytes.ts'
import { wrappingAlgorithms } from '../../lib/crypto/import-wrapping.ts'
import type { KeySpec } from '../../lib/crypto/specs.ts'
import { InvalidCiphertextException } from '../../lib/errors.ts'
import type { ImportRequest } from '../../lib/ports.ts'
import { decryptWith, makers } from './soft-keys.ts'

const blockBytes: Readonly<Record<string, number>> = { RSA_2048: 256, RSA_3072: 384, RSA_4096: 512 }
const least: Readonly<Record<string, number>> = { HMAC_224: 28, HMAC_256: 32, HMAC_384: 48, HMAC_512: 64 }

/** What an HSM would take in, in clear: for tests. @throws InvalidCiphertextException */
export function importedWith(
  importKey: Uint8Array,
  { importKey: { owner }, algorithm, encrypted, target }: ImportRequest,
) {
  const { hash, hybrid } = wrappingAlgorithms[algorithm]
  const oaep = hash === 'sha1' ? 'RSAES_OAEP_SHA_1' : 'RSAES_OAEP_SHA_256'
  const at = blockBytes[owner.spec] ?? 0
  let secret = decryptWith(importKey, oaep, hybrid ? encrypted.subarray(0, at) : encrypted)
  if (hybrid) {
    try {
      const decipher = createDecipheriv('id-aes256-wrap-pad', secret, fromHex('a65959a6'))
      secret = concat(decipher.update(encrypted.subarray(at)), decipher.final())
    } catch {
      throw new InvalidCiphertextException()
    }
  }
  const publicKey = makers[target.spec as KeySpec]().publicKey && publicKeyOf(secret)
  const fits = target.spec === 'SYMMETRIC_DEFAULT' ? secret.length === 32 : secret.length >= (least[target.spec] ?? 1)
  if (!fits) throw new InvalidCiphertextException()
  const materialId = createHash('sha256').update(target.id).update(secret).digest('hex')
  return { secret, materialId, ...(publicKey && { publicKey }) }
}

function publicKeyOf(pkcs8: Uint8Array): Uint8Array {
  try {
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
    return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  } catch {
    throw new InvalidCiphertextException()
  }
}

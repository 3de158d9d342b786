import { createHash } from 'node:crypto'
import { concat, lengthPrefixed, utf8 } from '../bytes.ts'
import { externalHeaderOf } from '../crypto/ciphertext.ts'
import { canonicalContext, type EncryptionContext } from '../crypto/context.ts'
import { KMSInternalException } from '../errors.ts'
import type { ExternalCiphertext } from './ports.ts'

/**
 * What follows the header of a version 2 ciphertext: what the external key made of a whole version 1 ciphertext.
 *
 * | bytes | what |
 * |---|---|
 * | 1 | i: length of the IV, 12 or 16 |
 * | i | IV |
 * | 16 | tag |
 * | 1 | m: length of the proxy's metadata, 0 to 20 |
 * | m | metadata |
 * | 1… | ciphertext |
 */
export function sealedBlob(keyId: string, materialId: string, sealed: ExternalCiphertext): Uint8Array {
  const { iv, tag, metadata, ciphertext } = sealed
  // INVARIANT: the client has checked what the proxy sent.
  if (iv.length > 16 || tag.length !== tagBytes || metadata.length > 20) throw new KMSInternalException()
  const header = externalHeaderOf(keyId, materialId)
  return concat(header, Uint8Array.of(iv.length), iv, tag, Uint8Array.of(metadata.length), metadata, ciphertext)
}

const tagBytes = 16

/** Undefined when the bytes are no such thing. */
export function parseSealed(body: Uint8Array): ExternalCiphertext | undefined {
  const ivBytes = body[0]
  if (ivBytes !== 12 && ivBytes !== 16) return undefined
  const tagAt = 1 + ivBytes
  const metadataAt = tagAt + tagBytes + 1
  const metadataBytes = body[metadataAt - 1]
  if (metadataBytes === undefined || metadataBytes > 20 || body.length <= metadataAt + metadataBytes) return undefined
  return {
    iv: body.subarray(1, tagAt),
    tag: body.subarray(tagAt, tagAt + tagBytes),
    metadata: body.subarray(metadataAt, metadataAt + metadataBytes),
    ciphertext: body.subarray(metadataAt + metadataBytes),
  }
}

/**
 * What the external key authenticates beside the ciphertext: the KMS key and the encryption context. Hashed, so that it
 * is never longer than a proxy takes, and tells the proxy nothing of the context.
 */
export const boundTo = (keyArn: string, context: EncryptionContext): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(concat(lengthPrefixed(utf8('keystead-xks-1')), lengthPrefixed(utf8(keyArn)), canonicalContext(context)))
      .digest(),
  )

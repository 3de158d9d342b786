/**
 * Sealed material, version 1: the form of the blob where the token cannot hold the key itself.
 *
 *     1 byte    version, 1
 *     40 bytes  an AES-256 key made for this one message, wrapped by the root (RFC 5649)
 *     n bytes   the seed under AES-256-GCM in the token; IV of 12 zero bytes, as the key encrypts nothing else
 *     16 bytes  its tag
 *
 * Additional data are the version byte and purpose, account, id, material id and spec of the owner, each after its length
 * in 4 bytes. The blob is bound to owner and root as every other is.
 */
import { concat, lengthPrefixed, utf8 } from '../bytes.ts'
import type { Owner } from '../ports.ts'

const version = Uint8Array.of(1)
const wrappedKeyBytes = 40
const tagBytes = 16

export const sealedIv: Uint8Array = new Uint8Array(12)

export function sealedContext({ purpose, account, id, materialId, spec }: Owner): Uint8Array {
  return concat(version, ...[purpose, account, id, materialId, spec].map((field) => lengthPrefixed(utf8(field))))
}

export const sealedBlob = (wrappedKey: Uint8Array, body: Uint8Array): Uint8Array => concat(version, wrappedKey, body)

/** @returns undefined for what is not a sealed seed of this length */
export function parseSealed(
  blob: Uint8Array,
  seedBytes: number,
): { wrappedKey: Uint8Array; body: Uint8Array } | undefined {
  const bodyAt = 1 + wrappedKeyBytes
  if (blob[0] !== version[0] || blob.length !== bodyAt + seedBytes + tagBytes) return undefined
  return { wrappedKey: blob.subarray(1, bodyAt), body: blob.subarray(bodyAt) }
}

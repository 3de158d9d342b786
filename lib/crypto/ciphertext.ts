import { concat, fromHex, hex } from '../bytes.ts'
import { InvalidCiphertextException } from '../errors.ts'

/**
 * The symmetric ciphertext, version 1. It names its key and key material, so Decrypt needs no KeyId, and carries the
 * message key that encrypted it, wrapped by that key material (design.md §3).
 *
 * | bytes | what |
 * |---|---|
 * | 1 | version, 0x01 |
 * | 1 | form of the key id: 0 = UUID, 1 = `mrk-` |
 * | 16 | key id |
 * | 32 | key material id |
 * | 1 | w: length of the wrapped message key |
 * | w | message key (AES-256) wrapped by the key material (AES-KWP) |
 * | 12 | IV |
 * | 0… | ciphertext, as long as the plaintext |
 * | 16 | AES-256-GCM tag |
 *
 * Everything before the IV is the header. Header ‖ canonical encryption context is the AAD, and GCM authenticates the IV
 * by itself, so no bit of a blob can change unnoticed. The IV is no part of the AAD because some HSMs choose it, and tell
 * it only with the ciphertext.
 *
 * Version 2, 0x02, is of a key in an external key store: the same up to w, which is 0, and then what the external key made
 * of a whole version 1 (stores/envelope.ts).
 */
export interface Ciphertext {
  readonly keyId: string
  /** 64 lower-case hex digits. */
  readonly materialId: string
  readonly wrappedMessageKey: Uint8Array
  readonly iv: Uint8Array
  readonly header: Uint8Array
  /** Ciphertext and tag; of version 2, everything after the header. */
  readonly body: Uint8Array
  /** Of version 2, which an external key has to open before there are IV and message key. */
  readonly external?: true
}

const version = 1
const externalVersion = 2
const ivBytes = 12
const tagBytes = 16
const fixedBytes = 1 + 1 + 16 + 32 + 1

const forms = { uuid: 0, multiRegion: 1 } as const

export function headerOf(keyId: string, materialId: string, wrappedMessageKey: Uint8Array): Uint8Array {
  return concat(startOf(version, keyId, materialId), Uint8Array.of(wrappedMessageKey.length), wrappedMessageKey)
}

export const externalHeaderOf = (keyId: string, materialId: string): Uint8Array =>
  concat(startOf(externalVersion, keyId, materialId), Uint8Array.of(0))

function startOf(first: number, keyId: string, materialId: string): Uint8Array {
  const multiRegion = keyId.startsWith('mrk-')
  const id = fromHex(multiRegion ? keyId.slice(4) : keyId.replaceAll('-', ''))
  const form = multiRegion ? forms.multiRegion : forms.uuid
  return concat(Uint8Array.of(first, form), id, fromHex(materialId))
}

/** @throws InvalidCiphertextException for any bytes that are no ciphertext of these versions, without saying why */
export function parseCiphertext(blob: Uint8Array): Ciphertext {
  const form = blob[1]
  const wrappedBytes = blob[fixedBytes - 1] ?? 0
  const headerBytes = fixedBytes + wrappedBytes
  const bodyAt = headerBytes + ivBytes
  const external = blob[0] === externalVersion
  const known = (external || blob[0] === version) && (form === forms.uuid || form === forms.multiRegion)
  const whole = external ? blob.length > fixedBytes : blob.length >= bodyAt + tagBytes
  if (!known || external !== (wrappedBytes === 0) || !whole) throw new InvalidCiphertextException()
  const id = hex(blob.subarray(2, 18))
  return {
    keyId: form === forms.multiRegion ? `mrk-${id}` : id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    materialId: hex(blob.subarray(18, 50)),
    wrappedMessageKey: blob.subarray(fixedBytes, headerBytes),
    header: blob.subarray(0, headerBytes),
    ...(external
      ? { iv: new Uint8Array(), body: blob.subarray(headerBytes), external }
      : { iv: blob.subarray(headerBytes, bodyAt), body: blob.subarray(bodyAt) }),
  }
}

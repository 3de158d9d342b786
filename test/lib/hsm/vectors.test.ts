import { createCipheriv, createDecipheriv } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex, hex } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import type { EncryptionContext } from '../../../lib/crypto/context.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { importMaterial, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'
import vectors from '../../vectors/ciphertext-1.json' with { type: 'json' }

/*
 * The vectors are frozen: every ciphertext ever made must open for ever. They are read here without a line of lib/
 * between file and node:crypto, so that a mistake in lib/ cannot agree with itself.
 */
const wrapIv = fromHex('a65959a6')

/** Each name and value after its length in 4 bytes, sorted by the names' bytes. */
function contextBytes(context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).map((pair) => pair.map((text) => Buffer.from(text)))
  pairs.sort(([a = Buffer.of()], [b = Buffer.of()]) => Buffer.compare(a, b))
  return Buffer.concat(
    pairs.flat().flatMap((text) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(text.length)
      return [length, text]
    }),
  )
}

let hsm: OpenHsm
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())

describe.each(vectors)('ciphertext version 1: $title', (vector) => {
  const context: EncryptionContext = vector.context
  const blob = Buffer.from(vector.blob, 'hex')
  const headerBytes = 1 + 1 + 16 + 32 + 1 + 40
  const bodyAt = headerBytes + 12

  it('holds its message key wrapped by RFC 5649', () => {
    const wrap = createCipheriv('id-aes256-wrap-pad', fromHex(vector.materialKey), wrapIv)
    const wrapped = Buffer.concat([wrap.update(fromHex(vector.messageKey)), wrap.final()])
    expect(blob.subarray(51, 91).equals(wrapped)).toBe(true)
    expect(blob[50]).toBe(40)
  })

  it('opens and is made by AES-256-GCM with header and context as additional data', () => {
    const header = blob.subarray(0, headerBytes)
    const iv = blob.subarray(headerBytes, bodyAt)
    expect(hex(iv)).toBe(vector.iv)
    const additionalData = Buffer.concat([header, contextBytes(context)])

    const opening = createDecipheriv('aes-256-gcm', fromHex(vector.messageKey), iv)
    opening.setAAD(additionalData).setAuthTag(blob.subarray(-16))
    const opened = Buffer.concat([opening.update(blob.subarray(bodyAt, -16)), opening.final()])
    expect(hex(opened)).toBe(vector.plaintext)

    const making = createCipheriv('aes-256-gcm', fromHex(vector.messageKey), iv)
    making.setAAD(additionalData)
    const body = Buffer.concat([making.update(fromHex(vector.plaintext)), making.final(), making.getAuthTag()])
    expect(Buffer.concat([header, iv, body]).equals(blob)).toBe(true)
  })

  it('opens in the HSM, under key material taken in for the test', async () => {
    const owner = materialOwner({ id: vector.keyId, materialId: vector.materialId })
    const material = materialOf(owner, importMaterial(owner, fromHex(vector.materialKey)))
    const ciphertext = parseCiphertext(blob)
    expect(ciphertext).toMatchObject({ keyId: vector.keyId, materialId: vector.materialId })
    expect(hex(await hsm.decrypt(material, ciphertext, context))).toBe(vector.plaintext)
  })

  it('is what the HSM makes, but for message key and IV', async () => {
    const owner = materialOwner({ id: vector.keyId, materialId: vector.materialId })
    const material = materialOf(owner, importMaterial(owner, fromHex(vector.materialKey)))
    const made = await hsm.encrypt(material, fromHex(vector.plaintext), context)
    const { wrappedMessageKey } = parseCiphertext(made)
    const unwrap = createDecipheriv('id-aes256-wrap-pad', fromHex(vector.materialKey), wrapIv)
    const messageKey = Buffer.concat([unwrap.update(wrappedMessageKey), unwrap.final()])

    const opening = createDecipheriv('aes-256-gcm', messageKey, made.subarray(headerBytes, bodyAt))
    opening.setAAD(Buffer.concat([made.subarray(0, headerBytes), contextBytes(context)])).setAuthTag(made.subarray(-16))
    const opened = Buffer.concat([opening.update(made.subarray(bodyAt, -16)), opening.final()])
    expect(hex(opened)).toBe(vector.plaintext)
    expect(hex(made.subarray(0, 51))).toBe(hex(blob.subarray(0, 51)))
  })
})

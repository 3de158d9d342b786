import { constants, createHash, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equal } from '../../../lib/bytes.ts'
import { unpadOaepSha256 } from '../../../lib/hsm/oaep.ts'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const blockOf = (plaintext: Uint8Array): Uint8Array =>
  privateDecrypt(
    { key: privateKey, padding: constants.RSA_NO_PADDING },
    publicEncrypt({ key: publicKey, oaepHash: 'sha256' }, plaintext),
  )

/** MGF1 of RFC 8017, written out again. */
function xored(seed: Uint8Array, data: Uint8Array): Uint8Array {
  const mask = Buffer.concat(
    Array.from({ length: Math.ceil(data.length / 32) }, (_, at) =>
      createHash('sha256')
        .update(seed)
        .update(Buffer.of(0, 0, 0, at))
        .digest(),
    ),
  )
  return data.map((byte, at) => byte ^ (mask[at] ?? 0))
}
const emptyHash = createHash('sha256').digest()

/** A padded block around any data block, right or wrong. */
function padded(data: Uint8Array, first = 0): Uint8Array {
  const masked = xored(Buffer.alloc(32, 7), data)
  return Buffer.concat([Buffer.of(first), xored(masked, Buffer.alloc(32, 7)), masked])
}
const data = (...parts: readonly Uint8Array[]) => {
  const whole = Buffer.alloc(256 - 33)
  Buffer.concat(parts).copy(whole)
  return whole
}

describe("OAEP's padding with SHA-256", () => {
  it('comes off what node:crypto padded, of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 190, size: 'max' }), (plaintext) => {
        expect(equal(unpadOaepSha256(blockOf(plaintext)) ?? Buffer.of(1), plaintext)).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  it('may leave nothing, or as much as there is room for', () => {
    expect(unpadOaepSha256(padded(Buffer.concat([emptyHash, Buffer.alloc(190), Buffer.of(1)])))).toHaveLength(0)
    expect(unpadOaepSha256(padded(data(emptyHash, Buffer.of(1), Buffer.alloc(190, 1))))).toHaveLength(190)
  })

  it.each<[string, Uint8Array]>([
    ['a first byte that is not zero', padded(data(emptyHash, Buffer.of(1, 9)), 1)],
    ['a hash of another label', padded(data(createHash('sha256').update('x').digest(), Buffer.of(1, 9)))],
    [
      'a hash wrong in its last bit',
      padded(
        data(
          emptyHash.map((byte, at) => (at === 31 ? byte ^ 1 : byte)),
          Buffer.of(1, 9),
        ),
      ),
    ],
    ['no separator', padded(data(emptyHash))],
    ['something else before the separator', padded(data(emptyHash, Buffer.of(0, 2, 1, 9)))],
    ['a separator of another value', padded(data(emptyHash, Buffer.of(0x81, 9)))],
  ])('is refused with %s', (_title, block) => {
    expect(unpadOaepSha256(block)).toBeUndefined()
  })

  it('leaves nothing of the block behind', () => {
    const block = Uint8Array.from(blockOf(Buffer.from('secret')))
    unpadOaepSha256(block)
    expect(block.every((byte) => byte === 0)).toBe(true)
  })
})

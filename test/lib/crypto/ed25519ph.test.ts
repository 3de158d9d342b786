import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equal, fromHex, hex } from '../../../lib/bytes.ts'
import { signEd25519ph, verifyEd25519ph } from '../../../lib/crypto/ed25519ph.ts'

const seed = fromHex('833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42')
const publicKey = fromHex('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf')
const abc = createHash('sha512').update('abc').digest()
const signature = fromHex(
  '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
)
const order = 2n ** 252n + 27742317777372353535851937790883648493n

const privateKeyOf = (bytes: Uint8Array) =>
  createPrivateKey({
    key: Buffer.concat([fromHex('302e020100300506032b657004220420'), bytes]),
    format: 'der',
    type: 'pkcs8',
  })
const publicKeyOf = (bytes: Uint8Array) =>
  createPublicKey(privateKeyOf(bytes)).export({ format: 'der', type: 'spki' }).subarray(-32)

describe('Ed25519ph', () => {
  it("signs as RFC 8032's vector does, whatever blinds it", () => {
    for (const blind of [new Uint8Array(16), new Uint8Array(16).fill(0xff), randomBytes(16)]) {
      expect(hex(signEd25519ph(seed, abc, blind))).toBe(hex(signature))
    }
  })

  it("verifies RFC 8032's vector", () => {
    expect(verifyEd25519ph(publicKey, abc, signature)).toBe(true)
  })

  it('verifies what it signs, for any key and digest', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length, size: 'max' })
    fc.assert(
      fc.property(bytes(32), bytes(64), bytes(16), (key, digest, blind) => {
        expect(verifyEd25519ph(publicKeyOf(key), digest, signEd25519ph(key, digest, blind))).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('refuses a signature with any bit of it, of the key or of the digest changed', () => {
    const flipped = (bytes: Uint8Array, bit: number) =>
      bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    for (let bit = 0; bit < 512; bit += 5) {
      expect(verifyEd25519ph(publicKey, abc, flipped(signature, bit))).toBe(false)
      expect(verifyEd25519ph(publicKey, flipped(abc, bit), signature)).toBe(false)
      if (bit < 256) expect(verifyEd25519ph(flipped(publicKey, bit), abc, signature)).toBe(false)
    }
  })

  it('refuses the same signature with the order added to its number', () => {
    const number = BigInt(`0x${hex(signature.subarray(32).toReversed())}`) + order
    const grown = Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
    expect(verifyEd25519ph(publicKey, abc, Buffer.concat([signature.subarray(0, 32), grown]))).toBe(false)
  })

  it('refuses signatures and keys of other lengths, and keys that are no point', () => {
    for (const length of [0, 63, 65]) expect(verifyEd25519ph(publicKey, abc, new Uint8Array(length))).toBe(false)
    for (const length of [0, 31, 33]) expect(verifyEd25519ph(new Uint8Array(length), abc, signature)).toBe(false)
    expect(verifyEd25519ph(new Uint8Array(32).fill(2), abc, signature)).toBe(false)
    expect(verifyEd25519ph(new Uint8Array(32).fill(0xff), abc, signature)).toBe(false)
  })

  it('is not plain Ed25519', () => {
    const plain = sign(null, abc, privateKeyOf(seed))
    expect(equal(plain, signature)).toBe(false)
    expect(verifyEd25519ph(publicKey, abc, plain)).toBe(false)
  })
})

/** SM2 against the standard's own example, and what this runtime can and cannot do with the curve. */
import { createPublicKey, diffieHellman, generateKeyPairSync, publicEncrypt, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../../../lib/bytes.ts'
import { sm2Curve } from '../../../lib/crypto/curves.ts'
import { ecdsaSignature, ecPublicKey } from '../../../lib/crypto/der.ts'
import { isSignature } from '../../../lib/crypto/signing.ts'
import { verifySm2 } from '../../../lib/crypto/sm2.ts'
import { isSeed, publicKeyOf, seedKinds, seedSigners } from '../../../lib/hsm/seeds.ts'

/** GB/T 32918.5-2017, A.2: the identity is 1234567812345678. */
const example = {
  message: Buffer.from('message digest'),
  secret: fromHex('3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8'),
  point: fromHex(
    '0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13',
  ),
  signature: ecdsaSignature(
    fromHex(
      'f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa',
    ),
  ),
}
const spki = ecPublicKey(sm2Curve.oid, example.point)
const { SM2: kind } = seedKinds
const opened = (der: Uint8Array) => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
const signed = (seed: Uint8Array, message: Uint8Array) =>
  seedSigners.SM2DSA?.(kind, seed, { spec: 'SM2', type: 'RAW', message, random: new Uint8Array(32) }) ??
  new Uint8Array()

describe('SM2DSA', () => {
  test('takes the signature of the standard, and no other', () => {
    const judge = (message: Uint8Array, signature: Uint8Array) => isSignature('SM2DSA', 'RAW', spki, message, signature)
    expect(judge(example.message, example.signature)).toBe(true)
    expect(judge(Buffer.from('message digesT'), example.signature)).toBe(false)
    for (const at of [4, 20, example.signature.length - 1]) {
      expect(
        judge(
          example.message,
          example.signature.map((byte, i) => (i === at ? byte ^ 1 : byte)),
        ),
      ).toBe(false)
    }
    for (const odd of [
      new Uint8Array(),
      concat(example.signature, Uint8Array.of(0)),
      example.signature.subarray(0, -1),
      fromHex('3006020100020100'),
    ]) {
      expect(judge(example.message, odd)).toBe(false)
    }
  })

  test('signs with the key of the standard, whose public half is the one printed there', () => {
    expect(Buffer.from(publicKeyOf(kind, example.secret)).equals(spki)).toBe(true)
    const signature = signed(example.secret, example.message)
    expect(verifySm2(opened(spki), example.message, signature)).toBe(true)
    expect(Buffer.from(signed(example.secret, example.message)).equals(signature)).toBe(false)
  })

  test('is not a signature by ECDSA on the same curve, which node:crypto makes of a new pair', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'SM2' })
    const der = publicKey.export({ format: 'der', type: 'spki' })
    expect(isSignature('SM2DSA', 'RAW', der, example.message, sign('sm3', example.message, privateKey))).toBe(false)
  })
})

test('a private number of SM2 is more than zero, and less than the order less one', () => {
  const seed = (text: string) => fromHex(text.padStart(64, '0'))
  const order = sm2Curve.order
  expect([0n, 1n, order - 2n, order - 1n, order].map((each) => isSeed(kind, seed(each.toString(16))))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ])
})

/** Why the rest of SM2 is refused. The day that one of these fails, this runtime has learnt it. */
test('node:crypto neither encrypts with an SM2 key nor agrees with one', () => {
  const key = opened(spki)
  expect(() => publicEncrypt(key, example.message)).toThrow()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'SM2' })
  expect(() => diffieHellman({ privateKey, publicKey: key })).toThrow()
})

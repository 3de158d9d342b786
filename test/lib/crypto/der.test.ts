import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hex } from '../../../lib/bytes.ts'
import {
  bitString,
  ecdsaSignature,
  ecPublicKey,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  rsaPublicKey,
  sequence,
} from '../../../lib/crypto/der.ts'

const filled = (length: number) => new Uint8Array(length).fill(0x7f)

describe('DER', () => {
  it.each([
    ['', '020100'],
    ['00', '020100'],
    ['0000', '020100'],
    ['7f', '02017f'],
    ['80', '02020080'],
    ['0080', '02020080'],
    ['000001', '020101'],
    ['ff00', '020300ff00'],
  ])('writes the number %j as %s', (magnitude, expected) => {
    expect(hex(integer(Buffer.from(magnitude, 'hex')))).toBe(expected)
  })

  it.each([
    [0, '0400'],
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
  ])('writes a length of %i as %s', (length, expected) => {
    expect(hex(octetString(filled(length))).slice(0, expected.length)).toBe(expected)
    expect(octetString(filled(length))).toHaveLength(expected.length / 2 + length)
  })

  it.each([
    ['1.2.840.10045.3.1.7', '06082a8648ce3d030107'],
    ['1.3.132.0.34', '06052b81040022'],
    ['2.16.840.1.101.3.4.3.17', '0609608648016503040311'],
  ])('writes the object identifier %s', (dotted, expected) => {
    expect(hex(objectIdentifier(dotted))).toBe(expected)
  })

  it('writes what holds others', () => {
    expect(hex(sequence(nothing, bitString(Uint8Array.of(5))))).toBe('3006050003020005')
  })

  it('writes an ECDSA signature with the shortest numbers', () => {
    expect(hex(ecdsaSignature(Uint8Array.of(0, 0x80, 0, 1)))).toBe('300702020080020101')
  })

  it('writes the public keys that node:crypto writes', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
    const { n = '', e = '' } = rsa.export({ format: 'jwk' })
    const [modulus, exponent] = [Buffer.from(n, 'base64url'), Buffer.from(e, 'base64url')]
    expect(hex(rsaPublicKey(modulus, exponent))).toBe(rsa.export({ format: 'der', type: 'spki' }).toString('hex'))

    const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
    const spki = ec.export({ format: 'der', type: 'spki' })
    const again = ecPublicKey('1.3.132.0.34', spki.subarray(-97))
    expect(createPublicKey({ key: Buffer.from(again), format: 'der', type: 'spki' }).equals(ec)).toBe(true)
    expect(hex(again)).toBe(spki.toString('hex'))
  })
})

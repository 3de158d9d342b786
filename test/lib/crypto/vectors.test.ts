/** Published answers, and keys that others made, against what is computed here. */
import { createHash, createPublicKey, generateKeyPairSync, type JsonWebKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, hex } from '../../../lib/bytes.ts'
import { peerPoint } from '../../../lib/crypto/agreement.ts'
import { type Curve, curves } from '../../../lib/crypto/curves.ts'
import { ecdsaSignature, ecPublicKey, rsaPublicKey } from '../../../lib/crypto/der.ts'
import { generateKeyPair } from '../../../lib/crypto/key-pairs.ts'
import { bytesOf, numberOf } from '../../../lib/crypto/numbers.ts'
import { isSignature } from '../../../lib/crypto/signing.ts'

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8'))
const digestOf = (algorithm: string, message: Uint8Array) =>
  new Uint8Array(
    createHash(`sha${algorithm.slice(-3)}`)
      .update(message)
      .digest(),
  )

const padded = (text: string, length: number) => fromHex(text.padStart(2 * length, '0'))

interface EcdsaCase {
  readonly message: string
  readonly x: string
  readonly y: string
  readonly r: string
  readonly s: string
  readonly valid: boolean
}

describe.each<{ spec: keyof typeof curves; algorithm: string; cases: readonly EcdsaCase[] }>(
  vectors('nist-ecdsa-sigver').groups,
)('NIST’s ECDSA signatures on $spec', ({ spec, algorithm, cases }) => {
  test('are judged as NIST judges them, over the message and over its digest', () => {
    const { bytes, oid } = curves[spec]
    expect(cases.length).toBe(15)
    for (const { message, x, y, r, s, valid } of cases) {
      const point = concat(Uint8Array.of(4), padded(x, bytes), padded(y, bytes))
      const spki = ecPublicKey(oid, point)
      const signature = ecdsaSignature(concat(padded(r, bytes), padded(s, bytes)))
      const digest = digestOf(algorithm, fromHex(message))
      expect(isSignature(algorithm, 'RAW', spki, fromHex(message), signature)).toBe(valid)
      expect(isSignature(algorithm, 'DIGEST', spki, digest, signature)).toBe(valid)
    }
  })
})

test('NIST’s RSA signatures are judged as NIST judges them, over the message and over its digest', () => {
  const { cases } = vectors('nist-rsa-sigver')
  expect(cases.length).toBe(54)
  for (const { modulus, exponent, algorithm, message, signature, valid } of cases) {
    const spki = rsaPublicKey(fromHex(modulus), fromHex(exponent))
    const digest = digestOf(algorithm, fromHex(message))
    expect(isSignature(algorithm, 'RAW', spki, fromHex(message), fromHex(signature))).toBe(valid)
    expect(isSignature(algorithm, 'DIGEST', spki, digest, fromHex(signature))).toBe(valid)
  }
})

test('NIST’s public keys are taken where they are on their curve, and no others', () => {
  const { cases } = vectors('nist-ec-public-keys')
  expect(cases.length).toBe(36)
  for (const { spec, x, y, valid } of cases) {
    const { bytes, oid } = curves[spec as keyof typeof curves]
    const point = concat(Uint8Array.of(4), padded(x, bytes), padded(y, bytes))
    const parse = () => peerPoint(ecPublicKey(oid, point), spec)
    if (valid) expect(hex(parse())).toBe(hex(point))
    else expect(parse).toThrow(expect.objectContaining({ name: 'ValidationException', message: '' }))
  }
})

test.each<{ spec: string; seed: string; publicKey: string }>(vectors('ml-kem').cases)(
  'the seed of a published $spec key gives its public key',
  async ({ spec, seed, publicKey }) => {
    const { privateKey, publicKey: spki } = await generateKeyPair(spec, async () => fromHex(seed))
    expect(hex(privateKey).endsWith(seed)).toBe(true)
    expect(hex(spki.subarray(22))).toBe(publicKey)
  },
)

describe.each(Object.entries<Curve>(curves))('ECDSA over a digest on %s', (spec, { name, bytes, order }) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: name })
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
  const hash = { 66: 'sha512', 48: 'sha384', 32: 'sha256' }[bytes as 32 | 48 | 66]
  const algorithm = `ECDSA_SHA_${hash.slice(3)}`
  const message = Buffer.from('attack at dawn')
  const digest = digestOf(algorithm, message)
  const made = () => {
    const raw = sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return { r: numberOf(raw.subarray(0, bytes)), s: numberOf(raw.subarray(bytes)) }
  }
  const encoded = (r: bigint, s: bigint) => ecdsaSignature(concat(bytesOf(r, bytes + 1), bytesOf(s, bytes + 1)))

  test('the curve is the one that OpenSSL has: its generator is a public key, and its order is right', () => {
    const { x, y } = curves[spec as keyof typeof curves]
    const generator = concat(Uint8Array.of(4), bytesOf(x, bytes), bytesOf(y, bytes))
    const jwk = createPublicKey({
      key: Buffer.from(ecPublicKey(curves[spec as keyof typeof curves].oid, generator)),
      format: 'der',
      type: 'spki',
    }).export({ format: 'jwk' }) as JsonWebKey
    expect(numberOf(Buffer.from(jwk.x ?? '', 'base64url'))).toBe(x)
    const { r, s } = made()
    expect(isSignature(algorithm, 'DIGEST', spki, digest, encoded(r, order - s))).toBe(true)
  })

  test('agrees with node:crypto on signatures and on whatever is like one', () => {
    for (let round = 0; round < 5; round++) {
      const { r, s } = made()
      const odd: readonly Uint8Array[] = [
        encoded(r, s),
        encoded(s, r),
        encoded(r + 1n, s),
        encoded(r, s + 1n),
        encoded(r + order, s),
        encoded(r, s + order),
        encoded(order - r, s),
        encoded(0n, s),
        encoded(r, 0n),
        encoded(0n, 0n),
        encoded(1n, 1n),
        encoded(order, order),
        encoded(order - 1n, order - 1n),
        concat(encoded(r, s), Uint8Array.of(0)),
        encoded(r, s).subarray(0, -1),
        new Uint8Array(),
        Uint8Array.of(0x30),
        Uint8Array.of(0x30, 0),
        Uint8Array.of(0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0),
        Uint8Array.of(0x30, 0x81, 6, 2, 1, 1, 2, 1, 1),
        Uint8Array.of(0x30, 6, 2, 1, 0xff, 2, 1, 0xff),
        Uint8Array.of(0x30, 8, 2, 2, 0, 1, 2, 2, 0, 1),
        Uint8Array.of(0x30, 6, 2, 0xff, 1, 2, 0xff, 1),
      ]
      const verdicts = odd.map((each) => isSignature(algorithm, 'DIGEST', spki, digest, each))
      expect(verdicts).toEqual(odd.map((each) => verify(hash, message, publicKey, each)))
      expect(verdicts.filter(Boolean)).toHaveLength(1)
    }
  })
})

describe('RSA-PSS', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
  const message = Buffer.from('attack at dawn')

  test.each([
    [32, true],
    [0, false],
    [20, false],
    [31, false],
    [33, false],
    [64, false],
    [222, false],
  ])('a signature with a salt of %i bytes is right with SHA-256: %s', (saltLength, valid) => {
    const signature = sign('sha256', message, { key: privateKey, padding: 6, saltLength })
    const digest = digestOf('SHA_256', message)
    expect(isSignature('RSASSA_PSS_SHA_256', 'RAW', spki, message, signature)).toBe(valid)
    expect(isSignature('RSASSA_PSS_SHA_256', 'DIGEST', spki, digest, signature)).toBe(valid)
    expect(isSignature('RSASSA_PSS_SHA_512', 'DIGEST', spki, digestOf('SHA_512', message), signature)).toBe(false)
  })

  test('neither scheme takes the signatures of the other', () => {
    const digest = digestOf('SHA_256', message)
    const pkcs1 = sign('sha256', message, privateKey)
    const pss = sign('sha256', message, { key: privateKey, padding: 6, saltLength: 32 })
    for (const [type, bytes] of [
      ['RAW', message],
      ['DIGEST', digest],
    ] as const) {
      expect(isSignature('RSASSA_PSS_SHA_256', type, spki, bytes, pkcs1)).toBe(false)
      expect(isSignature('RSASSA_PKCS1_V1_5_SHA_256', type, spki, bytes, pss)).toBe(false)
      expect(isSignature('RSASSA_PKCS1_V1_5_SHA_256', type, spki, bytes, pkcs1)).toBe(true)
    }
  })
})

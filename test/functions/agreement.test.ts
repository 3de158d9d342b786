import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const spki = (key: KeyObject) => new Uint8Array(key.export({ format: 'der', type: 'spki' }))
const agreementKey = (KeySpec: string) => world.key({ KeySpec, KeyUsage: 'KEY_AGREEMENT' })
const derive = (KeyId: string, PublicKey: Uint8Array, more: object = {}) =>
  world.call('DeriveSharedSecret', { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: base64(PublicKey), ...more })
const invalidPeer = { __type: 'ValidationException' }

describe.each([
  ['ECC_NIST_P256', 'P-256', 32],
  ['ECC_NIST_P384', 'P-384', 48],
  ['ECC_NIST_P521', 'P-521', 66],
])('%s', (spec, namedCurve, length) => {
  test('agrees on the secret that the other party computes, as long as the curve’s field', async () => {
    const { KeyId, Arn } = await agreementKey(spec)
    const published = (await world.call('GetPublicKey', { KeyId })).json.PublicKey
    const publicKey = createPublicKey({ key: Buffer.from(published, 'base64'), format: 'der', type: 'spki' })
    for (let round = 0; round < 20; round++) {
      const peer = generateKeyPairSync('ec', { namedCurve })
      const { json } = await derive(KeyId, spki(peer.publicKey))
      const secret = diffieHellman({ privateKey: peer.privateKey, publicKey })
      expect(secret).toHaveLength(length)
      expect(json).toEqual({
        KeyId: Arn,
        SharedSecret: base64(secret),
        KeyAgreementAlgorithm: 'ECDH',
        KeyOrigin: 'AWS_KMS',
      })
    }
  })

  test('agrees with itself, and with another key of the service from both sides', async () => {
    const one = await agreementKey(spec)
    const two = await agreementKey(spec)
    const publicOf = async (KeyId: string) =>
      new Uint8Array(Buffer.from((await world.call('GetPublicKey', { KeyId })).json.PublicKey, 'base64'))
    const ofOne = await derive(one.KeyId, await publicOf(two.KeyId))
    const ofTwo = await derive(two.KeyId, await publicOf(one.KeyId))
    expect(ofOne.json.SharedSecret).toBe(ofTwo.json.SharedSecret)
    expect((await derive(one.KeyId, await publicOf(one.KeyId))).status).toBe(200)
  })
})

describe('a public key that is none of a party on the curve is refused without a message', () => {
  const peer = spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
  const changed = (at: number) => Uint8Array.from(peer, (byte, i) => (i === at ? byte ^ 1 : byte))
  const { privateKey, publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey
  const point = peer.subarray(26)
  const compressed = Buffer.concat([
    Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
    Buffer.of(2 + ((point.at(-1) ?? 0) & 1)),
    point.subarray(1, 33),
  ])
  const cases: readonly (readonly [string, Uint8Array])[] = [
    ['garbage', Buffer.from('garbage')],
    ['one byte', Buffer.of(0x30)],
    ['a point off the curve', changed(90)],
    ['a truncated key', peer.subarray(0, -1)],
    ['a key with a byte after it', Buffer.concat([peer, Buffer.of(0)])],
    ['the bare point', point],
    ['the point at infinity', Buffer.from('3019301306072a8648ce3d020106082a8648ce3d03010703020000', 'hex')],
    ['a compressed point', compressed],
    ['a key with explicit parameters', spki(explicit)],
    ['a key on a larger curve', spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['a key on another curve of the size', spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['a key on a curve that no spec has', spki(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).publicKey)],
    ['a hybrid point', Uint8Array.from(peer, (byte, i) => (i === 26 ? 6 + ((peer.at(-1) ?? 0) & 1) : byte))],
    ['an RSA key', spki(rsa)],
    ['an X25519 key', spki(generateKeyPairSync('x25519').publicKey)],
    ['an ML-KEM key', spki(generateKeyPairSync('ml-kem-512').publicKey)],
    ['a private key', new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }))],
    ['a PEM', Buffer.from(`-----BEGIN PUBLIC KEY-----\n${base64(peer)}\n-----END PUBLIC KEY-----\n`)],
  ]

  test.each(cases)('%s', async (_, bytes) => {
    const { KeyId } = await agreementKey('ECC_NIST_P256')
    expect((await derive(KeyId, bytes)).json).toEqual(invalidPeer)
    expect((await derive(KeyId, bytes, { DryRun: true })).json).toEqual(invalidPeer)
    expect((await derive(KeyId, peer)).status).toBe(200)
  })
})

test('refuses a key of another usage, and names the algorithm that there is', async () => {
  const signer = await world.key({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  expect((await derive(signer.KeyId, Buffer.of(1))).json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: `${signer.Arn} key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret.`,
  })
  const { json } = await derive(signer.KeyId, Buffer.of(1), { KeyAgreementAlgorithm: 'DH' })
  expect(json.message).toBe(
    "1 validation error detected: Value 'DH' at 'keyAgreementAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: [ECDH]",
  )
})

test('a policy sees the algorithm', async () => {
  const allow = { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' }
  const condition = { StringEquals: { 'kms:KeyAgreementAlgorithm': 'ECDH' } }
  const { KeyId } = await world.key({
    KeySpec: 'ECC_NIST_P256',
    KeyUsage: 'KEY_AGREEMENT',
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [allow, { ...allow, Effect: 'Deny', Condition: condition }],
    }),
  })
  expect((await derive(KeyId, Buffer.of(1))).json.__type).toBe('AccessDeniedException')
})

import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const Plaintext = base64('attack at dawn')
const invalidCiphertext = { __type: 'InvalidCiphertextException' }
const rsaKey = (KeySpec = 'RSA_2048') => world.key({ KeySpec, KeyUsage: 'ENCRYPT_DECRYPT' })
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

describe.each([
  ['RSA_2048', 'RSAES_OAEP_SHA_1', 214, 'sha1', 256],
  ['RSA_2048', 'RSAES_OAEP_SHA_256', 190, 'sha256', 256],
  ['RSA_3072', 'RSAES_OAEP_SHA_1', 342, 'sha1', 384],
  ['RSA_3072', 'RSAES_OAEP_SHA_256', 318, 'sha256', 384],
  ['RSA_4096', 'RSAES_OAEP_SHA_1', 470, 'sha1', 512],
  ['RSA_4096', 'RSAES_OAEP_SHA_256', 446, 'sha256', 512],
])('%s with %s', (spec, EncryptionAlgorithm, most, oaepHash, length) => {
  test(`encrypts up to ${most} bytes, and opens them again`, async () => {
    const { KeyId, Arn } = await rsaKey(spec)
    for (const size of [1, most]) {
      const plaintext = base64(randomBytes(size))
      const { json } = await world.call('Encrypt', { KeyId, Plaintext: plaintext, EncryptionAlgorithm })
      expect(json).toEqual({ CiphertextBlob: expect.any(String), KeyId: Arn, EncryptionAlgorithm })
      expect(bytesOf(json.CiphertextBlob)).toHaveLength(length)
      const { CiphertextBlob } = json
      const opened = await world.call('Decrypt', { KeyId, CiphertextBlob, EncryptionAlgorithm })
      expect(opened.json).toEqual({ KeyId: Arn, Plaintext: plaintext, EncryptionAlgorithm })
    }
    const tooLong = { KeyId, Plaintext: base64(Buffer.alloc(most + 1)), EncryptionAlgorithm }
    expect((await world.call('Encrypt', tooLong)).json).toEqual({
      __type: 'ValidationException',
      message: `Algorithm ${EncryptionAlgorithm} and key spec ${spec} cannot encrypt data larger than ${most} bytes.`,
    })
    expect((await world.call('Encrypt', { ...tooLong, DryRun: true })).json.__type).toBe('ValidationException')
  })

  test('opens what node:crypto encrypted to its public key', async () => {
    const { KeyId } = await rsaKey(spec)
    const spki = Buffer.from((await world.call('GetPublicKey', { KeyId })).json.PublicKey, 'base64')
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    const CiphertextBlob = base64(publicEncrypt({ key, padding, oaepHash }, bytesOf(Plaintext)))
    const { json } = await world.call('Decrypt', { KeyId, CiphertextBlob, EncryptionAlgorithm })
    expect(json.Plaintext).toBe(Plaintext)
  })
})

describe('Decrypt with an RSA key', () => {
  const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256'

  test('answers every wrong ciphertext, key and hash alike', async () => {
    const { KeyId } = await rsaKey()
    const { json } = await world.call('Encrypt', { KeyId, Plaintext, EncryptionAlgorithm })
    const good = bytesOf(json.CiphertextBlob)
    const wrong = [
      good.subarray(1),
      good.subarray(0, -1),
      Buffer.concat([Buffer.of(0), good]),
      Buffer.of(1),
      Buffer.alloc(256),
      Buffer.alloc(256, 0xff),
      Buffer.alloc(6144, 1),
      good.map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
    ]
    for (const blob of wrong) {
      const request = { KeyId, CiphertextBlob: base64(blob), EncryptionAlgorithm }
      expect((await world.call('Decrypt', request)).json).toEqual(invalidCiphertext)
      expect((await world.call('Decrypt', { ...request, DryRun: true })).json).toEqual(invalidCiphertext)
    }
    const asked = { KeyId, CiphertextBlob: json.CiphertextBlob }
    const otherHash = await world.call('Decrypt', { ...asked, EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' })
    expect(otherHash.json).toEqual(invalidCiphertext)
    const larger = await rsaKey('RSA_3072')
    const otherKey = await world.call('Decrypt', { ...asked, KeyId: larger.KeyId, EncryptionAlgorithm })
    expect(otherKey.json).toEqual(invalidCiphertext)
  })

  test('takes a ciphertext for a symmetric one when no algorithm is named, and refuses it as such', async () => {
    const { KeyId } = await rsaKey()
    const CiphertextBlob = base64(Buffer.alloc(256, 0x42))
    expect((await world.call('Decrypt', { KeyId, CiphertextBlob })).json).toEqual(invalidCiphertext)
  })

  test('wants to be told the key', async () => {
    const request = { CiphertextBlob: base64(Buffer.alloc(256, 7)), EncryptionAlgorithm }
    expect((await world.call('Decrypt', request)).json).toEqual({
      __type: 'ValidationException',
      message: 'KeyId must not be null',
    })
  })

  test('refuses a key whose spec has no such algorithm, and a symmetric ciphertext under its name', async () => {
    const { KeyId } = await world.key()
    const asked = { KeyId, CiphertextBlob: base64('x'), EncryptionAlgorithm }
    expect((await world.call('Decrypt', asked)).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: 'Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.',
    })
    const { json } = await world.call('Encrypt', { KeyId, Plaintext })
    const named = { KeyId: (await rsaKey()).KeyId, CiphertextBlob: json.CiphertextBlob }
    expect((await world.call('Decrypt', named)).json).toEqual({
      __type: 'IncorrectKeyException',
      message: 'The key ID in the request does not identify a CMK that can perform this operation.',
    })
  })
})

describe('an encryption context with an RSA key', () => {
  const EncryptionAlgorithm = 'RSAES_OAEP_SHA_1'

  test('is refused, unless it is empty', async () => {
    const { KeyId } = await rsaKey()
    const asked = { KeyId, Plaintext, EncryptionAlgorithm }
    const { status, json } = await world.call('Encrypt', { ...asked, EncryptionContext: {} })
    expect(status).toBe(200)
    const refusal = {
      __type: 'ValidationException',
      message: 'EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.',
    }
    const EncryptionContext = { a: '1' }
    expect((await world.call('Encrypt', { ...asked, EncryptionContext })).json).toEqual(refusal)
    const opening = { KeyId, CiphertextBlob: json.CiphertextBlob, EncryptionAlgorithm, EncryptionContext }
    expect((await world.call('Decrypt', opening)).json).toEqual(refusal)
  })
})

test('Encrypt with an RSA key and no algorithm says that the symmetric one does not fit', async () => {
  const { KeyId } = await rsaKey()
  expect((await world.call('Encrypt', { KeyId, Plaintext })).json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: 'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
  })
})

test('Encrypt refuses a signing key by its usage, before its state', async () => {
  const { KeyId, Arn } = await world.key({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' })
  await world.call('DisableKey', { KeyId })
  const { json } = await world.call('Encrypt', { KeyId, Plaintext, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' })
  expect(json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: `${Arn} key usage is SIGN_VERIFY which is not valid for Encrypt.`,
  })
})

describe('ReEncrypt', () => {
  const oaep = 'RSAES_OAEP_SHA_256'

  test('goes from symmetric to RSA, on to another RSA key, and back, telling materials of symmetric sides only', async () => {
    const symmetric = await world.key()
    const [one, two] = [await rsaKey(), await rsaKey('RSA_3072')]
    const first = await world.call('Encrypt', { KeyId: symmetric.KeyId, Plaintext, EncryptionContext: { a: '1' } })
    const toRsa = await world.call('ReEncrypt', {
      CiphertextBlob: first.json.CiphertextBlob,
      SourceEncryptionContext: { a: '1' },
      DestinationKeyId: one.KeyId,
      DestinationEncryptionAlgorithm: oaep,
    })
    expect(toRsa.json).toEqual({
      CiphertextBlob: expect.any(String),
      SourceKeyId: symmetric.Arn,
      KeyId: one.Arn,
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: oaep,
      SourceKeyMaterialId: expect.any(String),
    })
    const between = await world.call('ReEncrypt', {
      CiphertextBlob: toRsa.json.CiphertextBlob,
      SourceKeyId: one.KeyId,
      SourceEncryptionAlgorithm: oaep,
      DestinationKeyId: two.KeyId,
      DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    })
    expect(Object.keys(between.json).filter((name) => name.endsWith('MaterialId'))).toEqual([])
    const back = await world.call('ReEncrypt', {
      CiphertextBlob: between.json.CiphertextBlob,
      SourceKeyId: two.KeyId,
      SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
      DestinationKeyId: symmetric.KeyId,
    })
    expect(back.json.DestinationKeyMaterialId).toBe(toRsa.json.SourceKeyMaterialId)
    const { json } = await world.call('Decrypt', { CiphertextBlob: back.json.CiphertextBlob })
    expect(json.Plaintext).toBe(Plaintext)
  })

  test('refuses a plaintext that the destination cannot take, and a signing key by the name of its side', async () => {
    const symmetric = await world.key()
    const { KeyId } = await rsaKey()
    const long = await world.call('Encrypt', { KeyId: symmetric.KeyId, Plaintext: base64(Buffer.alloc(191)) })
    const asked = { CiphertextBlob: long.json.CiphertextBlob, DestinationEncryptionAlgorithm: oaep }
    expect((await world.call('ReEncrypt', { ...asked, DestinationKeyId: KeyId })).json).toEqual({
      __type: 'ValidationException',
      message: 'Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.',
    })
    const signer = await world.key({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' })
    expect((await world.call('ReEncrypt', { ...asked, DestinationKeyId: signer.KeyId })).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: `${signer.Arn} key usage is SIGN_VERIFY which is not valid for ReEncryptTo.`,
    })
  })
})

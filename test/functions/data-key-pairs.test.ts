import { createPrivateKey, createPublicKey } from 'node:crypto'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const bytesOf = (text: string) => Buffer.from(text, 'base64')

/** Spec, bytes of PKCS#8 and of SPKI; RSA's private keys vary. */
const pairs: readonly (readonly [string, number | undefined, number])[] = [
  ['RSA_2048', undefined, 294],
  ['ECC_NIST_P256', 150, 91],
  ['ECC_NIST_P384', 194, 120],
  ['ECC_NIST_P521', 250, 158],
  ['ECC_SECG_P256K1', 144, 88],
  ['SM2', 150, 91],
  ['ECC_NIST_EDWARDS25519', 48, 44],
  ['ML_KEM_512', 86, 822],
  ['ML_KEM_768', 86, 1206],
  ['ML_KEM_1024', 86, 1590],
]

describe.each(pairs)('%s', (KeyPairSpec, privateBytes, publicBytes) => {
  test('a pair: PKCS#8 and SPKI that belong together, and the private key encrypted to open again', async () => {
    const { KeyId, Arn } = await world.key()
    const EncryptionContext = { device: '7' }
    const { json } = await world.call('GenerateDataKeyPair', { KeyId, KeyPairSpec, EncryptionContext })
    expect(json).toEqual({
      PrivateKeyCiphertextBlob: expect.any(String),
      PrivateKeyPlaintext: expect.any(String),
      PublicKey: expect.any(String),
      KeyId: Arn,
      KeyPairSpec,
      KeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const pkcs8 = bytesOf(json.PrivateKeyPlaintext)
    if (privateBytes !== undefined) expect(pkcs8).toHaveLength(privateBytes)
    else expect(Math.abs(pkcs8.length - 1217)).toBeLessThan(5)
    expect(bytesOf(json.PublicKey)).toHaveLength(publicBytes)
    const opened = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(opened).export({ format: 'der', type: 'spki' })
    expect(base64(spki)).toBe(json.PublicKey)
    const decrypted = await world.call('Decrypt', { CiphertextBlob: json.PrivateKeyCiphertextBlob, EncryptionContext })
    expect(decrypted.json.Plaintext).toBe(json.PrivateKeyPlaintext)
    const again = await world.call('GenerateDataKeyPair', { KeyId, KeyPairSpec, EncryptionContext })
    expect(again.json.PublicKey).not.toBe(json.PublicKey)
  })

  test('a pair without plaintext: the private key only encrypted, and wiped here', async () => {
    const { KeyId, Arn } = await world.key()
    const encrypt = vi.spyOn(world.hsm, 'encrypt')
    const { json } = await world.call('GenerateDataKeyPairWithoutPlaintext', { KeyId, KeyPairSpec })
    expect(json).toEqual({
      PrivateKeyCiphertextBlob: expect.any(String),
      PublicKey: expect.any(String),
      KeyId: Arn,
      KeyPairSpec,
      KeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    const given = encrypt.mock.calls[0]?.[1]
    expect(given?.every((byte) => byte === 0)).toBe(true)
    const { json: decrypted } = await world.call('Decrypt', { CiphertextBlob: json.PrivateKeyCiphertextBlob })
    const opened = createPrivateKey({ key: bytesOf(decrypted.Plaintext), format: 'der', type: 'pkcs8' })
    expect(base64(createPublicKey(opened).export({ format: 'der', type: 'spki' }))).toBe(json.PublicKey)
  })
})

test('an EC private key is drawn again while it is no scalar of the curve', async () => {
  const { KeyId } = await world.key()
  const random = vi.spyOn(world.hsm, 'random')
  random.mockResolvedValueOnce(new Uint8Array(32)).mockResolvedValueOnce(new Uint8Array(32).fill(0xff))
  const { json } = await world.call('GenerateDataKeyPair', { KeyId, KeyPairSpec: 'ECC_NIST_P256' })
  expect(random).toHaveBeenCalledTimes(3)
  const opened = createPrivateKey({ key: bytesOf(json.PrivateKeyPlaintext), format: 'der', type: 'pkcs8' })
  expect(opened.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
})

describe.each(['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext'])('%s', (action) => {
  test('refuses an asymmetric key, and one of another usage before that', async () => {
    const rsa = await world.key({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' })
    expect((await world.call(action, { KeyId: rsa.KeyId, KeyPairSpec: 'ECC_NIST_P256' })).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: 'You cannot generate a data key pair with an asymmetric CMK',
    })
    const signer = await world.key({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    expect((await world.call(action, { KeyId: signer.KeyId, KeyPairSpec: 'ECC_NIST_P256' })).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: `${signer.Arn} key usage is SIGN_VERIFY which is not valid for ${action}.`,
    })
    await world.call('DisableKey', { KeyId: rsa.KeyId })
    expect((await world.call(action, { KeyId: rsa.KeyId, KeyPairSpec: 'ECC_NIST_P256' })).json).toEqual({
      __type: 'DisabledException',
      message: `${rsa.Arn} is disabled.`,
    })
  })

  test('shows the spec of the pair to policies', async () => {
    const allow = {
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${account}:root` },
      Action: 'kms:*',
      Resource: '*',
    }
    const Condition = { StringEquals: { 'kms:DataKeyPairSpec': 'ECC_NIST_P256' } }
    const { KeyId } = await world.key({
      Policy: JSON.stringify({ Version: '2012-10-17', Statement: [allow, { ...allow, Effect: 'Deny', Condition }] }),
    })
    const denied = await world.call(action, { KeyId, KeyPairSpec: 'ECC_NIST_P256' })
    expect(denied.json.__type).toBe('AccessDeniedException')
    expect((await world.call(action, { KeyId, KeyPairSpec: 'ECC_NIST_P384' })).status).toBe(200)
  })
})

test.each(['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'])('%s refuses an asymmetric key', async (action) => {
  const rsa = await world.key({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' })
  expect((await world.call(action, { KeyId: rsa.KeyId, KeySpec: 'AES_256' })).json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: 'You cannot generate a data key with an asymmetric CMK',
  })
  const signer = await world.key({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  expect((await world.call(action, { KeyId: signer.KeyId, KeySpec: 'AES_256' })).json).toEqual({
    __type: 'InvalidKeyUsageException',
    message: `${signer.Arn} key usage is SIGN_VERIFY which is not valid for ${action}.`,
  })
})

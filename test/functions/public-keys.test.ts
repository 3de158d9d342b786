import { createPublicKey } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const rsaEncryption = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256']
const rsaSigning = ['PKCS1_V1_5', 'PSS'].flatMap((scheme) =>
  [256, 384, 512].map((bits) => `RSASSA_${scheme}_SHA_${bits}`),
)

/** Spec, usage, the list of KeyMetadata and what it holds, bytes of the SPKI. */
const kinds: readonly (readonly [string, string, string, readonly string[], number | undefined])[] = [
  ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'EncryptionAlgorithms', ['SYMMETRIC_DEFAULT'], undefined],
  ['RSA_2048', 'ENCRYPT_DECRYPT', 'EncryptionAlgorithms', rsaEncryption, 294],
  ['RSA_2048', 'SIGN_VERIFY', 'SigningAlgorithms', rsaSigning, 294],
  ['RSA_3072', 'SIGN_VERIFY', 'SigningAlgorithms', rsaSigning, 422],
  ['ECC_NIST_P256', 'SIGN_VERIFY', 'SigningAlgorithms', ['ECDSA_SHA_256'], 91],
  ['ECC_NIST_P256', 'KEY_AGREEMENT', 'KeyAgreementAlgorithms', ['ECDH'], 91],
  ['ECC_NIST_P384', 'SIGN_VERIFY', 'SigningAlgorithms', ['ECDSA_SHA_384'], 120],
  ['ECC_NIST_P384', 'KEY_AGREEMENT', 'KeyAgreementAlgorithms', ['ECDH'], 120],
  ['ECC_NIST_P521', 'SIGN_VERIFY', 'SigningAlgorithms', ['ECDSA_SHA_512'], 158],
  ['ECC_NIST_P521', 'KEY_AGREEMENT', 'KeyAgreementAlgorithms', ['ECDH'], 158],
  ['ECC_SECG_P256K1', 'SIGN_VERIFY', 'SigningAlgorithms', ['ECDSA_SHA_256'], 88],
  ['SM2', 'SIGN_VERIFY', 'SigningAlgorithms', ['SM2DSA'], 91],
  ['ECC_NIST_EDWARDS25519', 'SIGN_VERIFY', 'SigningAlgorithms', ['ED25519_PH_SHA_512', 'ED25519_SHA_512'], 44],
  ['HMAC_224', 'GENERATE_VERIFY_MAC', 'MacAlgorithms', ['HMAC_SHA_224'], undefined],
  ['HMAC_256', 'GENERATE_VERIFY_MAC', 'MacAlgorithms', ['HMAC_SHA_256'], undefined],
  ['HMAC_384', 'GENERATE_VERIFY_MAC', 'MacAlgorithms', ['HMAC_SHA_384'], undefined],
  ['HMAC_512', 'GENERATE_VERIFY_MAC', 'MacAlgorithms', ['HMAC_SHA_512'], undefined],
  ['ML_DSA_44', 'SIGN_VERIFY', 'SigningAlgorithms', ['ML_DSA_SHAKE_256'], 1334],
  ['ML_DSA_65', 'SIGN_VERIFY', 'SigningAlgorithms', ['ML_DSA_SHAKE_256'], 1974],
  ['ML_DSA_87', 'SIGN_VERIFY', 'SigningAlgorithms', ['ML_DSA_SHAKE_256'], 2614],
  ['ML_KEM_512', 'ENCAPSULATE_DECAPSULATE', 'EncapsulationAlgorithms', ['ML_KEM'], 822],
  ['ML_KEM_768', 'ENCAPSULATE_DECAPSULATE', 'EncapsulationAlgorithms', ['ML_KEM'], 1206],
  ['ML_KEM_1024', 'ENCAPSULATE_DECAPSULATE', 'EncapsulationAlgorithms', ['ML_KEM'], 1590],
]

describe.each(kinds)('%s for %s', (KeySpec, KeyUsage, list, algorithms, length) => {
  test('is created and described with its one list of algorithms', async () => {
    const { json } = await world.call('CreateKey', { KeySpec, KeyUsage })
    const lists = Object.entries(json.KeyMetadata).filter(([name]) => name.endsWith('Algorithms'))
    expect(lists).toEqual([[list, algorithms]])
    expect(json.KeyMetadata).toMatchObject({ KeySpec, CustomerMasterKeySpec: KeySpec, KeyUsage, Enabled: true })
    expect('CurrentKeyMaterialId' in json.KeyMetadata).toBe(KeySpec === 'SYMMETRIC_DEFAULT')
    const described = await world.call('DescribeKey', { KeyId: json.KeyMetadata.KeyId })
    expect(described.json).toEqual(json)
  })

  if (length === undefined) {
    test('has no public key: the refusal comes without a message, after the key state', async () => {
      const { KeyId, Arn } = await world.key({ KeySpec, KeyUsage })
      expect((await world.call('GetPublicKey', { KeyId })).json).toEqual({ __type: 'UnsupportedOperationException' })
      await world.call('DisableKey', { KeyId })
      expect((await world.call('GetPublicKey', { KeyId })).json).toEqual({ __type: 'UnsupportedOperationException' })
      await world.call('ScheduleKeyDeletion', { KeyId })
      expect((await world.call('GetPublicKey', { KeyId })).json).toEqual({
        __type: 'KMSInvalidStateException',
        message: `${Arn} is pending deletion.`,
      })
    })
  } else {
    test('gives out its public key as SPKI, enabled or disabled, not when its deletion is pending', async () => {
      const { KeyId, Arn } = await world.key({ KeySpec, KeyUsage })
      const { json } = await world.call('GetPublicKey', { KeyId })
      expect(json).toEqual({
        KeyId: Arn,
        PublicKey: expect.any(String),
        CustomerMasterKeySpec: KeySpec,
        KeySpec,
        KeyUsage,
        [list]: algorithms,
      })
      const spki = Buffer.from(json.PublicKey, 'base64')
      expect(spki).toHaveLength(length)
      const parsed = createPublicKey({ key: spki, format: 'der', type: 'spki' })
      expect(parsed.export({ format: 'der', type: 'spki' })).toEqual(spki)
      await world.call('DisableKey', { KeyId })
      expect((await world.call('GetPublicKey', { KeyId })).json).toEqual(json)
      await world.call('ScheduleKeyDeletion', { KeyId })
      expect((await world.call('GetPublicKey', { KeyId })).json).toEqual({
        __type: 'KMSInvalidStateException',
        message: `${Arn} is pending deletion.`,
      })
    })
  }
})

describe('CreateKey', () => {
  test.each([
    ['RSA_2048', 'GENERATE_VERIFY_MAC'],
    ['RSA_2048', 'KEY_AGREEMENT'],
    ['ECC_NIST_P256', 'ENCRYPT_DECRYPT'],
    ['ECC_SECG_P256K1', 'KEY_AGREEMENT'],
    ['ECC_NIST_EDWARDS25519', 'KEY_AGREEMENT'],
    ['HMAC_256', 'SIGN_VERIFY'],
    ['SYMMETRIC_DEFAULT', 'SIGN_VERIFY'],
    ['ML_DSA_44', 'ENCAPSULATE_DECAPSULATE'],
    ['ML_KEM_768', 'ENCRYPT_DECRYPT'],
  ])('refuses %s for %s', async (KeySpec, KeyUsage) => {
    expect((await world.call('CreateKey', { KeySpec, KeyUsage })).json).toEqual({
      __type: 'ValidationException',
      message: `KeyUsage ${KeyUsage} is not compatible with KeySpec ${KeySpec}`,
    })
  })

  test.each(['RSA_2048', 'ECC_NIST_P256', 'HMAC_256', 'ML_KEM_512', 'SM2'])(
    'asks what %s is to be used for',
    async (KeySpec) => {
      expect((await world.call('CreateKey', { KeySpec })).json).toEqual({
        __type: 'ValidationException',
        message: 'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
      })
    },
  )

  test.each(['ENCRYPT_DECRYPT', 'KEY_AGREEMENT'])(
    'refuses SM2 for %s, and makes no key of another kind instead',
    async (KeyUsage) => {
      expect((await world.call('CreateKey', { KeySpec: 'SM2', KeyUsage })).json).toEqual({
        __type: 'UnsupportedOperationException',
        message: 'KeySpec SM2 is not supported in this Region',
      })
      expect((await world.call('ListKeys')).json.Keys).toEqual([])
    },
  )

  test.each([
    ['ML_DSA_44', 'SIGN_VERIFY'],
    ['ML_KEM_512', 'ENCAPSULATE_DECAPSULATE'],
  ])('refuses to import %s keys', async (KeySpec, KeyUsage) => {
    expect((await world.call('CreateKey', { KeySpec, KeyUsage, Origin: 'EXTERNAL' })).json).toEqual({
      __type: 'ValidationException',
      message: `KeySpec ${KeySpec} is not supported for Origin EXTERNAL`,
    })
  })
})

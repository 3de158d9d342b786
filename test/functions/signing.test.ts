import { createHash, createPublicKey, randomBytes, verify as verifyWithNode } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const message = base64('attack at dawn')
const digest = (hash: string) => base64(createHash(hash).update('attack at dawn').digest())
const signingKey = (KeySpec: string) => world.key({ KeySpec, KeyUsage: 'SIGN_VERIFY' })
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const publicKeyOf = async (KeyId: string) =>
  createPublicKey({
    key: Buffer.from((await world.call('GetPublicKey', { KeyId })).json.PublicKey, 'base64'),
    format: 'der',
    type: 'spki',
  })
const invalidSignature = { __type: 'KMSInvalidSignatureException' }

const rsa = ['PKCS1_V1_5', 'PSS'].flatMap((scheme) =>
  [256, 384, 512].map((bits) => ['RSA_2048', `RSASSA_${scheme}_SHA_${bits}`, `sha${bits}`, 256] as const),
)
const combinations = [
  ...rsa,
  ['RSA_3072', 'RSASSA_PSS_SHA_256', 'sha256', 384],
  ['ECC_NIST_P256', 'ECDSA_SHA_256', 'sha256', undefined],
  ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384', undefined],
  ['ECC_NIST_P521', 'ECDSA_SHA_512', 'sha512', undefined],
  ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256', undefined],
] as const

describe.each(combinations)('%s with %s', (spec, SigningAlgorithm, hash, length) => {
  test('signs a message and its digest; each signature is one of the other too, and of node:crypto', async () => {
    const { KeyId, Arn } = await signingKey(spec)
    const key = await publicKeyOf(KeyId)
    const forms = [
      { Message: message, MessageType: 'RAW' },
      { Message: digest(hash), MessageType: 'DIGEST' },
    ]
    for (const form of forms) {
      const { json } = await world.call('Sign', { KeyId, ...form, SigningAlgorithm })
      expect(json).toEqual({ KeyId: Arn, Signature: expect.any(String), SigningAlgorithm })
      const signature = bytesOf(json.Signature)
      if (length !== undefined) expect(signature).toHaveLength(length)
      for (const other of forms) {
        const verified = await world.call('Verify', { KeyId, ...other, Signature: json.Signature, SigningAlgorithm })
        expect(verified.json).toEqual({ KeyId: Arn, SignatureValid: true, SigningAlgorithm })
      }
      const pss = SigningAlgorithm.includes('PSS') && { padding: 6, saltLength: -1 }
      expect(verifyWithNode(hash, bytesOf(message), { key, ...pss }, signature)).toBe(true)
    }
  })

  test('answers a signature that is not right with an error, whatever its bytes', async () => {
    const { KeyId } = await signingKey(spec)
    const { json } = await world.call('Sign', { KeyId, Message: message, SigningAlgorithm })
    const good = bytesOf(json.Signature)
    const wrong = [
      good.subarray(0, -1),
      good.subarray(1),
      Buffer.concat([good, Buffer.of(0)]),
      Buffer.concat([Buffer.of(0), good]),
      Buffer.of(0),
      Buffer.alloc(good.length),
      Buffer.alloc(good.length, 0xff),
      Buffer.from('3006020101020101', 'hex'),
      Buffer.from('3006020100020100', 'hex'),
      Buffer.from('30800201010201010000', 'hex'),
      randomBytes(6144),
      ...Array.from(good, (byte, at) => Buffer.from(good.map((each, i) => (i === at ? byte ^ 1 : each)))).slice(0, 80),
    ]
    for (const bytes of wrong) {
      for (const [Message, MessageType] of [
        [message, 'RAW'],
        [digest(hash), 'DIGEST'],
      ]) {
        const request = { KeyId, Message, MessageType, Signature: base64(bytes), SigningAlgorithm }
        expect((await world.call('Verify', request)).json).toEqual(invalidSignature)
      }
    }
    for (const [Message, MessageType] of [
      [base64('attack at dusk'), 'RAW'],
      [base64(createHash(hash).update('attack at dusk').digest()), 'DIGEST'],
    ]) {
      const request = { KeyId, Message, MessageType, Signature: json.Signature, SigningAlgorithm }
      expect((await world.call('Verify', request)).json).toEqual(invalidSignature)
    }
  })

  test('refuses a digest that is not as long as its hash', async () => {
    const { KeyId } = await signingKey(spec)
    const wrongLengths = [base64('x'), base64(bytesOf(digest(hash)).subarray(1)), base64(randomBytes(65))]
    for (const Message of wrongLengths) {
      for (const [action, more] of [
        ['Sign', {}],
        ['Verify', { Signature: base64('x') }],
      ] as const) {
        const { json } = await world.call(action, { KeyId, Message, MessageType: 'DIGEST', SigningAlgorithm, ...more })
        expect(json).toEqual({
          __type: 'ValidationException',
          message: `Digest is invalid length for algorithm ${SigningAlgorithm}.`,
        })
      }
    }
  })
})

describe('Ed25519', () => {
  const SigningAlgorithm = 'ED25519_SHA_512'

  test('signs messages, the same way each time, as node:crypto verifies', async () => {
    const { KeyId } = await signingKey('ECC_NIST_EDWARDS25519')
    const { json } = await world.call('Sign', { KeyId, Message: message, SigningAlgorithm })
    expect(bytesOf(json.Signature)).toHaveLength(64)
    expect((await world.call('Sign', { KeyId, Message: message, SigningAlgorithm })).json).toEqual(json)
    expect(verifyWithNode(null, bytesOf(message), await publicKeyOf(KeyId), bytesOf(json.Signature))).toBe(true)
    const verified = await world.call('Verify', {
      KeyId,
      Message: message,
      Signature: json.Signature,
      SigningAlgorithm,
    })
    expect(verified.json.SignatureValid).toBe(true)
  })

  test('with the pre-hashed algorithm takes 64 bytes as a digest, and its signatures are of no other algorithm', async () => {
    const { KeyId } = await signingKey('ECC_NIST_EDWARDS25519')
    const asked = {
      KeyId,
      Message: digest('sha512'),
      MessageType: 'DIGEST',
      SigningAlgorithm: 'ED25519_PH_SHA_512',
    }
    const { json } = await world.call('Sign', asked)
    expect((await world.call('Verify', { ...asked, Signature: json.Signature })).json.SignatureValid).toBe(true)
    const pure = { KeyId, Message: digest('sha512'), SigningAlgorithm, Signature: json.Signature }
    expect((await world.call('Verify', pure)).json).toEqual(invalidSignature)
    const other = { ...asked, Message: digest('sha3-512'), Signature: json.Signature }
    expect((await world.call('Verify', other)).json).toEqual(invalidSignature)
  })

  test.each([
    [SigningAlgorithm, 'DIGEST', 'Message type DIGEST is incompatible with algorithm ED25519_SHA_512.'],
    [SigningAlgorithm, 'EXTERNAL_MU', 'Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_EDWARDS25519.'],
    ['ED25519_PH_SHA_512', 'RAW', 'Message type RAW is incompatible with algorithm ED25519_PH_SHA_512.'],
    ['ED25519_PH_SHA_512', undefined, 'Message type RAW is incompatible with algorithm ED25519_PH_SHA_512.'],
    [
      'ED25519_PH_SHA_512',
      'EXTERNAL_MU',
      'Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_EDWARDS25519.',
    ],
  ])('%s refuses a message of type %s', async (algorithm, MessageType, text) => {
    const { KeyId } = await signingKey('ECC_NIST_EDWARDS25519')
    const { json } = await world.call('Sign', { KeyId, Message: message, MessageType, SigningAlgorithm: algorithm })
    expect(json).toEqual({ __type: 'ValidationException', message: text })
  })
})

describe.each([
  ['ML_DSA_44', 2420],
  ['ML_DSA_65', 3309],
  ['ML_DSA_87', 4627],
])('%s', (spec, length) => {
  const SigningAlgorithm = 'ML_DSA_SHAKE_256'

  test('signs messages, otherwise each time, as node:crypto verifies', async () => {
    const { KeyId } = await signingKey(spec)
    const { json } = await world.call('Sign', { KeyId, Message: message, SigningAlgorithm })
    expect(bytesOf(json.Signature)).toHaveLength(length)
    const again = await world.call('Sign', { KeyId, Message: message, SigningAlgorithm })
    expect(again.json.Signature).not.toBe(json.Signature)
    expect(verifyWithNode(null, bytesOf(message), await publicKeyOf(KeyId), bytesOf(json.Signature))).toBe(true)
    const request = { KeyId, Message: message, SigningAlgorithm }
    const verified = await world.call('Verify', { ...request, Signature: json.Signature })
    expect(verified.json.SignatureValid).toBe(true)
    for (const Signature of [base64(bytesOf(json.Signature).subarray(1)), base64('x'), base64(Buffer.alloc(length))])
      expect((await world.call('Verify', { ...request, Signature })).json).toEqual(invalidSignature)
  })

  test('refuses a digest, and a mu that is not 64 bytes', async () => {
    const { KeyId } = await signingKey(spec)
    const asked = { KeyId, Message: digest('sha256'), SigningAlgorithm }
    expect((await world.call('Sign', { ...asked, MessageType: 'DIGEST' })).json).toEqual({
      __type: 'ValidationException',
      message: `Message type DIGEST is incompatible with key spec ${spec}.`,
    })
    expect((await world.call('Sign', { ...asked, MessageType: 'EXTERNAL_MU' })).json).toEqual({
      __type: 'ValidationException',
      message: 'Digest is invalid length for algorithm ML_DSA_SHAKE_256.',
    })
  })

  test('signs mu as it signs the message that mu is of, and verifies the one as the other', async () => {
    const { KeyId } = await signingKey(spec)
    const { PublicKey } = (await world.call('GetPublicKey', { KeyId })).json
    const shake = (...parts: readonly Uint8Array[]) =>
      createHash('shake256', { outputLength: 64 }).update(Buffer.concat(parts)).digest()
    const publicKey = Buffer.from(PublicKey, 'base64').subarray(22)
    const mu = base64(shake(shake(publicKey), Buffer.of(0, 0), Buffer.from(message, 'base64')))
    const raw = { KeyId, Message: message, SigningAlgorithm }
    const external = { KeyId, Message: mu, MessageType: 'EXTERNAL_MU', SigningAlgorithm }
    const made = []
    for (const asked of [raw, external, external]) {
      const { Signature } = (await world.call('Sign', asked)).json
      expect(Buffer.from(Signature, 'base64')).toHaveLength(length)
      made.push(Signature)
      for (const given of [raw, external]) {
        expect((await world.call('Verify', { ...given, Signature })).json).toMatchObject({ SignatureValid: true })
      }
      const other = base64(Buffer.from(mu, 'base64').map((byte, at) => (at === 63 ? byte ^ 1 : byte)))
      expect((await world.call('Verify', { ...external, Message: other, Signature })).json).toEqual(invalidSignature)
    }
    expect(new Set(made).size).toBe(3)
    expect((await world.call('Verify', { ...external, Signature: base64('x') })).json).toEqual(invalidSignature)
  })
})

describe('SM2', () => {
  const asked = { Message: message, SigningAlgorithm: 'SM2DSA' }

  test('signs messages, otherwise each time, and verifies them', async () => {
    const { KeyId, Arn } = await signingKey('SM2')
    const { Signature } = (await world.call('Sign', { KeyId, ...asked })).json
    expect((await world.call('Sign', { KeyId, ...asked })).json.Signature).not.toBe(Signature)
    const verified = await world.call('Verify', { KeyId, ...asked, Signature })
    expect(verified.json).toEqual({ KeyId: Arn, SignatureValid: true, SigningAlgorithm: 'SM2DSA' })
    for (const wrong of [base64('x'), base64(bytesOf(Signature).subarray(1)), base64(new Uint8Array(6144))]) {
      expect((await world.call('Verify', { KeyId, ...asked, Signature: wrong })).json).toEqual(invalidSignature)
    }
    const other = { KeyId, ...asked, Message: base64('other'), Signature }
    expect((await world.call('Verify', other)).json).toEqual(invalidSignature)
  })

  test('refuses a digest, which this runtime can neither sign nor verify, on Sign and on Verify alike', async () => {
    const { KeyId } = await signingKey('SM2')
    const digested = { KeyId, ...asked, Message: digest('sha256'), MessageType: 'DIGEST' }
    const refusal = {
      __type: 'UnsupportedOperationException',
      message: 'Message type DIGEST is not supported for algorithm SM2DSA.',
    }
    expect((await world.call('Sign', digested)).json).toEqual(refusal)
    expect((await world.call('Verify', { ...digested, Signature: base64('x') })).json).toEqual(refusal)
    expect((await world.call('Sign', { ...digested, MessageType: 'EXTERNAL_MU' })).json).toEqual({
      __type: 'ValidationException',
      message: 'Message type EXTERNAL_MU is incompatible with key spec SM2.',
    })
  })
})

describe('the order of refusals', () => {
  const asked = { Message: base64('x'), MessageType: 'DIGEST', SigningAlgorithm: 'RSASSA_PSS_SHA_256' }

  test('is usage, then state, then algorithm, then message type, then length', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('DisableKey', { KeyId })
    for (const [action, more] of [
      ['Sign', {}],
      ['Verify', { Signature: base64('x') }],
    ] as const) {
      expect((await world.call(action, { KeyId, ...asked, ...more })).json).toEqual({
        __type: 'InvalidKeyUsageException',
        message: `${Arn} key usage is ENCRYPT_DECRYPT which is not valid for ${action}.`,
      })
    }
    const signer = await signingKey('ECC_NIST_P256')
    await world.call('DisableKey', { KeyId: signer.KeyId })
    const disabled = { __type: 'DisabledException', message: `${signer.Arn} is disabled.` }
    expect((await world.call('Sign', { KeyId: signer.KeyId, ...asked })).json).toEqual(disabled)
    await world.call('EnableKey', { KeyId: signer.KeyId })
    expect((await world.call('Sign', { KeyId: signer.KeyId, ...asked })).json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: 'Algorithm RSASSA_PSS_SHA_256 is incompatible with key spec ECC_NIST_P256.',
    })
  })

  test('blames the key spec where no algorithm of it takes such a message', async () => {
    const { KeyId } = await signingKey('RSA_2048')
    const { json } = await world.call('Sign', { KeyId, ...asked, MessageType: 'EXTERNAL_MU' })
    expect(json).toEqual({
      __type: 'ValidationException',
      message: 'Message type EXTERNAL_MU is incompatible with key spec RSA_2048.',
    })
  })

  test('takes SYMMETRIC_DEFAULT for an algorithm, and then refuses it as one that does not fit', async () => {
    const { KeyId } = await signingKey('ECC_NIST_P256')
    const { json } = await world.call('Sign', { KeyId, Message: message, SigningAlgorithm: 'SYMMETRIC_DEFAULT' })
    expect(json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: 'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec ECC_NIST_P256.',
    })
  })

  test('names the algorithms and types in order, and says nothing of the message', async () => {
    const { KeyId } = await signingKey('ECC_NIST_P256')
    const { json } = await world.call('Sign', { KeyId, Message: '', MessageType: 'X', SigningAlgorithm: 'Y' })
    expect(json).toEqual({
      __type: 'ValidationException',
      message:
        "3 validation errors detected: Value at 'message' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
        "Value 'X' at 'messageType' failed to satisfy constraint: Member must satisfy enum value set: [RAW, DIGEST, EXTERNAL_MU]; " +
        "Value 'Y' at 'signingAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: " +
        '[RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ' +
        'ECDSA_SHA_256, ECDSA_SHA_384, ECDSA_SHA_512, ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]',
    })
  })

  test('a dry run verifies: a wrong signature fails as it would', async () => {
    const { KeyId } = await signingKey('ECC_NIST_P256')
    const request = { KeyId, Message: message, SigningAlgorithm: 'ECDSA_SHA_256', Signature: base64('x'), DryRun: true }
    expect((await world.call('Verify', request)).json).toEqual(invalidSignature)
  })
})

test('a policy sees the algorithm and the message type, RAW when it is left out', async () => {
  const statement = (effect: string, condition?: object) => ({
    Effect: effect,
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Action: 'kms:*',
    Resource: '*',
    ...(condition && { Condition: condition }),
  })
  const { KeyId } = await world.key({
    KeySpec: 'RSA_2048',
    KeyUsage: 'SIGN_VERIFY',
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        statement('Allow'),
        statement('Deny', { StringEquals: { 'kms:MessageType': 'RAW' } }),
        statement('Deny', { StringEquals: { 'kms:SigningAlgorithm': 'RSASSA_PSS_SHA_512' } }),
      ],
    }),
  })
  const type = async (input: object) => {
    const { status, json } = await world.call('Sign', { KeyId, ...input })
    return status === 200 ? 'signed' : json.__type
  }
  const SigningAlgorithm = 'RSASSA_PSS_SHA_256'
  expect(await type({ Message: message, SigningAlgorithm })).toBe('AccessDeniedException')
  expect(await type({ Message: digest('sha256'), MessageType: 'DIGEST', SigningAlgorithm })).toBe('signed')
  expect(await type({ Message: digest('sha512'), MessageType: 'DIGEST', SigningAlgorithm: 'RSASSA_PSS_SHA_512' })).toBe(
    'AccessDeniedException',
  )
})

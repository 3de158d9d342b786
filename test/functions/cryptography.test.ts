import { beforeEach, describe, expect, test } from 'vitest'
import { parseCiphertext } from '../../lib/crypto/ciphertext.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let key: { KeyId: string; Arn: string }
let other: { KeyId: string; Arn: string }
beforeEach(async () => {
  world = await TestWorld.start()
  key = await world.key()
  other = await world.key()
})

const invalidCiphertext = { __type: 'InvalidCiphertextException' }
const encrypted = async (EncryptionContext?: Record<string, string>, plaintext = 'attack at dawn'): Promise<string> =>
  (await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64(plaintext), EncryptionContext })).json
    .CiphertextBlob
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

describe('Encrypt', () => {
  test('answers the key ARN, the algorithm and a blob that names its key and material, and nothing else', async () => {
    const { json } = await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x') })
    expect(Object.keys(json).sort()).toEqual(['CiphertextBlob', 'EncryptionAlgorithm', 'KeyId'])
    expect([json.KeyId, json.EncryptionAlgorithm]).toEqual([key.Arn, 'SYMMETRIC_DEFAULT'])
    const { json: described } = await world.call('DescribeKey', { KeyId: key.KeyId })
    expect(parseCiphertext(bytesOf(json.CiphertextBlob))).toMatchObject({
      keyId: key.KeyId,
      materialId: described.KeyMetadata.CurrentKeyMaterialId,
    })
  })

  test('takes 1 and 4096 bytes, and refuses none and 4097 without echoing them', async () => {
    for (const length of [1, 4096])
      expect(
        (await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64(Buffer.alloc(length, 7)) })).status,
      ).toBe(200)
    for (const [length, rule] of [
      [0, 'greater than or equal to 1'],
      [4097, 'less than or equal to 4096'],
    ] as const) {
      const { json } = await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64(Buffer.alloc(length, 7)) })
      expect(json).toEqual({
        __type: 'ValidationException',
        message: `1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length ${rule}`,
      })
    }
  })

  test('the same plaintext is another ciphertext each time', async () => {
    expect(await encrypted()).not.toBe(await encrypted())
  })

  test('refuses an algorithm that does not fit the key', async () => {
    const { json } = await world.call('Encrypt', {
      KeyId: key.KeyId,
      Plaintext: base64('x'),
      EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
    })
    expect(json).toEqual({
      __type: 'InvalidKeyUsageException',
      message: 'Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.',
    })
  })

  test('refuses a context of more than 8192 bytes', async () => {
    const fits = await world.call('Encrypt', {
      KeyId: key.KeyId,
      Plaintext: base64('x'),
      EncryptionContext: { a: 'x'.repeat(8191) },
    })
    expect(fits.status).toBe(200)
    const { json } = await world.call('Encrypt', {
      KeyId: key.KeyId,
      Plaintext: base64('x'),
      EncryptionContext: { a: 'x'.repeat(8192) },
    })
    expect(json.__type).toBe('ValidationException')
  })

  test('logs the context and the material, never the plaintext', async () => {
    await encrypted({ department: 'payroll' })
    expect(world.records.at(-1)).toMatchObject({
      requestParameters: {
        keyId: key.KeyId,
        encryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        encryptionContext: { department: 'payroll' },
      },
      responseElements: null,
      additionalEventData: { keyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/) },
      resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: key.Arn }],
    })
    expect(Object.keys(world.records.at(-1)?.requestParameters ?? {})).not.toContain('plaintext')
  })
})

describe('Decrypt', () => {
  test('opens with the key that the blob names, answering key, algorithm and material', async () => {
    const { json } = await world.call('Decrypt', { CiphertextBlob: await encrypted() })
    expect(json).toEqual({
      KeyId: key.Arn,
      Plaintext: base64('attack at dawn'),
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      KeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('the context must be the same, in any order; none and an empty one are the same', async () => {
    const blob = await encrypted({ a: '1', b: '2' })
    expect((await world.call('Decrypt', { CiphertextBlob: blob, EncryptionContext: { b: '2', a: '1' } })).status).toBe(
      200,
    )
    for (const EncryptionContext of [
      undefined,
      {},
      { a: '1' },
      { a: '2', b: '1' },
      { A: '1', b: '2' },
      { a: '1', b: '2', c: '3' },
      { a1: '', b: '2' },
    ]) {
      expect((await world.call('Decrypt', { CiphertextBlob: blob, EncryptionContext })).json).toEqual(invalidCiphertext)
    }
    const bare = await encrypted()
    expect((await world.call('Decrypt', { CiphertextBlob: bare, EncryptionContext: {} })).status).toBe(200)
  })

  test('every damaged blob is refused alike, by class and without a message', async () => {
    const good = bytesOf(await encrypted())
    const { header } = parseCiphertext(good)
    const damaged = [
      good.subarray(0, -1),
      good.subarray(1),
      Buffer.concat([good, Buffer.of(0)]),
      Buffer.of(1),
      Buffer.alloc(200, 1),
      Buffer.from('garbage'),
    ]
    for (let at = 0; at < good.length; at += 7) {
      const flipped = new Uint8Array(good)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      damaged.push(Buffer.from(flipped))
    }
    for (const blob of damaged) {
      const { status, json } = await world.call('Decrypt', { CiphertextBlob: base64(blob), KeyId: key.KeyId })
      expect(status).toBe(400)
      // A changed key id names another key; everything else is indistinguishable.
      const sameKey = Buffer.from(blob).subarray(0, 18).equals(Buffer.from(header).subarray(0, 18))
      if (sameKey) expect(json).toEqual(invalidCiphertext)
      else expect(['InvalidCiphertextException', 'IncorrectKeyException']).toContain(json.__type)
    }
  })

  test('a key that is not the blob’s is incorrect, before its usage or state', async () => {
    await world.call('DisableKey', { KeyId: other.KeyId })
    const { json } = await world.call('Decrypt', { CiphertextBlob: await encrypted(), KeyId: other.KeyId })
    expect(json).toEqual({
      __type: 'IncorrectKeyException',
      message: 'The key ID in the request does not identify a CMK that can perform this operation.',
    })
  })

  test('a blob whose key is not here, or not the caller’s, is denied without saying which', async () => {
    const stranger = {
      accessKeyId: 'AKIASTRANGERSTRANGER',
      secretAccessKey: 'another-secret-for-tests-guarding-nothin',
    }
    await world.addRoot('999999999999', stranger)
    const blob = bytesOf(await encrypted())
    const unknown = new Uint8Array(blob)
    unknown.fill(9, 2, 18)
    const message =
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.'
    for (const answer of [
      await world.call('Decrypt', { CiphertextBlob: base64(unknown) }),
      await world.call('Decrypt', { CiphertextBlob: base64(blob) }, stranger),
    ]) {
      expect([answer.status, answer.json]).toEqual([400, { __type: 'AccessDeniedException', message }])
    }
  })

  test('without KeyId, a key that is disabled or going says so', async () => {
    const blob = await encrypted()
    await world.call('DisableKey', { KeyId: key.KeyId })
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json).toEqual({
      __type: 'DisabledException',
      message: `${key.Arn} is disabled.`,
    })
    await world.call('ScheduleKeyDeletion', { KeyId: key.KeyId })
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json).toEqual({
      __type: 'KMSInvalidStateException',
      message: `${key.Arn} is pending deletion.`,
    })
  })

  test('an asymmetric algorithm wants a KeyId', async () => {
    const { json } = await world.call('Decrypt', {
      CiphertextBlob: await encrypted(),
      EncryptionAlgorithm: 'RSAES_OAEP_SHA_1',
    })
    expect(json).toEqual({ __type: 'ValidationException', message: 'KeyId must not be null' })
  })

  test('a dry run checks the ciphertext too, unless told to ignore it', async () => {
    const DryRun = true
    expect((await world.call('Decrypt', { CiphertextBlob: base64('garbage'), KeyId: key.KeyId, DryRun })).json).toEqual(
      invalidCiphertext,
    )
    const DryRunModifiers = ['IGNORE_CIPHERTEXT']
    expect((await world.call('Decrypt', { KeyId: key.KeyId, DryRun, DryRunModifiers })).json.__type).toBe(
      'DryRunOperationException',
    )
    expect(
      (await world.call('Decrypt', { KeyId: key.KeyId, DryRunModifiers, CiphertextBlob: await encrypted() })).json,
    ).toEqual({
      __type: 'ValidationException',
      message: 'DryRunModifiers can only be specified when DryRun is true',
    })
    expect((await world.call('Decrypt', { DryRun, DryRunModifiers })).json.__type).toBe('ValidationException')
    expect((await world.call('Decrypt', { KeyId: key.KeyId })).json).toEqual({
      __type: 'ValidationException',
      message:
        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
    })
  })

  test('a store whose blobs were exchanged opens nothing', async () => {
    const blob = await encrypted()
    const { materialId } = parseCiphertext(bytesOf(blob))
    const foreign = (await world.store.keys.find(other.KeyId))?.currentMaterialId ?? ''
    const [mine, theirs] = [
      await world.store.materials.find(key.KeyId, materialId),
      await world.store.materials.find(other.KeyId, foreign),
    ]
    if (!mine || !theirs) throw new Error('no material')
    world.open.materials.find = async () => ({ ...mine, wrapped: theirs.wrapped })
    const { status, json } = await world.call('Decrypt', { CiphertextBlob: blob })
    expect([status, json.__type]).toEqual([500, 'KeyUnavailableException'])
  })
})

describe('ReEncrypt', () => {
  test('moves a ciphertext and names both keys and materials', async () => {
    const { json } = await world.call('ReEncrypt', {
      CiphertextBlob: await encrypted({ a: '1' }),
      SourceEncryptionContext: { a: '1' },
      DestinationKeyId: other.KeyId,
      DestinationEncryptionContext: { b: '2' },
    })
    expect(json).toMatchObject({
      SourceKeyId: key.Arn,
      KeyId: other.Arn,
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    })
    expect(json.SourceKeyMaterialId).not.toBe(json.DestinationKeyMaterialId)
    expect(world.records.at(-1)?.resources?.map(({ ARN }) => ARN)).toEqual([key.Arn, other.Arn])
    const opened = await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob, EncryptionContext: { b: '2' } })
    expect(opened.json.Plaintext).toBe(base64('attack at dawn'))
  })

  test('onto the same key is legal, and on record twice', async () => {
    const { status } = await world.call('ReEncrypt', { CiphertextBlob: await encrypted(), DestinationKeyId: key.KeyId })
    expect(status).toBe(200)
    expect(world.records.at(-1)?.resources?.map(({ ARN }) => ARN)).toEqual([key.Arn, key.Arn])
  })

  test('each side fails as Decrypt and Encrypt do', async () => {
    const blob = await encrypted({ a: '1' })
    expect((await world.call('ReEncrypt', { CiphertextBlob: blob, DestinationKeyId: other.KeyId })).json).toEqual(
      invalidCiphertext,
    )
    const wrong = await world.call('ReEncrypt', {
      CiphertextBlob: blob,
      SourceKeyId: other.KeyId,
      DestinationKeyId: other.KeyId,
    })
    expect(wrong.json.__type).toBe('IncorrectKeyException')
    await world.call('DisableKey', { KeyId: other.KeyId })
    const disabled = await world.call('ReEncrypt', {
      CiphertextBlob: blob,
      SourceEncryptionContext: { a: '1' },
      DestinationKeyId: other.KeyId,
    })
    expect(disabled.json).toEqual({ __type: 'DisabledException', message: `${other.Arn} is disabled.` })
  })
})

describe('GenerateDataKey', () => {
  const oneOf = { __type: 'ValidationException', message: 'Please specify either number of bytes or key spec.' }

  test.each(['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext'])(
    '%s wants a length one way, before it looks at the key’s state',
    async (action) => {
      await world.call('DisableKey', { KeyId: key.KeyId })
      expect((await world.call(action, { KeyId: key.KeyId })).json).toEqual(oneOf)
      expect((await world.call(action, { KeyId: key.KeyId, KeySpec: 'AES_256', NumberOfBytes: 32 })).json).toEqual(
        oneOf,
      )
      expect((await world.call(action, { KeyId: key.KeyId, KeySpec: 'AES_256' })).json.__type).toBe('DisabledException')
    },
  )

  test.each([
    [{ KeySpec: 'AES_256' }, 32],
    [{ KeySpec: 'AES_128' }, 16],
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, 1024],
  ])('%j is as long as it says and opens to itself', async (how, length) => {
    const { json } = await world.call('GenerateDataKey', { KeyId: key.KeyId, ...how })
    expect(bytesOf(json.Plaintext)).toHaveLength(length)
    expect((await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob })).json.Plaintext).toBe(json.Plaintext)
    expect(json.KeyMaterialId).toMatch(/^[0-9a-f]{64}$/)
  })

  test('without plaintext, there is none in the answer', async () => {
    const { json } = await world.call('GenerateDataKeyWithoutPlaintext', { KeyId: key.KeyId, KeySpec: 'AES_256' })
    expect(Object.keys(json).sort()).toEqual(['CiphertextBlob', 'KeyId', 'KeyMaterialId'])
  })
})

describe('GenerateRandom', () => {
  test('wants a number, from 1 to 1024', async () => {
    expect((await world.call('GenerateRandom', {})).json).toEqual({
      __type: 'ValidationException',
      message: 'NumberOfBytes is required.',
    })
    const { json } = await world.call('GenerateRandom', { NumberOfBytes: 1024 })
    expect(bytesOf(json.Plaintext)).toHaveLength(1024)
    expect(json).not.toHaveProperty('CiphertextForRecipient')
  })
  test('a custom key store that is not there is not found', async () => {
    const { json } = await world.call('GenerateRandom', { NumberOfBytes: 1, CustomKeyStoreId: 'cks-1234567890abcdef0' })
    expect(json.__type).toBe('CustomKeyStoreNotFoundException')
  })
})

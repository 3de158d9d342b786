/** What keys of several versions do with each: by default, when one is named, and when one is disabled. */
import { constants, createPublicKey, diffieHellman, generateKeyPairSync, publicEncrypt, verify } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { handler as rotate } from '../../functions/scheduled/rotate-key.ts'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const Message = base64('attack at dawn')
const hmac = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }
const signing = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }
const encryption = { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' }
const agreement = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' }
const encapsulation = { KeySpec: 'ML_KEM_768', KeyUsage: 'ENCAPSULATE_DECAPSULATE' }
const MacAlgorithm = 'HMAC_SHA_256'
const SigningAlgorithm = 'ECDSA_SHA_256'
const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256'
const KeyAgreementAlgorithm = 'ECDH'
const EncapsulationAlgorithm = 'ML_KEM'

const answer = async (action: string, input: object) => (await world.call(action, input)).json
/** A key with its first version and another, current or not. */
async function withTwo(input: object, more = {}): Promise<{ KeyId: string; Arn: string; ids: readonly string[] }> {
  const { KeyId, Arn } = await world.key({ ...input })
  await answer('CreateKeyVersion', { KeyId, ...more })
  return { KeyId, Arn, ids: await idsOf(KeyId) }
}
const idsOf = async (KeyId: string): Promise<readonly string[]> =>
  (await answer('ListKeyVersions', { KeyId })).KeyVersions.map((each: { KeyVersionId: string }) => each.KeyVersionId)
const unknownId = 'f'.repeat(64)

const publicKey = (der: string) => createPublicKey({ key: Buffer.from(der, 'base64'), format: 'der', type: 'spki' })
const sealed = (der: string, text: string) =>
  base64(
    publicEncrypt(
      { key: publicKey(der), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      Buffer.from(text),
    ),
  )

/** What each operation that takes a version is called with. */
const uses: readonly (readonly [action: string, key: object, input: () => Promise<object>])[] = [
  ['GenerateMac', hmac, async () => ({ Message, MacAlgorithm })],
  ['VerifyMac', hmac, async () => ({ Message, MacAlgorithm, Mac: base64('x') })],
  ['Sign', signing, async () => ({ Message, SigningAlgorithm })],
  ['Verify', signing, async () => ({ Message, SigningAlgorithm, Signature: base64('x') })],
  ['Decrypt', encryption, async () => ({ CiphertextBlob: base64(new Uint8Array(256)), EncryptionAlgorithm })],
  [
    'DeriveSharedSecret',
    agreement,
    async () => {
      const { publicKey: peer } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
      return { KeyAgreementAlgorithm, PublicKey: base64(peer.export({ format: 'der', type: 'spki' })) }
    },
  ],
  ['Encapsulate', encapsulation, async () => ({ EncapsulationAlgorithm })],
  [
    'Decapsulate',
    encapsulation,
    async () => ({ EncapsulationAlgorithm, SharedSecretCiphertextBlob: base64(new Uint8Array(1088)) }),
  ],
]

describe.each(uses)('%s', (action, key, input) => {
  test('refuses a version that the key does not have, another key’s among them', async () => {
    const { KeyId, Arn } = await world.key({ ...key })
    const other = await world.key({ ...key })
    const [foreign = ''] = await idsOf(other.KeyId)
    for (const KeyVersionId of [unknownId, foreign]) {
      expect(await world.call(action, { KeyId, ...(await input()), KeyVersionId })).toMatchObject({
        status: 400,
        json: { __type: 'NotFoundException', message: `Key version '${KeyVersionId}' of key '${Arn}' does not exist` },
      })
    }
  })

  test('refuses a disabled version that is named, and not another', async () => {
    const { KeyId, Arn, ids } = await withTwo(key)
    const [first = '', second = ''] = ids
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: first, Enabled: false })
    expect(await world.call(action, { KeyId, ...(await input()), KeyVersionId: first })).toMatchObject({
      status: 400,
      json: { __type: 'DisabledException', message: `Key version '${first}' of key '${Arn}' is disabled` },
    })
    const { json } = await world.call(action, { KeyId, ...(await input()), KeyVersionId: second })
    expect(['DisabledException', 'NotFoundException']).not.toContain(json.__type)
  })

  test('refuses what is no id, as AWS refuses a key material id', async () => {
    const { KeyId } = await world.key({ ...key })
    expect(await answer(action, { KeyId, ...(await input()), KeyVersionId: 'A'.repeat(64) })).toMatchObject({
      __type: 'ValidationException',
      message: expect.stringContaining("at 'keyVersionId' failed to satisfy constraint"),
    })
  })

  test('says nothing of versions for a key that has one, as AWS’s answers do not', async () => {
    const { KeyId } = await world.key({ ...key })
    expect(await answer(action, { KeyId, ...(await input()) })).not.toHaveProperty('KeyVersionId')
  })
})

describe('a MAC', () => {
  const make = (KeyId: string, more = {}) => answer('GenerateMac', { KeyId, Message, MacAlgorithm, ...more })
  const check = (KeyId: string, Mac: string, more = {}) =>
    answer('VerifyMac', { KeyId, Message, MacAlgorithm, Mac, ...more })

  test('is made by the current version, and those of each before stay right', async () => {
    const { KeyId, Arn } = await world.key(hmac)
    const macs = [(await make(KeyId)).Mac]
    for (let n = 0; n < 3; n++) {
      await answer('CreateKeyVersion', { KeyId })
      macs.push((await make(KeyId)).Mac)
    }
    expect(new Set(macs).size).toBe(4)
    const ids = await idsOf(KeyId)
    for (const [at, Mac] of macs.entries()) {
      const KeyVersionId = ids[at]
      expect(await check(KeyId, Mac)).toEqual({ KeyId: Arn, MacValid: true, MacAlgorithm, KeyVersionId })
      expect(await check(KeyId, Mac, { KeyVersionId })).toMatchObject({ MacValid: true })
      expect(await check(KeyId, Mac, { KeyVersionId: ids[(at + 1) % 4] })).toEqual({ __type: 'KMSInvalidMacException' })
      expect(await make(KeyId, { KeyVersionId })).toEqual({ KeyId: Arn, Mac, MacAlgorithm, KeyVersionId })
    }
  })

  test('that no version made is an error that says no more than any', async () => {
    const { KeyId } = await withTwo(hmac)
    for (const Mac of [base64(new Uint8Array(32)), base64('x')]) {
      expect(await check(KeyId, Mac)).toEqual({ __type: 'KMSInvalidMacException' })
    }
  })

  test('of a version that is disabled since is not right any more, and is again when it is enabled', async () => {
    const { KeyId } = await world.key(hmac)
    const { Mac } = await make(KeyId)
    await answer('CreateKeyVersion', { KeyId })
    const [first = ''] = await idsOf(KeyId)
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: first, Enabled: false })
    expect(await check(KeyId, Mac)).toEqual({ __type: 'KMSInvalidMacException' })
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: first, Enabled: true })
    expect(await check(KeyId, Mac)).toMatchObject({ MacValid: true, KeyVersionId: first })
  })

  test('an HSM that fails at an older version is no wrong MAC', async () => {
    const { KeyId } = await withTwo(hmac)
    const [first] = (await world.store.materials.list(KeyId)).filter(({ number }) => number === 1)
    if (!first) throw new Error('no first version')
    await world.store.materials.put({ ...first, wrapped: { ...first.wrapped, binding: new Uint8Array(32) } })
    const { status, json } = await world.call('VerifyMac', { KeyId, Message, MacAlgorithm, Mac: base64('x') })
    expect([status, json.__type]).toEqual([500, 'KeyUnavailableException'])
  })

  test('costs one call of the HSM, and one of each newer version’s where it is old', async () => {
    const { KeyId } = await world.key(hmac)
    const { Mac } = await make(KeyId)
    let calls = 0
    const { generateMac } = world.hsm
    world.hsm.generateMac = (...args) => {
      calls++
      return generateMac.apply(world.hsm, args)
    }
    await check(KeyId, Mac)
    expect(calls).toBe(1)
    await answer('CreateKeyVersion', { KeyId })
    await check(KeyId, Mac)
    expect(calls).toBe(3)
  })
})

describe('a signature', () => {
  const sign = (KeyId: string, more = {}) => answer('Sign', { KeyId, Message, SigningAlgorithm, ...more })
  const check = (KeyId: string, Signature: string, more = {}) =>
    answer('Verify', { KeyId, Message, SigningAlgorithm, Signature, ...more })

  test('is made by the version named or current, verifies under its public key, and stays right', async () => {
    const { KeyId, Arn, ids } = await withTwo(signing)
    const [first, second] = ids
    for (const [more, KeyVersionId] of [
      [{}, second],
      [{ KeyVersionId: first }, first],
    ] as const) {
      const signed = await sign(KeyId, more)
      expect(signed).toEqual({ KeyId: Arn, Signature: expect.any(String), SigningAlgorithm, KeyVersionId })
      const { Signature } = signed
      const published = await answer('GetPublicKey', { KeyId, KeyVersionId })
      expect(published).toMatchObject({ KeyVersionId, KeySpec: 'ECC_NIST_P256' })
      const right = verify(
        'sha256',
        Buffer.from('attack at dawn'),
        publicKey(published.PublicKey),
        Buffer.from(Signature, 'base64'),
      )
      expect(right).toBe(true)
      expect(await check(KeyId, Signature)).toEqual({
        KeyId: Arn,
        SignatureValid: true,
        SigningAlgorithm,
        KeyVersionId,
      })
      const other = KeyVersionId === first ? second : first
      expect(await check(KeyId, Signature, { KeyVersionId: other })).toEqual({ __type: 'KMSInvalidSignatureException' })
    }
    expect(await check(KeyId, base64('x'))).toEqual({ __type: 'KMSInvalidSignatureException' })
  })

  test('can be made by a version announced before it is primary, which is then made so', async () => {
    const { KeyId, ids } = await withTwo(signing, { SetAsPrimary: false })
    const [first, second] = ids
    expect(await sign(KeyId)).toMatchObject({ KeyVersionId: first })
    expect(await answer('GetPublicKey', { KeyId })).toMatchObject({ KeyVersionId: first })
    expect((await answer('GetPublicKey', { KeyId, KeyVersionId: second })).KeyVersionId).toBe(second)
    const { Signature } = await sign(KeyId, { KeyVersionId: second })
    expect(await check(KeyId, Signature)).toMatchObject({ SignatureValid: true, KeyVersionId: second })
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: second, SetAsPrimary: true })
    expect(await sign(KeyId)).toMatchObject({ KeyVersionId: second })
  })

  test('a disabled version still has its public key', async () => {
    const { KeyId, ids } = await withTwo(signing)
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: ids[0], Enabled: false })
    expect(await answer('GetPublicKey', { KeyId, KeyVersionId: ids[0] })).toHaveProperty('PublicKey')
    expect(await answer('GetPublicKey', { KeyId, KeyVersionId: unknownId })).toMatchObject({
      __type: 'NotFoundException',
    })
  })
})

describe('Decrypt', () => {
  // The harness has one RSA key of each size for all: two versions would have the same.
  const twoRsaVersions = async () => {
    const { KeyId } = await world.key(encryption)
    const [first] = await idsOf(KeyId)
    const [version] = await world.store.materials.list(KeyId)
    const key = await world.store.keys.find(KeyId)
    if (!version || !key || first === undefined) throw new Error('no key')
    const { privateKey, publicKey: made } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const second = {
      ...version,
      id: '2'.repeat(64),
      number: 2,
      follows: first,
      publicKey: new Uint8Array(made.export({ format: 'der', type: 'spki' })),
      wrapped: world.hsm.wrapKey(
        { ...version, id: '2'.repeat(64) },
        new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
      ),
    }
    await world.store.materials.create(second)
    await world.store.keys.replace({ ...key, currentMaterialId: second.id })
    return { KeyId, first, second: second.id }
  }
  const decrypt = (KeyId: string, CiphertextBlob: string, more = {}) =>
    answer('Decrypt', { KeyId, CiphertextBlob, EncryptionAlgorithm, ...more })

  test('opens with the version that it was encrypted for, told or found', async () => {
    const { KeyId, first, second } = await twoRsaVersions()
    for (const [KeyVersionId, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { PublicKey } = await answer('GetPublicKey', { KeyId, KeyVersionId })
      const blob = sealed(PublicKey, KeyVersionId)
      const right = { Plaintext: base64(KeyVersionId), KeyVersionId, EncryptionAlgorithm }
      expect(await decrypt(KeyId, blob)).toMatchObject(right)
      expect(await decrypt(KeyId, blob, { KeyVersionId })).toMatchObject(right)
      expect(await decrypt(KeyId, blob, { KeyVersionId: other })).toEqual({ __type: 'InvalidCiphertextException' })
    }
    const encrypted = await answer('Encrypt', { KeyId, Plaintext: Message, EncryptionAlgorithm })
    expect(await decrypt(KeyId, encrypted.CiphertextBlob)).toMatchObject({ KeyVersionId: second })
  })

  test('answers what no version opens with the one error of all, having tried each', async () => {
    const { KeyId, first } = await twoRsaVersions()
    for (const bytes of [1, 255, 256, 257, 6144]) {
      expect(await decrypt(KeyId, base64(new Uint8Array(bytes).fill(1)))).toEqual({
        __type: 'InvalidCiphertextException',
      })
    }
    const { PublicKey } = await answer('GetPublicKey', { KeyId, KeyVersionId: first })
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: first, Enabled: false })
    expect(await decrypt(KeyId, sealed(PublicKey, 'x'))).toEqual({ __type: 'InvalidCiphertextException' })
  })

  test('ReEncrypt opens what an earlier version of an RSA key is for, found or named, and tells which it was', async () => {
    const { KeyId, first, second } = await twoRsaVersions()
    const { PublicKey } = await answer('GetPublicKey', { KeyId, KeyVersionId: first })
    const destination = await world.key()
    const again = (more = {}) =>
      answer('ReEncrypt', {
        CiphertextBlob: sealed(PublicKey, 'text'),
        SourceKeyId: KeyId,
        SourceEncryptionAlgorithm: EncryptionAlgorithm,
        DestinationKeyId: destination.KeyId,
        ...more,
      })
    for (const named of [{}, { SourceKeyVersionId: first }]) {
      const { CiphertextBlob, SourceKeyVersionId } = await again(named)
      expect(SourceKeyVersionId).toBe(first)
      expect(world.records.at(-1)?.additionalEventData).toMatchObject({ sourceKeyMaterialId: first })
      expect(await answer('Decrypt', { CiphertextBlob })).toMatchObject({ Plaintext: base64('text') })
    }
    expect(await again({ SourceKeyVersionId: second })).toEqual({ __type: 'InvalidCiphertextException' })
    expect(await again({ SourceKeyVersionId: unknownId })).toMatchObject({ __type: 'NotFoundException' })
    await answer('UpdateKeyVersion', { KeyId, KeyVersionId: first, Enabled: false })
    expect(await again({ SourceKeyVersionId: first })).toMatchObject({ __type: 'DisabledException' })
  })

  test('ReEncrypt of a symmetric ciphertext takes the source version as a guard', async () => {
    const { KeyId } = await world.key()
    const { CiphertextBlob } = await answer('Encrypt', { KeyId, Plaintext: Message })
    const [first] = await idsOf(KeyId)
    const again = (SourceKeyVersionId?: string) =>
      answer('ReEncrypt', { CiphertextBlob, DestinationKeyId: KeyId, SourceKeyVersionId })
    expect(await again(first)).toMatchObject({ SourceKeyMaterialId: first })
    expect(await again(unknownId)).toEqual({
      __type: 'IncorrectKeyException',
      message: 'The key version in the request is not the one that encrypted the ciphertext.',
    })
  })

  test('of a symmetric ciphertext takes the version as a guard, like the key', async () => {
    const { KeyId } = await world.key()
    const { CiphertextBlob } = await answer('Encrypt', { KeyId, Plaintext: Message })
    await answer('CreateKeyVersion', { KeyId })
    const [first, second] = await idsOf(KeyId)
    const opened = await answer('Decrypt', { CiphertextBlob, KeyVersionId: first })
    expect(opened).toMatchObject({ Plaintext: Message, KeyMaterialId: first })
    expect(opened).not.toHaveProperty('KeyVersionId')
    for (const KeyVersionId of [second, unknownId]) {
      expect(await world.call('Decrypt', { CiphertextBlob, KeyVersionId })).toMatchObject({
        status: 400,
        json: {
          __type: 'IncorrectKeyException',
          message: 'The key version in the request is not the one that encrypted the ciphertext.',
        },
      })
    }
  })
})

test('DeriveSharedSecret agrees with the version named, or the current one', async () => {
  const { KeyId, ids } = await withTwo(agreement)
  const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const PublicKey = base64(peer.publicKey.export({ format: 'der', type: 'spki' }))
  for (const KeyVersionId of [ids[0], ids[1], undefined]) {
    const named = KeyVersionId === undefined ? {} : { KeyVersionId }
    const own = await answer('GetPublicKey', { KeyId, ...named })
    const expected = diffieHellman({ privateKey: peer.privateKey, publicKey: publicKey(own.PublicKey) })
    const derived = await answer('DeriveSharedSecret', { KeyId, KeyAgreementAlgorithm, PublicKey, ...named })
    expect(derived).toMatchObject({ SharedSecret: base64(expected), KeyVersionId: KeyVersionId ?? ids[1] })
  }
})

test('Decapsulate opens with the version that Encapsulate says', async () => {
  const { KeyId, ids } = await withTwo(encapsulation)
  for (const [more, id] of [
    [{}, ids[1]],
    [{ KeyVersionId: ids[0] }, ids[0]],
  ] as const) {
    const made = await answer('Encapsulate', { KeyId, EncapsulationAlgorithm, ...more })
    expect(made.KeyVersionId).toBe(id)
    const capsule = { KeyId, EncapsulationAlgorithm, SharedSecretCiphertextBlob: made.SharedSecretCiphertextBlob }
    const opened = await answer('Decapsulate', { ...capsule, KeyVersionId: id })
    expect(opened).toMatchObject({ SharedSecret: made.SharedSecret, KeyVersionId: id })
    const other = await answer('Decapsulate', { ...capsule, KeyVersionId: id === ids[0] ? ids[1] : ids[0] })
    expect(other.SharedSecret).not.toBe(made.SharedSecret)
  }
})

describe('UpdateKeyVersion', () => {
  const update = (KeyId: string, KeyVersionId: string | undefined, more: object) =>
    world.call('UpdateKeyVersion', { KeyId, KeyVersionId, ...more })
  const statesOf = async (KeyId: string) =>
    (await answer('ListKeyVersions', { KeyId })).KeyVersions.map((each: { State: string }) => each.State)

  test('makes any version primary, and later ones keep following the newest', async () => {
    const { KeyId, Arn, ids } = await withTwo(hmac)
    const { status, json } = await update(KeyId, ids[0], { SetAsPrimary: true })
    expect([status, json]).toMatchObject([200, { KeyId: Arn, KeyVersion: { KeyVersionId: ids[0], State: 'CURRENT' } }])
    expect(await statesOf(KeyId)).toEqual(['CURRENT', 'NON_CURRENT'])
    expect(await answer('GenerateMac', { KeyId, Message, MacAlgorithm })).toMatchObject({ KeyVersionId: ids[0] })
    const { KeyVersion } = await answer('CreateKeyVersion', { KeyId })
    expect(KeyVersion).toMatchObject({ VersionNumber: 3, State: 'CURRENT' })
    expect(await idsOf(KeyId)).toEqual([...ids, KeyVersion.KeyVersionId])
    await update(KeyId, ids[1], { SetAsPrimary: true })
    await update(KeyId, KeyVersion.KeyVersionId, { SetAsPrimary: true })
    expect(await statesOf(KeyId)).toEqual(['NON_CURRENT', 'NON_CURRENT', 'CURRENT'])
    expect(await world.store.keys.find(KeyId)).not.toHaveProperty('newestMaterialId')
  })

  test('disables and enables a version, and says so where versions are listed', async () => {
    const { KeyId, ids } = await withTwo(hmac)
    expect((await update(KeyId, ids[0], { Enabled: false })).json.KeyVersion.State).toBe('DISABLED')
    expect(await statesOf(KeyId)).toEqual(['DISABLED', 'CURRENT'])
    expect((await update(KeyId, ids[0], {})).json.KeyVersion.State).toBe('DISABLED')
    expect((await update(KeyId, ids[0], { Enabled: true })).json.KeyVersion.State).toBe('NON_CURRENT')
    expect(await world.store.keys.find(KeyId)).not.toHaveProperty('disabledVersionIds')
  })

  test('does not disable the primary version, nor make a disabled one primary unless it enables it', async () => {
    const { KeyId, ids } = await withTwo(hmac)
    const refusal = { __type: 'ValidationException', message: 'The primary version of a key cannot be disabled.' }
    expect((await update(KeyId, ids[1], { Enabled: false })).json).toEqual(refusal)
    expect((await update(KeyId, ids[0], { Enabled: false, SetAsPrimary: true })).json).toEqual(refusal)
    await update(KeyId, ids[0], { Enabled: false })
    expect((await update(KeyId, ids[0], { SetAsPrimary: true })).json).toEqual(refusal)
    expect(await statesOf(KeyId)).toEqual(['DISABLED', 'CURRENT'])
    expect((await update(KeyId, ids[0], { SetAsPrimary: true, Enabled: true })).status).toBe(200)
    expect(await statesOf(KeyId)).toEqual(['CURRENT', 'NON_CURRENT'])
  })

  test('is of no version that the key does not have, also when material lies in the store that is none', async () => {
    const { KeyId, Arn, ids } = await withTwo(hmac)
    const [material] = await world.store.materials.list(KeyId)
    if (!material) throw new Error('no material')
    await world.store.materials.create({ ...material, id: unknownId, number: 2, follows: ids[0] ?? '' })
    expect((await update(KeyId, unknownId, { SetAsPrimary: true })).json).toEqual({
      __type: 'NotFoundException',
      message: `Key version '${unknownId}' of key '${Arn}' does not exist`,
    })
  })

  test('is for no symmetric key', async () => {
    const { KeyId, ids } = await withTwo({})
    for (const more of [{ SetAsPrimary: true }, { Enabled: false }]) {
      expect((await update(KeyId, ids[0], more)).json).toEqual({
        __type: 'UnsupportedOperationException',
        message: 'Only asymmetric and HMAC keys have versions to change.',
      })
    }
  })
})

describe('automatic rotation of keys that AWS does not rotate', () => {
  const dayMs = 86_400_000
  const run = () => rotate({ source: 'aws.events' })

  test.each([
    ['HMAC', hmac],
    ['signing', signing],
    ['ML-KEM', encapsulation],
  ])('gives a %s key a version each period, once it was asked for by name', async (_, input) => {
    const { KeyId } = await world.key(input)
    const enable = (more = {}) => world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90, ...more })
    expect((await enable()).json).toEqual({ __type: 'UnsupportedOperationException' })
    expect((await enable({ CreateKeyVersions: false })).json).toEqual({ __type: 'UnsupportedOperationException' })
    expect((await enable({ CreateKeyVersions: true })).status).toBe(200)
    expect(await answer('GetKeyRotationStatus', { KeyId })).toMatchObject({
      KeyRotationEnabled: true,
      RotationPeriodInDays: 90,
    })
    for (let n = 0; n < 2; n++) {
      world.nowMs += 90 * dayMs
      expect(await run()).toMatchObject({ done: 1, failed: 0 })
    }
    expect((await answer('ListKeyVersions', { KeyId })).KeyVersions).toMatchObject([
      { State: 'NON_CURRENT' },
      { State: 'NON_CURRENT', RotationType: 'AUTOMATIC' },
      { State: 'CURRENT', RotationType: 'AUTOMATIC' },
    ])
    expect((await world.call('DisableKeyRotation', { KeyId })).status).toBe(200)
    world.nowMs += 90 * dayMs
    expect(await run()).toMatchObject({ done: 0, failed: 0 })
  })

  test('signatures and MACs of every version before stay right', async () => {
    const { KeyId } = await world.key(hmac)
    await answer('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90, CreateKeyVersions: true })
    const macs: string[] = []
    for (let n = 0; n < 4; n++) {
      macs.push((await answer('GenerateMac', { KeyId, Message, MacAlgorithm })).Mac)
      world.nowMs += 90 * dayMs
      await run()
    }
    expect(new Set(macs).size).toBe(4)
    for (const Mac of macs) {
      expect(await answer('VerifyMac', { KeyId, Message, MacAlgorithm, Mac })).toMatchObject({ MacValid: true })
    }
  })
})

test('an HMAC or asymmetric key stops at 100 versions, as what it made may be tried against each', async () => {
  const { KeyId, Arn } = await world.key(hmac)
  const key = await world.store.keys.find(KeyId)
  const [first] = await world.store.materials.list(KeyId)
  if (!key || !first) throw new Error('no key')
  const last = { ...first, id: unknownId, number: 100, follows: first.id }
  await world.store.materials.create(last)
  await world.store.keys.replace({ ...key, currentMaterialId: last.id })
  expect((await world.call('CreateKeyVersion', { KeyId })).json).toEqual({
    __type: 'LimitExceededException',
    message: `${Arn} already has 100 versions.`,
  })
})

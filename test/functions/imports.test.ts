/** Key material from outside, over the wire (kms-api.md §5.4, §6). */
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { wrapFor } from '../harness/import.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})
const day = 86_400_000
const arnOf = (id: string) => `arn:aws:kms:us-east-1:${account}:key/${id}`
const forEver = { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }

const newExternal = async (input: object = {}): Promise<string> =>
  (await world.key({ Origin: 'EXTERNAL', ...input })).KeyId
const parameters = async (KeyId: string, WrappingAlgorithm = 'RSAES_OAEP_SHA_256', WrappingKeySpec = 'RSA_2048') =>
  (await world.call('GetParametersForImport', { KeyId, WrappingAlgorithm, WrappingKeySpec })).json

/** Wraps and imports. */
async function importInto(
  KeyId: string,
  material: Uint8Array,
  more: object = forEver,
  algorithm = 'RSAES_OAEP_SHA_256',
) {
  const { PublicKey, ImportToken } = await parameters(KeyId, algorithm)
  const EncryptedKeyMaterial = wrapFor(PublicKey, algorithm, material)
  return world.call('ImportKeyMaterial', { KeyId, ImportToken, EncryptedKeyMaterial, ...more })
}
const metadata = async (KeyId: string) => (await world.call('DescribeKey', { KeyId })).json.KeyMetadata
const encrypt = (KeyId: string) => world.call('Encrypt', { KeyId, Plaintext: base64('x') })

describe('a key of origin EXTERNAL', () => {
  test('waits for its material, and says so', async () => {
    const KeyId = await newExternal()
    const described = await metadata(KeyId)
    expect(described).toMatchObject({ KeyState: 'PendingImport', Enabled: false, Origin: 'EXTERNAL' })
    expect(described).not.toHaveProperty('CurrentKeyMaterialId')
    expect((await encrypt(KeyId)).json).toEqual({
      __type: 'KMSInvalidStateException',
      message: `${arnOf(KeyId)} is pending import.`,
    })
    expect((await world.call('EnableKey', { KeyId })).json.__type).toBe('KMSInvalidStateException')
  })

  test('has no version while its material is deleted, and the same one again once it is imported again', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const { KeyMaterialId } = (await importInto(KeyId, material)).json
    const versions = async () => {
      const { status, json } = await world.call('ListKeyVersions', { KeyId })
      return [status, json.KeyVersions?.map(({ KeyVersionId }: { KeyVersionId: string }) => KeyVersionId)]
    }
    expect(await versions()).toEqual([200, [KeyMaterialId]])
    await world.call('DeleteImportedKeyMaterial', { KeyId })
    expect(await versions()).toEqual([200, []])
    await importInto(KeyId, material)
    expect(await versions()).toEqual([200, [KeyMaterialId]])
  })

  test('works with the material that it was given, and tells its id', async () => {
    const KeyId = await newExternal()
    const { status, json } = await importInto(KeyId, randomBytes(32))
    expect([status, json]).toEqual([
      200,
      { KeyId: arnOf(KeyId), KeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
    expect(await metadata(KeyId)).toMatchObject({
      KeyState: 'Enabled',
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      CurrentKeyMaterialId: json.KeyMaterialId,
    })
    const { CiphertextBlob } = (await encrypt(KeyId)).json
    expect((await world.call('Decrypt', { CiphertextBlob })).json).toMatchObject({
      Plaintext: base64('x'),
      KeyMaterialId: json.KeyMaterialId,
    })
  })

  test('is not for keys made here, nor are its parameters', async () => {
    const { KeyId, Arn } = await world.key()
    const refused = {
      __type: 'UnsupportedOperationException',
      message: `${Arn} origin is AWS_KMS which is not valid for this operation.`,
    }
    expect(await parameters(KeyId)).toEqual(refused)
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId })).json).toEqual(refused)
  })

  test('cannot be of a spec that cannot be imported', async () => {
    const { json } = await world.call('CreateKey', {
      Origin: 'EXTERNAL',
      KeySpec: 'ML_DSA_44',
      KeyUsage: 'SIGN_VERIFY',
    })
    expect(json).toEqual({
      __type: 'ValidationException',
      message: 'KeySpec ML_DSA_44 is not supported for Origin EXTERNAL',
    })
  })

  test('goes back to waiting when its deletion is taken back before it had any', async () => {
    const KeyId = await newExternal()
    await world.call('ScheduleKeyDeletion', { KeyId })
    await world.call('CancelKeyDeletion', { KeyId })
    expect(await metadata(KeyId)).toMatchObject({ KeyState: 'PendingImport' })
  })
})

describe('parameters', () => {
  test('are good for a day', async () => {
    const KeyId = await newExternal()
    const { ParametersValidTo, KeyId: arn } = await parameters(KeyId)
    expect([ParametersValidTo, arn]).toEqual([(world.nowMs + day) / 1000, arnOf(KeyId)])
  })

  test.each([
    ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048'],
    ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'RSAES_PKCS1_V1_5', 'RSA_2048'],
    ['HMAC_256', 'GENERATE_VERIFY_MAC', 'RSA_AES_KEY_WRAP_SHA_256', 'RSA_4096'],
    ['RSA_2048', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_256', 'RSA_4096'],
    ['ECC_NIST_P521', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_1', 'RSA_2048'],
    ['ECC_NIST_EDWARDS25519', 'SIGN_VERIFY', 'RSAES_OAEP_SHA_256', 'RSA_2048'],
    ['ECC_NIST_P256', 'SIGN_VERIFY', 'SM2PKE', 'SM2'],
  ])('for %s (%s) under %s with %s do not exist', async (KeySpec, KeyUsage, algorithm, wrappingSpec) => {
    const KeyId = await newExternal({ KeySpec, KeyUsage })
    expect(await parameters(KeyId, algorithm, wrappingSpec)).toEqual({
      __type: 'ValidationException',
      message: `Wrapping algorithm ${algorithm} and wrapping key spec ${wrappingSpec} cannot be used to import a ${KeySpec} key.`,
    })
  })
})

describe('an import token', () => {
  test('may be used again until it expires, also beside a newer one', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const { PublicKey, ImportToken } = await parameters(KeyId)
    await parameters(KeyId)
    const input = {
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', material),
      ...forEver,
    }
    const bad = { ...input, EncryptedKeyMaterial: base64(randomBytes(256)) }
    expect((await world.call('ImportKeyMaterial', bad)).json).toEqual({ __type: 'InvalidCiphertextException' })
    for (let count = 0; count < 2; count++) expect((await world.call('ImportKeyMaterial', input)).status).toBe(200)
    world.nowMs += day
    expect((await world.call('ImportKeyMaterial', input)).json.__type).toBe('ExpiredImportTokenException')
  })

  test('is for one key, and nothing in it can be changed', async () => {
    const [one, other] = [await newExternal(), await newExternal()]
    const { PublicKey, ImportToken } = await parameters(one)
    const EncryptedKeyMaterial = wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32))
    const invalid = { __type: 'InvalidImportTokenException' }
    const using = (KeyId: string, token: string) =>
      world.call('ImportKeyMaterial', { KeyId, ImportToken: token, EncryptedKeyMaterial, ...forEver })
    expect((await using(other, ImportToken)).json).toEqual(invalid)
    const bytes = Buffer.from(ImportToken, 'base64')
    for (let at = 0; at < bytes.length; at += 37) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect([at, (await using(one, base64(changed))).json]).toEqual([at, invalid])
    }
    for (const cut of [bytes.subarray(1), bytes.subarray(0, -1), Buffer.of(1), Buffer.from('garbage')]) {
      expect((await using(one, base64(cut))).json).toEqual(invalid)
    }
  })
})

describe('expiry', () => {
  test.each([
    [{}, 'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES'],
    [
      { ...forEver, ValidTo: 2e9 },
      'A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE',
    ],
    [{ ValidTo: 1e9 }, 'ValidTo must be in the future'],
    [{ ValidTo: 4e9 }, 'ValidTo must be less than 365 days in the future'],
  ])('%j is refused', async (more, message) => {
    const KeyId = await newExternal()
    expect((await importInto(KeyId, randomBytes(32), more)).json).toEqual({ __type: 'ValidationException', message })
  })

  test('ends the use of a key to the second, until the same material is imported again', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const ValidTo = Math.floor(world.nowMs / 1000) + 60
    await importInto(KeyId, material, { ValidTo: ValidTo + 0.75 })
    expect(await metadata(KeyId)).toMatchObject({
      KeyState: 'Enabled',
      ExpirationModel: 'KEY_MATERIAL_EXPIRES',
      ValidTo,
    })
    const { CiphertextBlob } = (await encrypt(KeyId)).json
    world.nowMs = ValidTo * 1000 - 1
    expect((await encrypt(KeyId)).status).toBe(200)
    world.nowMs = ValidTo * 1000
    expect((await encrypt(KeyId)).json.message).toBe(`${arnOf(KeyId)} is pending import.`)
    const waiting = await metadata(KeyId)
    expect(waiting.KeyState).toBe('PendingImport')
    for (const member of ['ValidTo', 'ExpirationModel']) expect(waiting).not.toHaveProperty(member)
    await importInto(KeyId, material)
    expect((await world.call('Decrypt', { CiphertextBlob })).json.Plaintext).toBe(base64('x'))
  })
})

describe('deleting material', () => {
  test('leaves the key waiting for the very same, which brings back what it encrypted', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const { KeyMaterialId } = (await importInto(KeyId, material)).json
    const { CiphertextBlob } = (await encrypt(KeyId)).json
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId })).json).toEqual({
      KeyId: arnOf(KeyId),
      KeyMaterialId,
    })
    expect(await world.store.materials.find(KeyId, KeyMaterialId)).toBeUndefined()
    expect((await world.call('Decrypt', { CiphertextBlob })).json.message).toBe(`${arnOf(KeyId)} is pending import.`)
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId })).status).toBe(200)
    expect((await importInto(KeyId, randomBytes(32))).json).toEqual({
      __type: 'IncorrectKeyMaterialException',
      message: `Imported key material does not have the expected identifier (${KeyMaterialId}).`,
    })
    expect((await importInto(KeyId, material)).json.KeyMaterialId).toBe(KeyMaterialId)
    expect((await world.call('Decrypt', { CiphertextBlob })).json.Plaintext).toBe(base64('x'))
  })

  test('of a key that has none succeeds; of an id that it never had, not', async () => {
    const KeyId = await newExternal()
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId })).json).toEqual({ KeyId: arnOf(KeyId) })
    const id = 'a'.repeat(64)
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId, KeyMaterialId: id })).json).toEqual({
      __type: 'ValidationException',
      message: `Key material (id: ${id}) has never been imported into KMS key ${arnOf(KeyId)}.`,
    })
  })

  test('leaves a key that waits for its deletion waiting for that', async () => {
    const KeyId = await newExternal()
    await importInto(KeyId, randomBytes(32))
    await world.call('ScheduleKeyDeletion', { KeyId })
    expect((await world.call('DeleteImportedKeyMaterial', { KeyId })).status).toBe(200)
    expect(await metadata(KeyId)).toMatchObject({ KeyState: 'PendingDeletion' })
    await world.call('CancelKeyDeletion', { KeyId })
    expect(await metadata(KeyId)).toMatchObject({ KeyState: 'PendingImport' })
  })

  test('and importing it again enables a key that was disabled', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    await importInto(KeyId, material)
    await world.call('DisableKey', { KeyId })
    await world.call('DeleteImportedKeyMaterial', { KeyId })
    await importInto(KeyId, material)
    expect(await metadata(KeyId)).toMatchObject({ KeyState: 'Enabled' })
  })
})

describe('several materials', () => {
  const staged = { ...forEver, ImportType: 'NEW_KEY_MATERIAL' }
  const rotations = async (KeyId: string) =>
    (await world.call('ListKeyRotations', { KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).json.Rotations

  test('a new one is staged, and becomes current by rotation on demand; both open what they encrypted', async () => {
    const KeyId = await newExternal()
    const first = (await importInto(KeyId, randomBytes(32))).json.KeyMaterialId
    const old = (await encrypt(KeyId)).json.CiphertextBlob
    expect((await world.call('RotateKeyOnDemand', { KeyId })).json).toEqual({
      __type: 'KMSInvalidStateException',
      message: `No available key material pending rotation for the key: ${arnOf(KeyId)}.`,
    })
    const second = (await importInto(KeyId, randomBytes(32), { ...staged, KeyMaterialDescription: 'second' })).json
      .KeyMaterialId
    expect((await metadata(KeyId)).CurrentKeyMaterialId).toBe(first)
    expect(await rotations(KeyId)).toMatchObject([
      { KeyId: arnOf(KeyId), KeyMaterialId: first, KeyMaterialState: 'CURRENT', ImportState: 'IMPORTED' },
      { KeyMaterialId: second, KeyMaterialState: 'PENDING_ROTATION', KeyMaterialDescription: 'second' },
    ])
    expect((await world.call('RotateKeyOnDemand', { KeyId })).json).toEqual({ KeyId: arnOf(KeyId) })
    expect((await metadata(KeyId)).CurrentKeyMaterialId).toBe(second)
    const fresh = (await encrypt(KeyId)).json.CiphertextBlob
    expect((await world.call('Decrypt', { CiphertextBlob: old })).json.KeyMaterialId).toBe(first)
    expect((await world.call('Decrypt', { CiphertextBlob: fresh })).json.KeyMaterialId).toBe(second)
    expect(await rotations(KeyId)).toMatchObject([
      { KeyMaterialId: first, KeyMaterialState: 'NON_CURRENT' },
      {
        KeyMaterialId: second,
        KeyMaterialState: 'CURRENT',
        RotationType: 'ON_DEMAND',
        RotationDate: world.nowMs / 1000,
      },
    ])
  })

  test('one that is missing blocks the whole key, until it is there again', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const first = (await importInto(KeyId, material)).json.KeyMaterialId
    const second = (await importInto(KeyId, randomBytes(32), staged)).json.KeyMaterialId
    await world.call('RotateKeyOnDemand', { KeyId })
    await world.call('DeleteImportedKeyMaterial', { KeyId, KeyMaterialId: first })
    expect((await encrypt(KeyId)).json.message).toBe(`${arnOf(KeyId)} is pending import.`)
    expect(await rotations(KeyId)).toMatchObject([
      { KeyMaterialId: first, ImportState: 'PENDING_IMPORT' },
      { KeyMaterialId: second, ImportState: 'IMPORTED' },
    ])
    await importInto(KeyId, material, { ...forEver, KeyMaterialId: first })
    expect((await encrypt(KeyId)).status).toBe(200)
  })

  test('a second one while one is staged, one that is there, and one under another’s id are refused', async () => {
    const KeyId = await newExternal()
    const material = randomBytes(32)
    const first = (await importInto(KeyId, material)).json.KeyMaterialId
    expect((await importInto(KeyId, material, staged)).json).toEqual({
      __type: 'IncorrectKeyMaterialException',
      message: `Key material (id: ${first}) being imported as NEW_KEY_MATERIAL is already associated with KMS key ${arnOf(KeyId)}.`,
    })
    const second = (await importInto(KeyId, randomBytes(32), staged)).json.KeyMaterialId
    const third = await importInto(KeyId, randomBytes(32), staged)
    expect(third.json.__type).toBe('KMSInvalidStateException')
    expect(third.json.message).toMatch(
      new RegExp(
        `cannot be imported into KMS key .*, because another key material \\(id: ${second}\\) is pending rotation\\.$`,
      ),
    )
    expect((await importInto(KeyId, material, { ...forEver, KeyMaterialId: second })).json.message).toBe(
      `Imported key material does not have the expected identifier (${second}).`,
    )
    expect((await importInto(KeyId, material, { ...staged, KeyMaterialId: first })).json.message).toBe(
      'Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.',
    )
  })

  test('a staged one that is deleted is forgotten, and the key goes on', async () => {
    const KeyId = await newExternal()
    await importInto(KeyId, randomBytes(32))
    const second = (await importInto(KeyId, randomBytes(32), staged)).json.KeyMaterialId
    await world.call('DeleteImportedKeyMaterial', { KeyId, KeyMaterialId: second })
    expect((await encrypt(KeyId)).status).toBe(200)
    expect(await rotations(KeyId)).toHaveLength(1)
  })
})

describe('asymmetric and HMAC material', () => {
  test('signs as the key it was, and cannot become another', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const KeyId = await newExternal({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    const wrapping = 'RSA_AES_KEY_WRAP_SHA_256'
    const { json } = await importInto(KeyId, privateKey.export({ format: 'der', type: 'pkcs8' }), forEver, wrapping)
    expect(json).toEqual({ KeyId: arnOf(KeyId) })
    const { PublicKey } = (await world.call('GetPublicKey', { KeyId })).json
    expect(
      createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' }).equals(publicKey),
    ).toBe(true)
    const signed = await world.call('Sign', { KeyId, Message: base64('m'), SigningAlgorithm: 'ECDSA_SHA_256' })
    expect(verify('sha256', Buffer.from('m'), publicKey, Buffer.from(signed.json.Signature, 'base64'))).toBe(true)
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({
      format: 'der',
      type: 'pkcs8',
    })
    expect((await importInto(KeyId, other, forEver, wrapping)).json.__type).toBe('IncorrectKeyMaterialException')
  })

  test.each([{ ImportType: 'NEW_KEY_MATERIAL' }, { KeyMaterialId: 'a'.repeat(64) }, { KeyMaterialDescription: 'x' }])(
    'takes no %j',
    async (more) => {
      const KeyId = await newExternal({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
      const [name] = Object.keys(more) as [string]
      expect((await importInto(KeyId, randomBytes(32), { ...forEver, ...more })).json).toEqual({
        __type: 'ValidationException',
        message: `Input parameter ${name.charAt(0).toLowerCase()}${name.slice(1)} cannot be used with HMAC_256 imported keys.`,
      })
    },
  )
})

test('the record holds neither token nor material', async () => {
  const KeyId = await newExternal()
  const { PublicKey, ImportToken } = await parameters(KeyId)
  const EncryptedKeyMaterial = wrapFor(PublicKey, 'RSAES_OAEP_SHA_256', randomBytes(32))
  await world.call('ImportKeyMaterial', { KeyId, ImportToken, EncryptedKeyMaterial, ...forEver })
  expect(world.records.at(-1)).toMatchObject({
    requestParameters: { keyId: KeyId, expirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' },
  })
  for (const secret of [ImportToken, EncryptedKeyMaterial]) expect(JSON.stringify(world.records)).not.toContain(secret)
})

import { beforeEach, describe, expect, test } from 'vitest'
import { KMSInternalException, NotFoundException } from '../../lib/errors.ts'
import type { Key, Material } from '../../lib/keys/key.ts'
import { newestFirst, versionOf, versionsOf } from '../../lib/keys/versions.ts'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const symmetric = {}
const hmac = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }
const signing = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }

const create = (KeyId: string, input = {}) => world.call('CreateKeyVersion', { KeyId, ...input })
const versions = async (KeyId: string, input = {}) => (await world.call('ListKeyVersions', { KeyId, ...input })).json
const idsOf = (listed: { KeyVersions: readonly { KeyVersionId: string }[] }) =>
  listed.KeyVersions.map(({ KeyVersionId }) => KeyVersionId)
async function stored(id: string): Promise<Key> {
  const key = await world.store.keys.find(id)
  if (!key) throw new Error('the key is gone')
  return key
}
const refusal = (__type: string, message: string) => ({ status: 400, json: { __type, message } })

describe('CreateKeyVersion', () => {
  test.each([
    ['symmetric', symmetric],
    ['HMAC', hmac],
    ['signing', signing],
  ])('gives a %s key another version, which is current from then on', async (_, input) => {
    const { KeyId, Arn } = await world.key(input)
    const createdAt = world.nowMs / 1000
    const [first] = idsOf(await versions(KeyId))
    world.nowMs += 5000
    const { status, json } = await create(KeyId)
    const at = world.nowMs / 1000
    expect(status).toBe(200)
    expect(json).toMatchObject({
      KeyId: Arn,
      KeyVersion: { VersionNumber: 2, State: 'CURRENT', CreationDate: at, RotationDate: at, RotationType: 'ON_DEMAND' },
    })
    expect(json.KeyVersion.KeyVersionId).toMatch(/^[0-9a-f]{64}$/)
    expect((await stored(KeyId)).currentMaterialId).toBe(json.KeyVersion.KeyVersionId)
    expect(await versions(KeyId)).toMatchObject({
      KeyId: Arn,
      KeyVersions: [
        { KeyVersionId: first, VersionNumber: 1, State: 'NON_CURRENT', CreationDate: createdAt },
        json.KeyVersion,
      ],
      Truncated: false,
    })
  })

  test('of a symmetric key is a rotation, and none of those that AWS counts', async () => {
    const { KeyId } = await world.key()
    const { CiphertextBlob } = (await world.call('Encrypt', { KeyId, Plaintext: base64('text') })).json
    for (let n = 0; n < 26; n++) expect((await create(KeyId)).status).toBe(200)
    expect((await world.call('RotateKeyOnDemand', { KeyId })).status).toBe(200)
    const { Rotations } = (await world.call('ListKeyRotations', { KeyId })).json
    expect(Rotations).toHaveLength(27)
    const [first] = idsOf(await versions(KeyId))
    const opened = await world.call('Decrypt', { CiphertextBlob })
    expect(opened.json).toMatchObject({ Plaintext: base64('text'), KeyMaterialId: first })
  })

  test('can leave the version of an HMAC or asymmetric key aside, and the next one current passes it by', async () => {
    for (const input of [hmac, signing]) {
      const { KeyId } = await world.key(input)
      const { currentMaterialId } = await stored(KeyId)
      const aside = (await create(KeyId, { SetAsPrimary: false })).json.KeyVersion
      expect(aside).toMatchObject({ VersionNumber: 2, State: 'NON_CURRENT' })
      expect(aside).not.toHaveProperty('RotationDate')
      expect((await stored(KeyId)).currentMaterialId).toBe(currentMaterialId)
      const states = async () => (await versions(KeyId)).KeyVersions.map(({ State }: { State: string }) => State)
      expect(await states()).toEqual(['CURRENT', 'NON_CURRENT'])
      await create(KeyId)
      expect(await states()).toEqual(['NON_CURRENT', 'NON_CURRENT', 'CURRENT'])
      expect(idsOf(await versions(KeyId))).toEqual(expect.arrayContaining([currentMaterialId, aside.KeyVersionId]))
    }
  })

  test('cannot leave the version of a symmetric key aside', async () => {
    const { KeyId } = await world.key()
    expect(await create(KeyId, { SetAsPrimary: false })).toMatchObject(
      refusal('ValidationException', 'SetAsPrimary can only be false for asymmetric and HMAC keys.'),
    )
    expect((await versions(KeyId)).KeyVersions).toHaveLength(1)
  })

  test('is for keys whose material is made here', async () => {
    const { KeyId, Arn } = await world.key()
    for (const origin of ['EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'] as const) {
      await world.store.keys.replace({ ...(await stored(KeyId)), origin })
      expect(await create(KeyId)).toMatchObject(
        refusal('UnsupportedOperationException', `${Arn} origin is ${origin} which is not valid for this operation.`),
      )
    }
  })

  test('stops at 1000 versions', async () => {
    const { KeyId, Arn } = await world.key()
    const key = await stored(KeyId)
    const [first] = await world.store.materials.list(KeyId)
    const last = { ...first, id: 'f'.repeat(64), number: 1000, follows: first?.id } as Material
    await world.store.materials.create(last)
    await world.store.keys.replace({ ...key, currentMaterialId: last.id })
    expect(await create(KeyId)).toMatchObject(refusal('LimitExceededException', `${Arn} already has 1000 versions.`))
  })

  test('asked for many times at once, makes as many versions as it answered', async () => {
    const { KeyId } = await world.key(hmac)
    const answers = await Promise.all(Array.from({ length: 8 }, () => create(KeyId)))
    const made: string[] = answers.map(({ json }) => json.KeyVersion.KeyVersionId)
    const listed = await versions(KeyId)
    expect(idsOf(listed).slice(1).sort()).toEqual(made.toSorted())
    const numbers = listed.KeyVersions.map(({ VersionNumber }: { VersionNumber: number }) => VersionNumber)
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})

describe('ListKeyVersions', () => {
  test('comes in pages, oldest first', async () => {
    const { KeyId } = await world.key()
    for (let n = 0; n < 11; n++) await create(KeyId)
    const ids: string[] = []
    let Marker: string | undefined
    do {
      const page = await versions(KeyId, { Limit: 5, ...(Marker && { Marker }) })
      expect(page.Truncated).toBe(page.NextMarker !== undefined)
      ids.push(...idsOf(page))
      Marker = page.NextMarker
    } while (Marker)
    expect(ids).toEqual(idsOf(await versions(KeyId)))
    expect(ids).toHaveLength(12)
  })

  test('refuses the marker of another list', async () => {
    const { KeyId } = await world.key()
    for (let n = 0; n < 2; n++) await create(KeyId)
    const { NextMarker } = (await world.call('ListKeyRotations', { KeyId, Limit: 1 })).json
    const { status, json } = await world.call('ListKeyVersions', { KeyId, Marker: NextMarker })
    expect([status, json]).toEqual([400, { __type: 'InvalidMarkerException' }])
  })

  test('shows how each version is protected, and the public key of those that have one', async () => {
    const { KeyId } = await world.key(signing)
    const [material] = await world.store.materials.list(KeyId)
    const publicKey = Uint8Array.of(0x30, 1, 2, 3)
    const sealed = { ...material, id: 'a'.repeat(64), number: 2, protection: 'SEALED', publicKey } as Material
    const { rotation: _, ...version } = { ...sealed, follows: material?.id ?? '' }
    await world.store.materials.create(version)
    await world.store.keys.replace({ ...(await stored(KeyId)), newestMaterialId: version.id })
    expect((await versions(KeyId)).KeyVersions).toMatchObject([
      { ProtectionLevel: 'HSM' },
      { ProtectionLevel: 'SEALED', PublicKey: base64(publicKey) },
    ])
  })
})

describe('the versions of a key', () => {
  test('are read newest first as far as they are asked for', async () => {
    const { KeyId } = await world.key(hmac)
    await create(KeyId)
    await create(KeyId, { SetAsPrimary: false })
    const key = await stored(KeyId)
    const numbers: number[] = []
    for await (const { number } of newestFirst(world.store.materials, key)) {
      numbers.push(number)
      if (number === 2) break
    }
    expect(numbers).toEqual([3, 2])
    expect((await versionsOf(world.store.materials, key)).map(({ number }) => number)).toEqual([1, 2, 3])
  })

  test('are found by id, and only as versions of their own key', async () => {
    const [mine, other] = [await world.key(hmac), await world.key(hmac)]
    const key = await stored(mine.KeyId)
    const [id = ''] = idsOf(await versions(mine.KeyId))
    expect((await versionOf(world.store.materials, key, id)).id).toBe(id)
    const [foreign = ''] = idsOf(await versions(other.KeyId))
    const finding = versionOf(world.store.materials, key, foreign)
    await expect(finding).rejects.toThrow(NotFoundException)
    await expect(finding).rejects.toThrow(`Key version '${foreign}' of key '${mine.Arn}' does not exist`)
  })

  test('do not lead round in a circle when somebody changed the store', async () => {
    const { KeyId } = await world.key()
    const [first] = await world.store.materials.list(KeyId)
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
    await world.store.materials.create({ ...first, id: a, number: 2, follows: b } as Material)
    await world.store.materials.create({ ...first, id: b, number: 2, follows: a } as Material)
    const key = { ...(await stored(KeyId)), currentMaterialId: a }
    await expect(versionsOf(world.store.materials, key)).rejects.toThrow(KMSInternalException)
    const walk = newestFirst(world.store.materials, key)
    expect((await walk.next()).value?.id).toBe(a)
    await expect(walk.next()).rejects.toThrow(KMSInternalException)
  })

  test('are not shown in part when one is missing from the store', async () => {
    const { KeyId } = await world.key()
    await world.store.keys.replace({ ...(await stored(KeyId)), newestMaterialId: 'b'.repeat(64) })
    expect(await world.call('ListKeyVersions', { KeyId })).toMatchObject({
      status: 500,
      json: { __type: 'KMSInternalException' },
    })
    expect(JSON.stringify(world.logged)).toContain('lacks one of its versions')
  })
})

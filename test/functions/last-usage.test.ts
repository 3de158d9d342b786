import { beforeEach, describe, expect, test } from 'vitest'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let keyId: string
let arn: string
beforeEach(async () => {
  world = await TestWorld.start()
  const key = await world.key()
  keyId = key.KeyId
  arn = key.Arn
})

const dayMs = 24 * 60 * 60 * 1000
const lastUse = async (KeyId = keyId) => (await world.call('GetKeyLastUsage', { KeyId })).json.KeyLastUsage
const encrypt = (KeyId = keyId, more = {}) => world.call('Encrypt', { KeyId, Plaintext: base64('text'), ...more })

describe('GetKeyLastUsage', () => {
  test('answers an empty use, tracked since its creation, for a key that never was used', async () => {
    const createdAt = world.nowMs / 1000
    world.nowMs += dayMs
    expect((await world.call('GetKeyLastUsage', { KeyId: keyId })).json).toEqual({
      KeyId: arn,
      KeyLastUsage: {},
      TrackingStartDate: createdAt,
      KeyCreationDate: createdAt,
    })
  })

  test('names the last operation, its time in whole seconds, its audit record and its request', async () => {
    await encrypt()
    world.nowMs += 61_789
    const { json, requestId } = await world.call('GenerateDataKey', { KeyId: keyId, KeySpec: 'AES_256' })
    expect(json.CiphertextBlob).toBeDefined()
    const record = world.records.at(-1)
    const use = await lastUse()
    expect(use).toEqual({
      Operation: 'GenerateDataKey',
      Timestamp: Math.floor(world.nowMs / 1000),
      CloudTrailEventId: record?.eventID,
      KmsRequestId: requestId,
    })
    expect(new Date(use.Timestamp * 1000).toISOString().replace('.000', '')).toBe(record?.eventTime)
  })

  test('is about both keys after ReEncrypt', async () => {
    const other = (await world.key()).KeyId
    const { CiphertextBlob } = (await encrypt()).json
    world.nowMs += 1000
    await world.call('ReEncrypt', { CiphertextBlob, DestinationKeyId: other })
    expect(await lastUse(keyId)).toMatchObject({ Operation: 'ReEncrypt', Timestamp: world.nowMs / 1000 })
    expect(await lastUse(other)).toEqual(await lastUse(keyId))
  })

  test('knows of no use that failed, was a dry run, was never on record, or was no cryptography', async () => {
    await encrypt(keyId, { DryRun: true })
    await world.call('Decrypt', { KeyId: keyId, CiphertextBlob: base64('not a ciphertext of ours') })
    await world.call('DisableKey', { KeyId: keyId })
    await encrypt()
    await world.call('EnableKey', { KeyId: keyId })
    world.auditFailure = new Error('the disk is full')
    expect((await encrypt()).status).toBe(500)
    world.auditFailure = undefined
    await world.call('DescribeKey', { KeyId: keyId })
    await world.call('GenerateRandom', { NumberOfBytes: 8 })
    expect(await lastUse()).toEqual({})
  })

  test('costs no write of the store for a use, and knows of it at once', async () => {
    for (let n = 0; n < 100; n++) await encrypt()
    expect(await lastUse()).toMatchObject({ Operation: 'Encrypt' })
    expect(await world.store.uses.find(keyId)).toBeUndefined()
    await world.lastUsage.flush()
    expect(await world.store.uses.find(keyId)).toMatchObject({ operation: 'Encrypt', at: world.nowMs })
    expect(await lastUse()).toMatchObject({ Operation: 'Encrypt' })
  })
})

describe('kms:TrailingDaysWithoutKeyUsage', () => {
  const statement = (effect: string, more: object) => ({
    Effect: effect,
    Principal: { AWS: `arn:aws:iam::${account}:root` },
    Resource: '*',
    ...more,
  })
  beforeEach(async () => {
    const early = statement('Deny', {
      Action: ['kms:DisableKey', 'kms:ScheduleKeyDeletion'],
      Condition: { NumericLessThan: { 'kms:TrailingDaysWithoutKeyUsage': '30' } },
    })
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [statement('Allow', { Action: 'kms:*' }), early],
    })
    expect((await world.call('PutKeyPolicy', { KeyId: keyId, Policy })).status).toBe(200)
  })

  test.each(['DisableKey', 'ScheduleKeyDeletion'])('counts whole days since the last use, for %s', async (name) => {
    world.nowMs += 100 * dayMs
    await encrypt()
    world.nowMs += 30 * dayMs - 1
    expect((await world.call(name, { KeyId: keyId })).json.__type).toBe('AccessDeniedException')
    world.nowMs += 1
    expect((await world.call(name, { KeyId: keyId })).status).toBe(200)
  })

  test.each(['DisableKey', 'ScheduleKeyDeletion'])(
    'counts from the creation of a key that never was used, for %s',
    async (name) => {
      world.nowMs += 30 * dayMs - 1
      expect((await world.call(name, { KeyId: keyId })).json.__type).toBe('AccessDeniedException')
      world.nowMs += 1
      expect((await world.call(name, { KeyId: keyId })).status).toBe(200)
    },
  )
})

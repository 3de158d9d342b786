/** Scheduled functions, as EventBridge calls them, under a clock of the test's. */
import { beforeEach, describe, expect, test } from 'vitest'
import { handler as expire } from '../../functions/scheduled/delete-expired-key-material.ts'
import { handler as destroy } from '../../functions/scheduled/delete-key.ts'
import { schedules } from '../../functions/scheduled/index.ts'
import { handler as rotate } from '../../functions/scheduled/rotate-key.ts'
import type { Key } from '../../lib/keys/key.ts'
import { runSchedule } from '../../lib/scheduled.ts'
import { wrapFor } from '../harness/import.ts'
import { account, base64, region, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const dayMs = 24 * 60 * 60 * 1000
const event = { source: 'aws.events', 'detail-type': 'Scheduled Event' }
const service = (name: string) => world.records.filter(({ eventName }) => eventName === name)
const state = async (KeyId: string) => (await world.call('DescribeKey', { KeyId })).json.KeyMetadata?.KeyState
const encrypt = async (KeyId: string, text: string): Promise<string> =>
  (await world.call('Encrypt', { KeyId, Plaintext: base64(text) })).json.CiphertextBlob

describe('rotate-key', () => {
  test('rotates what is due, says so on record as CloudTrail does, and nothing the second time', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    const before = (await world.call('DescribeKey', { KeyId })).json.KeyMetadata.CurrentKeyMaterialId
    world.nowMs += 90 * dayMs
    expect(await rotate(event)).toEqual({
      name: 'RotateKey',
      done: 1,
      failed: 0,
      more: false,
      lateMs: expect.any(Number),
    })
    expect(await rotate(event)).toEqual({
      name: 'RotateKey',
      done: 0,
      failed: 0,
      more: false,
      lateMs: expect.any(Number),
    })
    const after = (await world.call('DescribeKey', { KeyId })).json.KeyMetadata.CurrentKeyMaterialId
    expect(service('RotateKey')).toEqual([
      {
        eventVersion: '1.11',
        userIdentity: { accountId: account, invokedBy: 'AWS Internal' },
        eventTime: new Date(world.nowMs).toISOString().replace('.000', ''),
        eventSource: 'kms.amazonaws.com',
        eventName: 'RotateKey',
        awsRegion: region,
        sourceIPAddress: 'AWS Internal',
        userAgent: 'AWS Internal',
        requestParameters: null,
        responseElements: null,
        eventID: expect.stringMatching(/^[0-9a-f-]{36}$/),
        readOnly: false,
        resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: Arn }],
        eventType: 'AwsServiceEvent',
        managementEvent: true,
        recipientAccountId: account,
        serviceEventDetails: {
          keyId: Arn,
          rotationType: 'AUTOMATIC',
          keyOrigin: 'AWS_KMS',
          previousKeyMaterialId: before,
          currentKeyMaterialId: after,
        },
        eventCategory: 'Management',
      },
    ])
  })

  test('goes on with the other keys when one cannot be helped, and tries that one again', async () => {
    const keys = [await world.key(), await world.key(), await world.key()]
    for (const { KeyId } of keys) await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    const broken = (await world.store.keys.find(keys[1]?.KeyId ?? '')) as Key
    await world.store.keys.replace({ ...broken, currentMaterialId: 'f'.repeat(64) })
    world.nowMs += 90 * dayMs
    expect(await rotate(event)).toMatchObject({ done: 2, failed: 1, more: false })
    expect(await rotate(event)).toMatchObject({ done: 0, failed: 1 })
    expect(world.logged).toContainEqual(expect.objectContaining({ message: 'RotateKey failed', key: keys[1]?.Arn }))
  })

  test('does nothing that the trail cannot show', async () => {
    const { KeyId } = await world.key()
    await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    world.nowMs += 90 * dayMs
    world.auditFailure = new Error('the disk is full')
    expect(await rotate(event)).toMatchObject({ done: 0, failed: 1 })
    world.auditFailure = undefined
    const shown = (await world.call('ListKeyRotations', { KeyId })).json
    expect(shown.Rotations).toEqual([])
    expect(await rotate(event)).toMatchObject({ done: 1, failed: 0 })
  })

  test('stops when its time is up, says that there is more, and another run does the rest', async () => {
    for (let n = 0; n < 5; n++) {
      const { KeyId } = await world.key()
      await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    }
    world.nowMs += 90 * dayMs
    const task = schedules.find(({ name }) => name === 'RotateKey')
    if (!task) throw new Error('no RotateKey')
    let asked = 0
    const slow = { ...world.open, now: () => world.nowMs + asked++ }
    const first = await runSchedule(task, slow, world.nowMs + 10)
    expect(first.more).toBe(true)
    expect(first.done).toBeLessThan(5)
    expect(await rotate(event)).toEqual({
      name: 'RotateKey',
      done: 5 - first.done,
      failed: 0,
      more: false,
      lateMs: expect.any(Number),
    })
  })

  test('run many times at once rotates each key once', async () => {
    for (let n = 0; n < 10; n++) {
      const { KeyId } = await world.key()
      await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    }
    world.nowMs += 90 * dayMs
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => rotate(event)))
    expect(outcomes.reduce((sum, { done }) => sum + done, 0)).toBe(10)
    expect(outcomes.every(({ failed }) => failed === 0)).toBe(true)
  })
})

describe('delete-key', () => {
  const gone = (Arn: string) => ({
    status: 400,
    json: { __type: 'NotFoundException', message: `Key '${Arn}' does not exist` },
  })

  test('honours a cancellation to the last millisecond, and deletes after it', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('CreateAlias', { AliasName: 'alias/doomed', TargetKeyId: KeyId })
    const blob = await encrypt(KeyId, 'text')
    await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.nowMs += 7 * dayMs - 1
    expect(await destroy(event)).toMatchObject({ done: 0 })
    expect((await world.call('CancelKeyDeletion', { KeyId })).status).toBe(200)
    world.nowMs += 10
    expect(await destroy(event)).toMatchObject({ done: 0 })
    await world.call('EnableKey', { KeyId })
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).status).toBe(200)

    await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.nowMs += 7 * dayMs
    expect(await destroy(event)).toEqual({
      name: 'DeleteKey',
      done: 1,
      failed: 0,
      more: false,
      lateMs: expect.any(Number),
    })
    expect(await world.call('DescribeKey', { KeyId })).toMatchObject(gone(Arn))
    expect(await world.call('CancelKeyDeletion', { KeyId })).toMatchObject(gone(Arn))
    expect((await world.call('ListAliases')).json.Aliases).toEqual([])
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json.__type).toBe('AccessDeniedException')
    expect(service('DeleteKey')).toMatchObject([
      { eventType: 'AwsServiceEvent', serviceEventDetails: { keyId: Arn }, readOnly: false },
    ])
  })

  test('destroys the material: the key opens nothing even with its metadata put back', async () => {
    const { KeyId } = await world.key()
    await world.call('RotateKeyOnDemand', { KeyId })
    const blob = await encrypt(KeyId, 'text')
    const copy = (await world.store.keys.find(KeyId)) as Key
    await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.nowMs += 7 * dayMs
    await destroy(event)
    expect(await world.store.materials.list(KeyId)).toEqual([])
    await world.store.keys.create(copy)
    expect(await state(KeyId)).toBe('Enabled')
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json).toEqual({
      __type: 'InvalidCiphertextException',
    })
  })

  test('once begun is finished by another run, and cannot be cancelled', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.nowMs += 7 * dayMs
    world.auditFailure = new Error('the disk is full')
    expect(await destroy(event)).toMatchObject({ done: 0, failed: 1 })
    world.auditFailure = undefined
    expect(await world.store.materials.list(KeyId)).toHaveLength(1)
    expect(await world.call('CancelKeyDeletion', { KeyId })).toMatchObject(gone(Arn))
    expect(await destroy(event)).toMatchObject({ done: 1, failed: 0 })
    expect(await world.store.keys.find(KeyId)).toBeUndefined()
  })
})

describe('delete-expired-key-material', () => {
  async function imported(validForDays: number) {
    const { KeyId, Arn } = await world.key({ Origin: 'EXTERNAL' })
    const algorithm = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' }
    const material = crypto.getRandomValues(new Uint8Array(32))
    const take = async (days: number) => {
      const { json } = await world.call('GetParametersForImport', { KeyId, ...algorithm })
      return world.call('ImportKeyMaterial', {
        KeyId,
        ImportToken: json.ImportToken,
        EncryptedKeyMaterial: wrapFor(json.PublicKey, algorithm.WrappingAlgorithm, material),
        ValidTo: world.nowMs / 1000 + days * 86_400,
      })
    }
    await take(validForDays)
    return { KeyId, Arn, take }
  }

  test('deletes what has expired, and the same can be imported again', async () => {
    const { KeyId, Arn, take } = await imported(10)
    const blob = await encrypt(KeyId, 'text')
    world.nowMs += 10 * dayMs - 1000
    expect(await expire(event)).toMatchObject({ done: 0 })
    world.nowMs += 1000
    expect(await state(KeyId)).toBe('PendingImport')
    expect(await world.store.materials.list(KeyId)).toHaveLength(1)
    expect(await expire(event)).toEqual({
      name: 'DeleteExpiredKeyMaterial',
      done: 1,
      failed: 0,
      more: false,
      lateMs: expect.any(Number),
    })
    expect(await expire(event)).toMatchObject({ done: 0, failed: 0 })
    expect(await world.store.materials.list(KeyId)).toEqual([])
    expect(service('DeleteExpiredKeyMaterial')).toMatchObject([{ serviceEventDetails: { keyId: Arn } }])
    expect((await take(10)).status).toBe(200)
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json.Plaintext).toBe(base64('text'))
  })

  test('leaves what was imported again after it had expired', async () => {
    const { KeyId, take } = await imported(10)
    world.nowMs += 10 * dayMs
    await take(10)
    expect(await expire(event)).toMatchObject({ done: 0, failed: 0 })
    expect(await state(KeyId)).toBe('Enabled')
    expect(await world.store.materials.list(KeyId)).toHaveLength(1)
  })

  test('works on a key that waits for its deletion too', async () => {
    const { KeyId } = await imported(3)
    await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    world.nowMs += 3 * dayMs
    expect(await expire(event)).toMatchObject({ done: 1 })
    expect(await world.store.materials.list(KeyId)).toEqual([])
    await world.call('CancelKeyDeletion', { KeyId })
    expect(await state(KeyId)).toBe('PendingImport')
  })
})

test('ten years: every rotation on its day, none twice, all ciphertexts open, every deletion on time', async () => {
  const years = 10
  // A thousand take minutes.
  const count = process.env.SLOW ? 1000 : 40
  const keys = await Promise.all(Array.from({ length: count }, () => world.key()))
  const began = world.nowMs
  const periods = new Map<string, number>()
  const kept: { blob: string; text: string; KeyId: string }[] = []
  for (const [index, { KeyId }] of keys.entries()) {
    const period = 90 + ((index * 61) % 1000)
    periods.set(KeyId, period)
    await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: period })
  }
  const doomed = new Map(keys.slice(0, 10).map(({ KeyId }, index) => [KeyId, 300 * (index + 1)]))
  const deletedOn = new Map<string, number>()
  for (let day = 1; day <= years * 365; day++) {
    world.nowMs = began + day * dayMs
    for (const [KeyId, on] of doomed) {
      if (day === on) await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 30 })
      if (day === on + 30) deletedOn.set(KeyId, day)
    }
    await rotate(event)
    await destroy(event)
    for (const [KeyId, on] of deletedOn) {
      if (on === day) expect(await world.store.keys.find(KeyId)).toBeUndefined()
    }
    if (day % 200 === 0) {
      for (const { KeyId } of keys.slice(10)) {
        const text = `${KeyId} ${day}`
        kept.push({ KeyId, text, blob: await encrypt(KeyId, text) })
      }
    }
  }
  const rotatedOn = (arn: string) =>
    service('RotateKey')
      .filter(({ serviceEventDetails }) => serviceEventDetails?.keyId === arn)
      .map(({ eventTime }) => (Date.parse(eventTime) - began) / dayMs)
  for (const { KeyId, Arn } of keys) {
    const period = periods.get(KeyId) ?? 0
    const last = doomed.has(KeyId) ? (doomed.get(KeyId) ?? 0) - 1 : years * 365
    const expected = Array.from({ length: Math.floor(last / period) }, (_, n) => (n + 1) * period)
    expect([KeyId, rotatedOn(Arn)]).toEqual([KeyId, expected])
  }
  for (const { blob, text } of kept) {
    expect((await world.call('Decrypt', { CiphertextBlob: blob })).json.Plaintext).toBe(base64(text))
  }
}, 600_000)

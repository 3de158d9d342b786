import { beforeEach, describe, expect, test } from 'vitest'
import { DependencyTimeoutException } from '../../lib/errors.ts'
import type { DueShard } from '../../lib/keys/due.ts'
import type { Key } from '../../lib/keys/key.ts'
import { rotateIfDue } from '../../lib/keys/rotation.ts'
import { Conflict } from '../../lib/ports.ts'
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
const seconds = (ms: number): number => ms / 1000
const refusal = (type: string, message?: string) =>
  message === undefined ? { status: 400, json: { __type: type } } : { status: 400, json: { __type: type, message } }

/** Changes the key behind the API's back. */
async function change(changed: Partial<Key>): Promise<void> {
  const key = await stored()
  await world.store.keys.replace({ ...key, ...changed })
}
async function stored(): Promise<Key> {
  const key = await world.store.keys.find(keyId)
  if (!key) throw new Error('the key is gone')
  return key
}
const status = async () => (await world.call('GetKeyRotationStatus', { KeyId: keyId })).json
const enable = (input = {}) => world.call('EnableKeyRotation', { KeyId: keyId, ...input })
const rotate = () => world.call('RotateKeyOnDemand', { KeyId: keyId })
const rotations = async (input = {}) => (await world.call('ListKeyRotations', { KeyId: keyId, ...input })).json
const encrypt = async (text: string): Promise<string> =>
  (await world.call('Encrypt', { KeyId: keyId, Plaintext: base64(text) })).json.CiphertextBlob
const decrypt = async (blob: string) => (await world.call('Decrypt', { CiphertextBlob: blob })).json
const currentId = async (): Promise<string> =>
  (await world.call('DescribeKey', { KeyId: keyId })).json.KeyMetadata.CurrentKeyMaterialId
const ports = () => ({ keyStore: world.store.keys, materials: world.store.materials, hsm: world.hsm })

const notOurs = ['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'] as const
const unrotatable = [
  ['HMAC_256', 'GENERATE_VERIFY_MAC'],
  ['ECC_NIST_P256', 'SIGN_VERIFY'],
] as const

describe('automatic rotation', () => {
  test('is off at first, and then says nothing of a period or a date', async () => {
    expect(await status()).toEqual({ KeyId: arn, KeyRotationEnabled: false })
  })

  test('comes after 365 days unless another period is given', async () => {
    expect(await enable()).toMatchObject({ status: 200, json: {} })
    expect(await status()).toEqual({
      KeyId: arn,
      KeyRotationEnabled: true,
      RotationPeriodInDays: 365,
      NextRotationDate: seconds(world.nowMs + 365 * dayMs),
    })
  })

  test.each([
    [89, 'greater than or equal to 90'],
    [2561, 'less than or equal to 2560'],
  ])('refuses a period of %i days', async (days, rule) => {
    expect(await enable({ RotationPeriodInDays: days })).toMatchObject(
      refusal(
        'ValidationException',
        `1 validation error detected: Value '${days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value ${rule}`,
      ),
    )
  })

  test('keeps its schedule when it is enabled again without a period, or with the same', async () => {
    await enable({ RotationPeriodInDays: 100 })
    const before = await status()
    world.nowMs += 10 * dayMs
    await enable()
    await enable({ RotationPeriodInDays: 100 })
    expect(await status()).toEqual(before)
  })

  test('counts a changed period from now', async () => {
    await enable({ RotationPeriodInDays: 100 })
    world.nowMs += 10 * dayMs
    await enable({ RotationPeriodInDays: 90 })
    expect(await status()).toMatchObject({
      RotationPeriodInDays: 90,
      NextRotationDate: seconds(world.nowMs + 90 * dayMs),
    })
  })

  test('has its period back at 365 days when it was disabled between', async () => {
    await enable({ RotationPeriodInDays: 100 })
    expect(await world.call('DisableKeyRotation', { KeyId: keyId })).toMatchObject({ status: 200, json: {} })
    expect(await status()).toEqual({ KeyId: arn, KeyRotationEnabled: false })
    await enable()
    expect(await status()).toMatchObject({ RotationPeriodInDays: 365 })
  })

  test('is shown for a disabled key, and cannot be changed then', async () => {
    await enable()
    const before = await status()
    await world.call('DisableKey', { KeyId: keyId })
    expect(await status()).toEqual(before)
    for (const name of ['EnableKeyRotation', 'DisableKeyRotation', 'RotateKeyOnDemand']) {
      expect(await world.call(name, { KeyId: keyId })).toMatchObject(
        refusal('DisabledException', `${arn} is disabled.`),
      )
    }
  })

  test('is not shown while the key waits for its deletion, and returns with it', async () => {
    await enable()
    const before = await status()
    await world.call('ScheduleKeyDeletion', { KeyId: keyId })
    expect(await status()).toEqual({ KeyId: arn, KeyRotationEnabled: false })
    await world.call('CancelKeyDeletion', { KeyId: keyId })
    expect(await status()).toEqual(before)
  })

  test.each(['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const)(
    'is refused by origin for imported material, also when the key is %s',
    async (state) => {
      await change({ origin: 'EXTERNAL', state })
      for (const name of ['EnableKeyRotation', 'DisableKeyRotation']) {
        expect(await world.call(name, { KeyId: keyId })).toMatchObject(
          refusal('UnsupportedOperationException', `${arn} origin is EXTERNAL which is not valid for this operation.`),
        )
      }
      expect(await status()).toEqual({ KeyId: arn, KeyRotationEnabled: false })
    },
  )

  test.each(notOurs)('is refused whole for origin %s', async (origin) => {
    await change({ origin, state: 'Unavailable' })
    for (const name of [
      'EnableKeyRotation',
      'DisableKeyRotation',
      'GetKeyRotationStatus',
      'ListKeyRotations',
      'RotateKeyOnDemand',
    ]) {
      expect(await world.call(name, { KeyId: keyId })).toMatchObject(
        refusal('UnsupportedOperationException', `${arn} origin is ${origin} which is not valid for this operation.`),
      )
    }
  })

  test.each(unrotatable)('is for no %s key, and disabling it there succeeds', async (spec, usage) => {
    await change({ spec, usage })
    for (const name of ['EnableKeyRotation', 'RotateKeyOnDemand']) {
      const { status: code, json } = await world.call(name, { KeyId: keyId })
      expect([code, json]).toEqual([400, { __type: 'UnsupportedOperationException' }])
    }
    expect(await world.call('DisableKeyRotation', { KeyId: keyId })).toMatchObject({ status: 200, json: {} })
    expect(await status()).toEqual({ KeyId: arn, KeyRotationEnabled: false })
    await change({ state: 'Disabled' })
    for (const name of ['EnableKeyRotation', 'RotateKeyOnDemand']) {
      expect(await world.call(name, { KeyId: keyId })).toMatchObject(
        refusal('DisabledException', `${arn} is disabled.`),
      )
    }
  })

  test('can be held to a period by policy, which sees 365 days where none is given', async () => {
    const statement = (effect: string, more: object) => ({
      Effect: effect,
      Principal: { AWS: `arn:aws:iam::${account}:root` },
      Resource: '*',
      ...more,
    })
    const held = statement('Deny', {
      Action: 'kms:EnableKeyRotation',
      Condition: { NumericGreaterThan: { 'kms:RotationPeriodInDays': '180' } },
    })
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [statement('Allow', { Action: 'kms:*' }), held],
    })
    await world.call('PutKeyPolicy', { KeyId: keyId, Policy })
    expect((await enable({ RotationPeriodInDays: 180 })).status).toBe(200)
    expect((await enable({ RotationPeriodInDays: 181 })).json.__type).toBe('AccessDeniedException')
    expect((await enable()).json.__type).toBe('AccessDeniedException')
  })
})

describe('the rotation that is due', () => {
  beforeEach(async () => {
    await enable({ RotationPeriodInDays: 90 })
  })
  const due = async () => {
    const shard = keyId.slice(-1) as DueShard
    return (await world.store.keys.due('rotate', shard, world.nowMs, { limit: 10 })).items.map(({ id }) => id)
  }
  const run = async () => rotateIfDue(ports(), await stored(), world.nowMs)

  test('happens on its date and not before, and the next is counted from that date', async () => {
    const date = world.nowMs + 90 * dayMs
    const before = await currentId()
    world.nowMs = date - 1
    expect([await due(), await run()]).toEqual([[], undefined])
    world.nowMs = date + 5000
    expect(await due()).toEqual([keyId])
    const made = await run()
    expect(made).toMatchObject({ number: 2, follows: before, rotation: { type: 'AUTOMATIC', at: world.nowMs } })
    expect(await currentId()).toBe(made?.id)
    expect(await status()).toMatchObject({ NextRotationDate: seconds(date + 90 * dayMs) })
    expect([await due(), await run()]).toEqual([[], undefined])
    expect((await rotations()).Rotations).toEqual([
      {
        KeyId: arn,
        KeyMaterialId: made?.id,
        KeyMaterialState: 'CURRENT',
        RotationDate: seconds(world.nowMs),
        RotationType: 'AUTOMATIC',
      },
    ])
  })

  test('happens once, however many dates went by, and the next lies ahead on the same schedule', async () => {
    const first = world.nowMs + 90 * dayMs
    world.nowMs = first + 3 * 90 * dayMs + 1
    expect(await run()).toBeDefined()
    expect(await run()).toBeUndefined()
    expect(await status()).toMatchObject({ NextRotationDate: seconds(first + 4 * 90 * dayMs) })
  })

  test('waits while the key is disabled or to be deleted, and comes when it is enabled', async () => {
    await world.call('DisableKey', { KeyId: keyId })
    world.nowMs += 100 * dayMs
    expect([await due(), await run()]).toEqual([[], undefined])
    await world.call('ScheduleKeyDeletion', { KeyId: keyId })
    expect([await due(), await run()]).toEqual([[], undefined])
    await world.call('CancelKeyDeletion', { KeyId: keyId })
    await world.call('EnableKey', { KeyId: keyId })
    expect(await due()).toEqual([keyId])
    expect(await run()).toMatchObject({ number: 2 })
  })

  test('is done by one of many that try at once, and none of the others leaves a version', async () => {
    world.nowMs += 90 * dayMs
    const key = await stored()
    const tries = Array.from({ length: 5 }, () => rotateIfDue(ports(), key, world.nowMs))
    const outcomes = await Promise.allSettled(tries)
    const failures = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    expect(failures).toHaveLength(4)
    for (const failure of failures) expect(failure).toBeInstanceOf(Conflict)
    expect((await rotations({ IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations).toHaveLength(2)
    expect(await world.store.materials.list(keyId)).toHaveLength(6)
  })
})

describe('RotateKeyOnDemand', () => {
  test('answers the ARN, has new material used from then on, and leaves the schedule as it is', async () => {
    await enable()
    const [before, scheduled] = [await currentId(), await status()]
    world.nowMs += dayMs
    expect(await rotate()).toMatchObject({ status: 200, json: { KeyId: arn } })
    const after = await currentId()
    expect(after).toMatch(/^[0-9a-f]{64}$/)
    expect(after).not.toBe(before)
    expect((await decrypt(await encrypt('text'))).KeyMaterialId).toBe(after)
    expect(await status()).toEqual(scheduled)
    expect(world.records.find(({ eventName }) => eventName === 'RotateKeyOnDemand')).toMatchObject({
      responseElements: { keyId: arn },
    })
  })

  test('lets everything that was encrypted before be opened, and Decrypt says with which material', async () => {
    const made: { blob: string; material: string; text: string }[] = []
    for (let n = 0; n <= 25; n++) {
      if (n > 0) expect((await rotate()).status).toBe(200)
      made.push({ blob: await encrypt(`text ${n}`), material: await currentId(), text: `text ${n}` })
    }
    expect(new Set(made.map(({ material }) => material)).size).toBe(26)
    for (const { blob, material, text } of made) {
      expect(await decrypt(blob)).toMatchObject({ Plaintext: base64(text), KeyMaterialId: material, KeyId: arn })
    }
    const reEncrypted = await world.call('ReEncrypt', { CiphertextBlob: made[0]?.blob, DestinationKeyId: keyId })
    expect(reEncrypted.json).toMatchObject({
      SourceKeyMaterialId: made[0]?.material,
      DestinationKeyMaterialId: made[25]?.material,
    })
  })

  test('is done 25 times for a key, and no more', async () => {
    for (let n = 0; n < 25; n++) expect((await rotate()).status).toBe(200)
    expect(await rotate()).toMatchObject(
      refusal(
        'LimitExceededException',
        `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${arn}`,
      ),
    )
    expect((await rotations()).Rotations).toHaveLength(25)
  })

  test('asked for many times at once, rotates as often as it answered, and loses no material', async () => {
    const blob = await encrypt('before')
    const answers = await Promise.all(Array.from({ length: 8 }, rotate))
    expect(answers.map(({ status: code }) => code)).toEqual(Array(8).fill(200))
    const { Rotations } = await rotations({ IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })
    const ids: string[] = Rotations.map(({ KeyMaterialId }: { KeyMaterialId: string }) => KeyMaterialId)
    expect(new Set(ids).size).toBe(9)
    expect(ids.at(-1)).toBe(await currentId())
    expect((await decrypt(blob)).KeyMaterialId).toBe(ids[0])
    expect((await stored()).onDemandRotations).toBe(8)
    const numbers = await Promise.all(ids.map(async (id) => (await world.store.materials.find(keyId, id))?.number))
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('is refused when an automatic rotation is less than 20 minutes away', async () => {
    await enable({ RotationPeriodInDays: 90 })
    world.nowMs += 90 * dayMs - 20 * 60 * 1000
    expect(await rotate()).toMatchObject(
      refusal(
        'ConflictException',
        'The request was rejected because an automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.',
      ),
    )
    world.nowMs -= 1
    expect((await rotate()).status).toBe(200)
  })

  test('wants imported material to be there first, and says so after the state', async () => {
    await change({ origin: 'EXTERNAL' })
    expect(await rotate()).toMatchObject(
      refusal('KMSInvalidStateException', `No available key material pending rotation for the key: ${arn}.`),
    )
    await change({ state: 'PendingImport' })
    expect(await rotate()).toMatchObject(refusal('KMSInvalidStateException', `${arn} is pending import.`))
  })

  test('leaves the key as it was when the HSM or the store fails half-way, and is done when it is asked for again', async () => {
    const before = await stored()
    world.hsm.failure = new Error('gone')
    expect((await rotate()).status).toBe(500)
    world.hsm.failure = undefined
    const { replace } = world.store.keys
    const failing = async () => {
      throw new DependencyTimeoutException()
    }
    Object.assign(world.store.keys, { replace: failing })
    expect((await rotate()).status).toBe(503)
    Object.assign(world.store.keys, { replace })
    expect(await stored()).toEqual(before)
    expect((await rotations({ IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations).toHaveLength(1)
    expect((await rotate()).status).toBe(200)
    expect((await rotations()).Rotations).toHaveLength(1)
    expect(await world.store.materials.list(keyId)).toHaveLength(3)
  })
})

describe('ListKeyRotations', () => {
  test('lists the rotations, oldest first, and the first material only when asked for all', async () => {
    expect(await rotations()).toEqual({ Rotations: [], Truncated: false })
    const first = await currentId()
    await rotate()
    const second = await currentId()
    world.nowMs += 1000
    await rotate()
    const rotation = (id: string, state: string, at: number) => ({
      KeyId: arn,
      KeyMaterialId: id,
      KeyMaterialState: state,
      RotationDate: seconds(at),
      RotationType: 'ON_DEMAND',
    })
    const done = [
      rotation(second, 'NON_CURRENT', world.nowMs - 1000),
      rotation(await currentId(), 'CURRENT', world.nowMs),
    ]
    expect((await rotations()).Rotations).toEqual(done)
    expect((await rotations({ IncludeKeyMaterial: 'ROTATIONS_ONLY' })).Rotations).toEqual(done)
    expect((await rotations({ IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations).toEqual([
      { KeyId: arn, KeyMaterialId: first, KeyMaterialState: 'NON_CURRENT' },
      ...done,
    ])
  })

  test('shows staged material last, as pending', async () => {
    const staged = { ...(await world.store.materials.list(keyId))[0], id: 'a'.repeat(64), number: 2 }
    await world.store.materials.create({ ...staged, follows: await currentId() } as never)
    await change({ newestMaterialId: staged.id })
    expect((await rotations({ IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations.at(-1)).toEqual({
      KeyId: arn,
      KeyMaterialId: staged.id,
      KeyMaterialState: 'PENDING_ROTATION',
    })
    expect((await rotations()).Rotations).toEqual([])
  })

  test('comes in pages', async () => {
    for (let n = 0; n < 12; n++) await rotate()
    const ids: string[] = []
    let Marker: string | undefined
    do {
      const { Rotations, NextMarker, Truncated } = await rotations({ Limit: 5, ...(Marker && { Marker }) })
      expect(Truncated).toBe(NextMarker !== undefined)
      ids.push(...Rotations.map(({ KeyMaterialId }: { KeyMaterialId: string }) => KeyMaterialId))
      Marker = NextMarker
    } while (Marker)
    expect(ids).toEqual((await rotations()).Rotations.map((each: { KeyMaterialId: string }) => each.KeyMaterialId))
    expect(ids).toHaveLength(12)
  })

  test('refuses a marker that it did not give, without a message', async () => {
    const { status: code, json } = await world.call('ListKeyRotations', { KeyId: keyId, Marker: 'nonsense' })
    expect([code, json]).toEqual([400, { __type: 'InvalidMarkerException' }])
  })

  test.each(unrotatable)('is empty for a %s key, of which no material may be asked for', async (spec, usage) => {
    await change({ spec, usage })
    expect(await rotations()).toEqual({ Rotations: [], Truncated: false })
    for (const IncludeKeyMaterial of ['ROTATIONS_ONLY', 'ALL_KEY_MATERIAL']) {
      expect(await world.call('ListKeyRotations', { KeyId: keyId, IncludeKeyMaterial })).toMatchObject(
        refusal('ValidationException', 'Input parameter includeKeyMaterial can only be used with symmetric keys.'),
      )
    }
  })
})

import { beforeEach, describe, expect, test } from 'vitest'
import { Conflict } from '../../lib/ports.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})
const day = 86_400_000

describe('CreateKey', () => {
  test('answers the metadata of a symmetric key', async () => {
    const { json } = await world.call('CreateKey', {})
    const { KeyId } = json.KeyMetadata
    expect(KeyId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(json.KeyMetadata).toEqual({
      AWSAccountId: account,
      KeyId,
      Arn: `arn:aws:kms:us-east-1:${account}:key/${KeyId}`,
      CreationDate: world.nowMs / 1000,
      Enabled: true,
      Description: '',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeyState: 'Enabled',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
      KeySpec: 'SYMMETRIC_DEFAULT',
      EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
      MultiRegion: false,
      CurrentKeyMaterialId: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('is on record with what was asked, defaults included, and what was made', async () => {
    const { KeyId, Arn } = await world.key({ Description: 'x' })
    expect(world.records.at(-1)).toMatchObject({
      requestParameters: {
        description: 'x',
        origin: 'AWS_KMS',
        bypassPolicyLockoutSafetyCheck: false,
        multiRegion: false,
      },
      responseElements: { keyMetadata: { keyId: KeyId, arn: Arn, keyState: 'Enabled' } },
    })
  })

  const policyWith = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Resource: '*', ...statement }] })
  test.each([
    [
      { KeySpec: 'SYMMETRIC_DEFAULT', CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT' },
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    ],
    [
      { KeySpec: 'RSA_2048' },
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    ],
    [
      { KeyUsage: 'SIGN_VERIFY' },
      'ValidationException',
      'KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT',
    ],
    [
      { KeySpec: 'SM2', KeyUsage: 'KEY_AGREEMENT' },
      'UnsupportedOperationException',
      'KeySpec SM2 is not supported in this Region',
    ],
    [{ XksKeyId: 'x' }, 'ValidationException', 'XksKeyId can only be specified when Origin is EXTERNAL_KEY_STORE.'],
    [{ Tags: [{ TagKey: 'AWS:x', TagValue: '' }] }, 'TagException', 'Tags beginning with aws: are reserved'],
    [
      {
        Tags: [
          { TagKey: 'x', TagValue: '' },
          { TagKey: 'x', TagValue: '' },
        ],
      },
      'TagException',
      'Duplicate tag keys',
    ],
    [
      { Tags: Array.from({ length: 51 }, (_, at) => ({ TagKey: `k${at}`, TagValue: '' })) },
      'TagException',
      'Too many tags',
    ],
    [
      { Policy: policyWith({ Principal: { AWS: '111122223333' }, Action: 'kms:*' }) },
      'MalformedPolicyDocumentException',
      'The new key policy will not allow you to update the key policy in the future.',
    ],
    [
      { Policy: policyWith({ Principal: { AWS: `arn:aws:iam::${account}:user/nobody` }, Action: 'kms:*' }) },
      'MalformedPolicyDocumentException',
      'Policy contains a statement with one or more invalid principals.',
    ],
  ])('refuses %j', async (input, type, message) => {
    const { status, json } = await world.call('CreateKey', input)
    expect([status, json]).toEqual([400, { __type: type, message }])
    expect((await world.call('ListKeys')).json.Keys).toEqual([])
  })

  test('makes nothing visible when the HSM fails', async () => {
    await world.call('ListKeys')
    world.hsm.failure = new Error('unplugged')
    const { status, json } = await world.call('CreateKey', {})
    expect([status, json.__type]).toEqual([500, 'KMSInternalException'])
    expect(json.message).toMatch(/^Internal failure\. Request id: [0-9a-f-]{36}$/)
    expect(JSON.stringify(world.logged)).toContain('unplugged')
    world.hsm.failure = undefined
    expect((await world.call('ListKeys')).json.Keys).toEqual([])
  })

  test('a policy may lock its author out when it says so', async () => {
    const Policy = policyWith({ Principal: { AWS: '111122223333' }, Action: 'kms:*' })
    expect((await world.call('CreateKey', { Policy, BypassPolicyLockoutSafetyCheck: true })).status).toBe(200)
  })
})

describe('ListKeys', () => {
  test('gives every key once, in pages no longer than asked for', async () => {
    const made = new Set<string>()
    for (let count = 0; count < 7; count++) made.add((await world.key()).KeyId)
    const seen: string[] = []
    let Marker: string | undefined
    do {
      const { json } = await world.call('ListKeys', { Limit: 3, Marker })
      expect(json.Keys.length).toBeLessThanOrEqual(3)
      expect(json.Truncated).toBe(json.NextMarker !== undefined)
      seen.push(...json.Keys.map((key: { KeyId: string }) => key.KeyId))
      Marker = json.NextMarker
    } while (Marker !== undefined)
    expect(seen.length).toBe(7)
    expect(new Set(seen)).toEqual(made)
  })

  test('has a hundred to a page unless told otherwise', async () => {
    for (let count = 0; count < 101; count++) await world.key()
    const first = (await world.call('ListKeys')).json
    expect([first.Keys.length, first.Truncated]).toEqual([100, true])
    const second = (await world.call('ListKeys', { Marker: first.NextMarker })).json
    expect([second.Keys.length, second.Truncated, 'NextMarker' in second]).toEqual([1, false, false])
  })

  test.each(['x', 'bm90IG91cnM', '=', '!!!!'])('refuses the marker %s without a word', async (Marker) => {
    expect((await world.call('ListKeys', { Marker })).json).toEqual({ __type: 'InvalidMarkerException' })
  })

  test("refuses another list's marker", async () => {
    const key = await world.key()
    for (const name of ['alias/a', 'alias/b'])
      await world.call('CreateAlias', { AliasName: name, TargetKeyId: key.KeyId })
    const { json } = await world.call('ListAliases', { Limit: 1 })
    expect((await world.call('ListKeys', { Marker: json.NextMarker })).json).toEqual({
      __type: 'InvalidMarkerException',
    })
  })
})

describe('deletion', () => {
  test('is in the window that was asked for, thirty days by default', async () => {
    const [one, two] = [await world.key(), await world.key()]
    const seven = await world.call('ScheduleKeyDeletion', { KeyId: one.KeyId, PendingWindowInDays: 7 })
    expect(seven.json).toEqual({
      KeyId: one.Arn,
      DeletionDate: (world.nowMs + 7 * day) / 1000,
      KeyState: 'PendingDeletion',
      PendingWindowInDays: 7,
    })
    const thirty = await world.call('ScheduleKeyDeletion', { KeyId: two.KeyId })
    expect(thirty.json).toMatchObject({ DeletionDate: (world.nowMs + 30 * day) / 1000, PendingWindowInDays: 30 })
    expect(world.records.at(-1)).toMatchObject({
      requestParameters: { keyId: two.KeyId, pendingWindowInDays: 30 },
      responseElements: {
        keyId: two.Arn,
        keyState: 'PendingDeletion',
        deletionDate: new Date(world.nowMs + 30 * day).toISOString(),
      },
    })
    expect((await world.call('DescribeKey', { KeyId: one.KeyId })).json.KeyMetadata).toMatchObject({
      KeyState: 'PendingDeletion',
      Enabled: false,
      DeletionDate: (world.nowMs + 7 * day) / 1000,
    })
  })

  test.each([6, 31, 1, 365])(
    'of %i days is refused by the service, though the model has it',
    async (PendingWindowInDays) => {
      const { KeyId } = await world.key()
      const { json } = await world.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays })
      expect(json).toEqual({ __type: 'ValidationException', message: 'PendingWindowInDays must be between 7 and 30' })
    },
  )

  test('taken back leaves the key disabled, with no date', async () => {
    const { KeyId, Arn } = await world.key()
    await world.call('ScheduleKeyDeletion', { KeyId })
    expect((await world.call('CancelKeyDeletion', { KeyId })).json).toEqual({ KeyId: Arn })
    const { json } = await world.call('DescribeKey', { KeyId })
    expect(json.KeyMetadata).toMatchObject({ KeyState: 'Disabled', Enabled: false })
    expect(json.KeyMetadata).not.toHaveProperty('DeletionDate')
    await world.call('EnableKey', { KeyId })
    expect((await world.call('Encrypt', { KeyId, Plaintext: base64('x') })).status).toBe(200)
  })
})

describe('changes', () => {
  test('EnableKey on an enabled key and DisableKey on a disabled one succeed', async () => {
    const { KeyId } = await world.key()
    for (const action of ['EnableKey', 'DisableKey', 'DisableKey'])
      expect([(await world.call(action, { KeyId })).status, action]).toEqual([200, action])
  })

  test('of many writers at once are all kept', async () => {
    const { KeyId } = await world.key()
    const names = Array.from({ length: 8 }, (_, at) => `k${at}`)
    const answers = await Promise.all(
      names.map((TagKey) => world.call('TagResource', { KeyId, Tags: [{ TagKey, TagValue: 'x' }] })),
    )
    expect(answers.map((answer) => answer.status)).toEqual(names.map(() => 200))
    expect(
      (await world.call('ListResourceTags', { KeyId })).json.Tags.map((tag: { TagKey: string }) => tag.TagKey),
    ).toEqual(names)
  })

  test('are decided anew on what another writer left, not on what was read first', async () => {
    const { KeyId, Arn } = await world.key()
    const { find } = world.open.keyStore
    let overtaken = false
    world.open.keyStore.find = async (id, read) => {
      const key = await find.call(world.open.keyStore, id, read)
      if (!overtaken && key) {
        overtaken = true
        await world.open.keyStore.replace({ ...key, state: 'PendingDeletion', deletion: { at: world.nowMs + day } })
      }
      return key
    }
    expect((await world.call('EnableKey', { KeyId })).json).toEqual({
      __type: 'KMSInvalidStateException',
      message: `${Arn} is pending deletion.`,
    })
    expect(world.records.at(-1)?.resources).toHaveLength(1)
  })

  test('that others overtake again and again end with an error that may be retried', async () => {
    const { KeyId } = await world.key()
    world.open.keyStore.replace = async () => {
      throw new Conflict()
    }
    const { status, json } = await world.call('DisableKey', { KeyId })
    expect([status, json.__type]).toEqual([503, 'DependencyTimeoutException'])
  })

  test('a description has up to 8192 characters and may be empty', async () => {
    const { KeyId } = await world.key({ Description: 'first' })
    for (const Description of ['é'.repeat(8192), '']) {
      expect((await world.call('UpdateKeyDescription', { KeyId, Description })).status).toBe(200)
      expect((await world.call('DescribeKey', { KeyId })).json.KeyMetadata.Description).toBe(Description)
    }
  })
})

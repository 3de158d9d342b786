/** Multi-Region keys, over the wire of two Regions, with what Regions say to each other signed and read as it is sent. */
import { beforeEach, describe, expect, test } from 'vitest'
import { handler as destroy } from '../../functions/scheduled/delete-key.ts'
import { handler as rotate } from '../../functions/scheduled/rotate-key.ts'
import { handler as synchronize } from '../../functions/scheduled/synchronize-multi-region-key.ts'
import { useWorld } from '../../lib/runtime.ts'
import { addUser } from '../harness/identities.ts'
import { wrapFor } from '../harness/import.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let east: TestWorld
let west: TestWorld
beforeEach(async () => {
  east = await TestWorld.start()
  west = await east.neighbour('us-west-2')
})

const dayMs = 24 * 60 * 60 * 1000
const arnIn = (region: string, id: string) => `arn:aws:kms:${region}:${account}:key/${id}`
const metadata = async (world: TestWorld, KeyId: string) =>
  (await world.call('DescribeKey', { KeyId })).json.KeyMetadata
const done = async (world: TestWorld, action: string, input: object) => {
  const { status, json } = await world.call(action, input)
  expect([action, status, json.message]).toEqual([action, 200, undefined])
  return json
}
const failure = async (world: TestWorld, action: string, input: object) => {
  const { json } = await world.call(action, input)
  return [json.__type, json.message]
}
const encrypt = async (world: TestWorld, KeyId: string, text: string): Promise<string> =>
  (await done(world, 'Encrypt', { KeyId, Plaintext: base64(text) })).CiphertextBlob
const decrypt = async (world: TestWorld, CiphertextBlob: string): Promise<string> =>
  Buffer.from((await done(world, 'Decrypt', { CiphertextBlob })).Plaintext, 'base64').toString()
const run = (world: TestWorld, schedule: typeof rotate) => {
  useWorld(world.open)
  return schedule({})
}

/** A family of two. */
async function family(input: object = {}): Promise<string> {
  const { KeyId } = await east.key({ MultiRegion: true, ...input })
  await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
  return KeyId
}

const policyWith = (...statements: readonly object[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*' },
      ...statements,
    ],
  })
const denying = (Action: string, Condition?: object) =>
  policyWith({ Effect: 'Deny', Principal: '*', Action, Resource: '*', ...(Condition && { Condition }) })

describe('CreateKey with MultiRegion', () => {
  test('makes a primary key without replicas, under an id of its own form', async () => {
    const { json } = await east.call('CreateKey', { MultiRegion: true })
    const { KeyId, Arn, MultiRegion, MultiRegionConfiguration } = json.KeyMetadata
    expect(KeyId).toMatch(/^mrk-[0-9a-f]{32}$/)
    expect(Arn).toBe(arnIn('us-east-1', KeyId))
    expect([MultiRegion, MultiRegionConfiguration]).toEqual([
      true,
      { MultiRegionKeyType: 'PRIMARY', PrimaryKey: { Arn, Region: 'us-east-1' }, ReplicaKeys: [] },
    ])
    expect(await metadata(east, KeyId)).toEqual(json.KeyMetadata)
  })

  test('says of a single-Region key only that it is one', async () => {
    const { KeyId } = await east.key()
    const described = await metadata(east, KeyId)
    expect(described.MultiRegion).toBe(false)
    expect(described).not.toHaveProperty('MultiRegionConfiguration')
  })

  test('lets a key policy ask whether a key is a multi-Region key, and which of them', async () => {
    const condition = { StringEquals: { 'kms:MultiRegionKeyType': 'PRIMARY' }, Bool: { 'kms:MultiRegion': 'true' } }
    const Policy = denying('kms:Encrypt', condition)
    const many = await east.key({ MultiRegion: true, Policy })
    const one = await east.key({ Policy })
    expect((await failure(east, 'Encrypt', { KeyId: many.KeyId, Plaintext: base64('x') }))[0]).toBe(
      'AccessDeniedException',
    )
    expect(await decrypt(east, await encrypt(east, one.KeyId, 'x'))).toBe('x')
  })

  test('refuses one in a custom key store', async () => {
    const input = { MultiRegion: true, Origin: 'EXTERNAL_KEY_STORE', CustomKeyStoreId: 'cks-1234', XksKeyId: 'key-1' }
    expect(await failure(east, 'CreateKey', input)).toEqual([
      'UnsupportedOperationException',
      'Multi-Region keys are not supported in custom key stores.',
    ])
  })
})

describe('ReplicateKey', () => {
  test('answers the replica as it is made, with the default policy, and nothing of its primary that is not shared', async () => {
    const { KeyId, Arn } = await east.key({
      MultiRegion: true,
      Description: 'first',
      Tags: [{ TagKey: 'team', TagValue: 'red' }],
    })
    const { ReplicaKeyMetadata, ReplicaPolicy, ...more } = await done(east, 'ReplicateKey', {
      KeyId,
      ReplicaRegion: 'us-west-2',
    })
    expect(more).toEqual({})
    expect(JSON.parse(ReplicaPolicy).Id).toBe('key-default-1')
    expect(ReplicaKeyMetadata).toMatchObject({
      KeyId,
      Arn: arnIn('us-west-2', KeyId),
      Description: '',
      KeyState: 'Creating',
      Enabled: false,
      MultiRegionConfiguration: {
        MultiRegionKeyType: 'REPLICA',
        PrimaryKey: { Arn, Region: 'us-east-1' },
        ReplicaKeys: [{ Arn: arnIn('us-west-2', KeyId), Region: 'us-west-2' }],
      },
    })
    expect(ReplicaKeyMetadata).not.toHaveProperty('CurrentKeyMaterialId')
    expect((await done(west, 'ListResourceTags', { KeyId })).Tags).toEqual([])
  })

  test('makes a key that is used at once, and shows the same family in both Regions', async () => {
    const KeyId = await family()
    const [here, there] = [await metadata(east, KeyId), await metadata(west, KeyId)]
    expect([there.KeyState, there.Enabled, there.CurrentKeyMaterialId]).toEqual([
      'Enabled',
      true,
      here.CurrentKeyMaterialId,
    ])
    const { MultiRegionKeyType: first, ...shared } = here.MultiRegionConfiguration
    const { MultiRegionKeyType: second, ...same } = there.MultiRegionConfiguration
    expect([first, second]).toEqual(['PRIMARY', 'REPLICA'])
    expect(same).toEqual(shared)
    expect(shared.ReplicaKeys).toEqual([{ Arn: arnIn('us-west-2', KeyId), Region: 'us-west-2' }])
  })

  test('lets what was encrypted in either Region be decrypted in the other, under its own ARN', async () => {
    const KeyId = await family()
    expect(await decrypt(west, await encrypt(east, KeyId, 'from the east'))).toBe('from the east')
    const CiphertextBlob = await encrypt(west, KeyId, 'from the west')
    expect((await done(east, 'Decrypt', { CiphertextBlob })).KeyId).toBe(arnIn('us-east-1', KeyId))
  })

  test('gives signatures that verify in the other Region', async () => {
    const KeyId = await family({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    const signing = { KeyId, Message: base64('x'), SigningAlgorithm: 'ECDSA_SHA_256' }
    const { Signature } = await done(east, 'Sign', signing)
    expect((await done(west, 'Verify', { ...signing, Signature })).SignatureValid).toBe(true)
    expect((await done(west, 'GetPublicKey', { KeyId })).PublicKey).toBe(
      (await done(east, 'GetPublicKey', { KeyId })).PublicKey,
    )
  })

  test('refuses the ARN of the other Region beside a ciphertext', async () => {
    const KeyId = await family()
    const CiphertextBlob = await encrypt(east, KeyId, 'x')
    expect(await failure(west, 'Decrypt', { CiphertextBlob, KeyId: arnIn('us-east-1', KeyId) })).toEqual([
      'IncorrectKeyException',
      'The key ID in the request does not identify a CMK that can perform this operation.',
    ])
    expect((await done(west, 'Decrypt', { CiphertextBlob, KeyId: arnIn('us-west-2', KeyId) })).KeyId).toBeDefined()
  })

  test('gives the replica the policy, the tags and the description it was asked for', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    const Policy = denying('kms:Sign')
    const Tags = [{ TagKey: 'team', TagValue: 'blue' }]
    const answer = await done(east, 'ReplicateKey', {
      KeyId,
      ReplicaRegion: 'us-west-2',
      Policy,
      Tags,
      Description: 'second',
    })
    expect([answer.ReplicaPolicy, answer.ReplicaTags]).toEqual([Policy, Tags])
    expect((await done(west, 'GetKeyPolicy', { KeyId })).Policy).toBe(Policy)
    expect((await done(west, 'ListResourceTags', { KeyId })).Tags).toEqual(Tags)
    expect((await metadata(west, KeyId)).Description).toBe('second')
  })

  test('is on record in both Regions', async () => {
    const KeyId = await family()
    expect(east.records.at(-1)).toMatchObject({ eventName: 'ReplicateKey', awsRegion: 'us-east-1' })
    expect(west.records.map(({ eventName }) => eventName)).toEqual(['CreateKey', 'SynchronizeMultiRegionKey'])
    expect(west.records[0]).toMatchObject({
      awsRegion: 'us-west-2',
      resources: [{ ARN: arnIn('us-west-2', KeyId) }],
      userIdentity: { invokedBy: 'AWS Internal' },
    })
    expect(JSON.stringify(west.records)).not.toContain('$bytes')
  })

  const said = (Arn: string, id: string) => ({
    own: 'us-east-1 cannot have a replica because it contains the primary.',
    none: 'Region us-invalid-1 is not a valid Region or multi-Region keys are not supported in Region us-invalid-1.',
    partition: 'The replica key Region must be in the same AWS partition as the primary key Region.',
    replica: `${arnIn('us-west-2', id)} is not a multi-region primary key.`,
    single: `${Arn} is not a multi-region key.`,
    twice: 'You can create only one replica of each primary key in each AWS Region.',
  })

  test('says what is wrong with a Region or a key', async () => {
    const KeyId = await family()
    const single = await east.key()
    const texts = said(single.Arn, KeyId)
    const cases: [TestWorld, string, string, string, string][] = [
      [east, KeyId, 'us-east-1', 'ValidationException', texts.own],
      [east, KeyId, 'us-invalid-1', 'ValidationException', texts.none],
      [east, KeyId, 'cn-north-1', 'ValidationException', texts.partition],
      [east, KeyId, 'us-gov-west-1', 'ValidationException', texts.partition],
      [east, KeyId, 'us-west-2', 'AlreadyExistsException', texts.twice],
      [west, KeyId, 'eu-west-1', 'UnsupportedOperationException', texts.replica],
      [east, single.KeyId, 'us-west-2', 'UnsupportedOperationException', texts.single],
    ]
    for (const [world, key, ReplicaRegion, type, message] of cases) {
      expect(await failure(world, 'ReplicateKey', { KeyId: key, ReplicaRegion })).toEqual([type, message])
    }
    await done(west, 'ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    expect(await failure(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })).toEqual([
      'AlreadyExistsException',
      texts.twice,
    ])
  })

  test('may be denied by Region', async () => {
    const Policy = denying('kms:ReplicateKey', { StringEquals: { 'kms:ReplicaRegion': 'eu-west-1' } })
    const { KeyId } = await east.key({ MultiRegion: true, Policy })
    expect((await failure(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'eu-west-1' }))[0]).toBe(
      'AccessDeniedException',
    )
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
  })

  test('asks for the permission to create such a key there, and to tag it', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    const statement = (Action: string, Condition?: object, Effect = 'Allow') => ({
      Effect,
      Action,
      Resource: '*',
      ...(Condition && { Condition }),
    })
    const Tags = [{ TagKey: 'a', TagValue: 'b' }]
    const replicate = statement('kms:ReplicateKey')
    const create = statement('kms:CreateKey', { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } })
    const here = statement('kms:CreateKey', { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } })
    const replicas = { StringEquals: { 'kms:MultiRegionKeyType': 'REPLICA' }, Bool: { 'kms:MultiRegion': 'true' } }
    const specs = { StringEquals: { 'kms:KeySpec': 'SYMMETRIC_DEFAULT' } }
    const cases: [readonly object[], object, string | undefined][] = [
      [[replicate], {}, 'kms:CreateKey'],
      [[replicate, here], {}, 'kms:CreateKey'],
      [[replicate, create, statement('kms:CreateKey', replicas, 'Deny')], {}, 'kms:CreateKey'],
      [[replicate, create, statement('kms:CreateKey', specs, 'Deny')], {}, 'kms:CreateKey'],
      [[replicate, create], { Tags }, 'kms:TagResource'],
      [[create], {}, 'kms:ReplicateKey'],
      [[replicate, create], {}, undefined],
    ]
    for (const [at, [Statement, more, denied]] of cases.entries()) {
      const inline = { own: JSON.stringify({ Version: '2012-10-17', Statement }) }
      const { credentials } = await addUser(east, `user-${at}`, { inline })
      const input = { KeyId, ReplicaRegion: 'us-west-2', ...more }
      const { status, json } = await east.call('ReplicateKey', input, credentials)
      if (denied === undefined) expect([status, json.message]).toEqual([200, undefined])
      else {
        const text = expect.stringMatching(new RegExp(`is not authorized to perform: ${denied} on resource`))
        expect([at, json.__type, json.message]).toEqual([at, 'AccessDeniedException', text])
      }
    }
  })

  test('gives whom its policy names what it says in the other Region, where there is somebody of that name', async () => {
    const bob = (await addUser(east, 'bob')).user
    const { KeyId } = await east.key({ MultiRegion: true })
    const Policy = policyWith({ Effect: 'Allow', Principal: { AWS: bob.arn }, Action: 'kms:Encrypt', Resource: '*' })
    const input = { KeyId, ReplicaRegion: 'us-west-2', Policy }
    expect(await failure(east, 'ReplicateKey', input)).toEqual([
      'MalformedPolicyDocumentException',
      'Policy contains a statement with one or more invalid principals.',
    ])
    const { credentials } = await addUser(west, 'bob')
    await done(east, 'ReplicateKey', input)
    const { status } = await west.call('Encrypt', { KeyId, Plaintext: base64('x') }, credentials)
    expect(status).toBe(200)
  })
})

describe('a Region that cannot be reached', () => {
  const unreachable = ['DependencyTimeoutException', 'Region us-west-2 cannot be reached. The request can be retried.']

  test('gets no replica, and leaves nothing of one behind', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    east.network.cut.set('us-west-2', 0)
    expect(await failure(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })).toEqual(unreachable)
    expect((await metadata(east, KeyId)).MultiRegionConfiguration.ReplicaKeys).toEqual([])
    expect((await failure(west, 'DescribeKey', { KeyId }))[0]).toBe('NotFoundException')
    expect(await decrypt(east, await encrypt(east, KeyId, 'still'))).toBe('still')
  })

  test('has a replica that nobody can use while its primary has not told it to live; the schedule tells it', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    east.network.cut.set('us-west-2', 1)
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    expect((await metadata(west, KeyId)).KeyState).toBe('Creating')
    expect(await failure(west, 'Encrypt', { KeyId, Plaintext: base64('x') })).toEqual([
      'KMSInvalidStateException',
      `${arnIn('us-west-2', KeyId)} is creating.`,
    ])
    east.network.cut.clear()
    expect(await run(east, synchronize)).toMatchObject({ done: 0 })
    east.nowMs += 60_000
    expect(await run(east, synchronize)).toMatchObject({ done: 1, failed: 0 })
    expect((await metadata(west, KeyId)).KeyState).toBe('Enabled')
    expect(await run(east, synchronize)).toMatchObject({ done: 0 })
  })

  test('is given the replica by the same request, made again', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    east.network.cut.set('us-west-2', 1)
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    east.network.cut.clear()
    const answer = await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2', Description: 'again' })
    expect(answer.ReplicaKeyMetadata.KeyState).toBe('Creating')
    expect(await metadata(west, KeyId)).toMatchObject({ KeyState: 'Enabled', Description: 'again' })
    expect((await metadata(east, KeyId)).MultiRegionConfiguration.ReplicaKeys).toHaveLength(1)
  })

  test('keeps a key from being rotated, as it could not open what is encrypted then, and from nothing else', async () => {
    const KeyId = await family()
    east.network.cut.set('us-west-2', 0)
    const before = (await metadata(east, KeyId)).CurrentKeyMaterialId
    expect(await failure(east, 'RotateKeyOnDemand', { KeyId })).toEqual(unreachable)
    expect((await metadata(east, KeyId)).CurrentKeyMaterialId).toBe(before)
    await done(east, 'EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    await done(east, 'DisableKey', { KeyId })
    await done(east, 'EnableKey', { KeyId })
    expect(await decrypt(east, await encrypt(east, KeyId, 'on'))).toBe('on')
    expect((await done(west, 'GetKeyRotationStatus', { KeyId })).KeyRotationEnabled).toBe(false)
    east.network.cut.clear()
    east.nowMs += 60_000
    await run(east, synchronize)
    expect((await done(west, 'GetKeyRotationStatus', { KeyId })).RotationPeriodInDays).toBe(90)
  })

  test('does not keep a key from what else is due while it is out of reach', async () => {
    const KeyId = await family()
    east.network.cut.set('us-west-2', 0)
    await done(east, 'EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    east.nowMs += 90 * dayMs
    await run(east, synchronize)
    expect(await run(east, rotate)).toMatchObject({ done: 0, failed: 1 })
    east.network.cut.clear()
    expect(await run(east, rotate)).toMatchObject({ done: 1, failed: 0 })
    expect((await metadata(west, KeyId)).CurrentKeyMaterialId).toBe((await metadata(east, KeyId)).CurrentKeyMaterialId)
  })
})

describe('rotation', () => {
  test('of the primary gives the replica its new material, and old and new ciphertexts open in both', async () => {
    const KeyId = await family()
    const old = await encrypt(west, KeyId, 'old')
    await done(east, 'RotateKeyOnDemand', { KeyId })
    const current = (await metadata(east, KeyId)).CurrentKeyMaterialId
    expect((await metadata(west, KeyId)).CurrentKeyMaterialId).toBe(current)
    const [a, b] = [await encrypt(east, KeyId, 'new'), await encrypt(west, KeyId, 'newer')]
    for (const world of [east, west]) {
      expect([await decrypt(world, old), await decrypt(world, a), await decrypt(world, b)]).toEqual([
        'old',
        'new',
        'newer',
      ])
    }
    const rotations = async (world: TestWorld) =>
      (await done(world, 'ListKeyRotations', { KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations.map(
        ({ KeyId: _, ...entry }: { KeyId: string }) => entry,
      )
    expect(await rotations(west)).toEqual(await rotations(east))
    expect(await rotations(west)).toHaveLength(2)
  })

  test('is set for all on the primary, inherited by a new replica, and refused on any replica', async () => {
    const { KeyId } = await east.key({ MultiRegion: true })
    await done(east, 'EnableKeyRotation', { KeyId, RotationPeriodInDays: 100 })
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    const { KeyId: _, ...there } = await done(west, 'GetKeyRotationStatus', { KeyId })
    expect(await done(east, 'GetKeyRotationStatus', { KeyId })).toMatchObject(there)
    expect(there.RotationPeriodInDays).toBe(100)
    const KeyVersionId = (await metadata(west, KeyId)).CurrentKeyMaterialId
    for (const action of [
      'EnableKeyRotation',
      'DisableKeyRotation',
      'RotateKeyOnDemand',
      'CreateKeyVersion',
      'UpdateKeyVersion',
    ]) {
      expect(await failure(west, action, { KeyId, ...(action.startsWith('UpdateKey') && { KeyVersionId }) })).toEqual([
        'UnsupportedOperationException',
        `${arnIn('us-west-2', KeyId)} is a multi-region replica key which is not valid for ${action}.`,
      ])
    }
    await done(east, 'DisableKeyRotation', { KeyId })
    expect((await done(west, 'GetKeyRotationStatus', { KeyId })).KeyRotationEnabled).toBe(false)
  })

  test('by schedule is the primary’s alone', async () => {
    const KeyId = await family()
    await done(east, 'EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
    east.nowMs += 90 * dayMs
    expect(await run(west, rotate)).toMatchObject({ done: 0, failed: 0 })
    expect(await run(east, rotate)).toMatchObject({ done: 1, failed: 0 })
    expect(await decrypt(west, await encrypt(east, KeyId, 'x'))).toBe('x')
  })
})

test('policy, description, tags, aliases and being enabled are each key’s own', async () => {
  const KeyId = await family()
  await done(east, 'UpdateKeyDescription', { KeyId, Description: 'here' })
  await done(east, 'TagResource', { KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] })
  await done(east, 'PutKeyPolicy', { KeyId, Policy: denying('kms:Sign') })
  await done(east, 'CreateAlias', { AliasName: 'alias/here', TargetKeyId: KeyId })
  await done(east, 'RotateKeyOnDemand', { KeyId })
  await done(east, 'DisableKey', { KeyId })
  expect(await metadata(west, KeyId)).toMatchObject({ Description: '', KeyState: 'Enabled' })
  expect((await done(west, 'ListResourceTags', { KeyId })).Tags).toEqual([])
  expect((await done(west, 'GetKeyPolicy', { KeyId })).Policy).not.toContain('kms:Sign')
  expect((await done(west, 'ListAliases', { KeyId })).Aliases).toEqual([])
})

describe('deletion', () => {
  test('of a primary key waits for its last replica, and then for its window', async () => {
    const KeyId = await family()
    const scheduled = await done(east, 'ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 10 })
    expect(scheduled).toEqual({
      KeyId: arnIn('us-east-1', KeyId),
      KeyState: 'PendingReplicaDeletion',
      PendingWindowInDays: 10,
    })
    const waiting = await metadata(east, KeyId)
    expect(waiting).toMatchObject({ KeyState: 'PendingReplicaDeletion', PendingDeletionWindowInDays: 10 })
    expect(waiting).not.toHaveProperty('DeletionDate')
    expect(await failure(east, 'Encrypt', { KeyId, Plaintext: base64('x') })).toEqual([
      'KMSInvalidStateException',
      `${arnIn('us-east-1', KeyId)} is pending replica deletion.`,
    ])
    expect(await decrypt(west, await encrypt(west, KeyId, 'works on'))).toBe('works on')

    await done(west, 'ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    east.nowMs += 7 * dayMs
    expect(await run(west, destroy)).toMatchObject({ done: 1, failed: 0 })
    expect((await failure(west, 'DescribeKey', { KeyId }))[0]).toBe('NotFoundException')
    const pending = await metadata(east, KeyId)
    expect(pending).toMatchObject({ KeyState: 'PendingDeletion', DeletionDate: (east.nowMs + 10 * dayMs) / 1000 })
    expect(pending.MultiRegionConfiguration.ReplicaKeys).toEqual([])
    east.nowMs += 10 * dayMs
    expect(await run(east, destroy)).toMatchObject({ done: 1, failed: 0 })
  })

  test('of a primary key can be taken back while it waits', async () => {
    const KeyId = await family()
    await done(east, 'ScheduleKeyDeletion', { KeyId })
    await done(east, 'CancelKeyDeletion', { KeyId })
    const back = await metadata(east, KeyId)
    expect(back.KeyState).toBe('Disabled')
    expect(back).not.toHaveProperty('PendingDeletionWindowInDays')
  })

  test('of a replica is finished when its primary has heard of it, and not before', async () => {
    const KeyId = await family()
    await done(west, 'ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
    east.nowMs += 7 * dayMs
    east.network.cut.set('us-east-1', 0)
    expect(await run(west, destroy)).toMatchObject({ done: 0, failed: 1 })
    expect((await failure(west, 'DescribeKey', { KeyId }))[0]).toBe('NotFoundException')
    expect((await metadata(east, KeyId)).MultiRegionConfiguration.ReplicaKeys).toHaveLength(1)
    east.network.cut.clear()
    expect(await run(west, destroy)).toMatchObject({ done: 1, failed: 0 })
    expect((await metadata(east, KeyId)).MultiRegionConfiguration.ReplicaKeys).toEqual([])
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    expect((await metadata(west, KeyId)).KeyState).toBe('Enabled')
  })
})

test('a replica that has not heard where its primary went still leaves its family', async () => {
  const KeyId = await family()
  await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'eu-west-1' })
  const europe = await east.neighbour('eu-west-1')
  await done(europe, 'ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 })
  east.network.cut.set('eu-west-1', 0)
  await done(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
  expect((await europe.store.keys.find(KeyId))?.multiRegion?.primary).toBe('us-east-1')
  east.nowMs += 7 * dayMs
  expect(await run(europe, destroy)).toMatchObject({ done: 1, failed: 0 })
  const replicas = (await metadata(west, KeyId)).MultiRegionConfiguration.ReplicaKeys
  expect(replicas.map(({ Region }: { Region: string }) => Region)).toEqual(['us-east-1'])
})

describe('UpdatePrimaryRegion', () => {
  const roles = async (KeyId: string) => [
    (await metadata(east, KeyId)).MultiRegionConfiguration.MultiRegionKeyType,
    (await metadata(west, KeyId)).MultiRegionConfiguration.MultiRegionKeyType,
  ]

  test('swaps the roles of two keys, in every Region’s eyes', async () => {
    const KeyId = await family()
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'eu-west-1' })
    await done(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
    expect(await roles(KeyId)).toEqual(['REPLICA', 'PRIMARY'])
    const europe = await east.neighbour('eu-west-1')
    for (const world of [east, west, europe]) {
      const { KeyState, MultiRegionConfiguration: all } = await metadata(world, KeyId)
      expect([
        KeyState,
        all.PrimaryKey.Region,
        all.ReplicaKeys.map(({ Region }: { Region: string }) => Region),
      ]).toEqual(['Enabled', 'us-west-2', ['eu-west-1', 'us-east-1']])
    }
    await done(west, 'RotateKeyOnDemand', { KeyId })
    const CiphertextBlob = await encrypt(west, KeyId, 'new primary')
    expect([await decrypt(east, CiphertextBlob), await decrypt(europe, CiphertextBlob)]).toEqual([
      'new primary',
      'new primary',
    ])
    expect((await failure(east, 'RotateKeyOnDemand', { KeyId }))[0]).toBe('UnsupportedOperationException')
  })

  test('changes nothing for the Region that the primary key is in', async () => {
    const KeyId = await family()
    expect(await done(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-east-1' })).toEqual({})
    expect(await roles(KeyId)).toEqual(['PRIMARY', 'REPLICA'])
  })

  test('says what is wrong with a Region or a key', async () => {
    const KeyId = await family()
    const single = await east.key()
    const cases: [TestWorld, string, string, string, string][] = [
      [
        east,
        KeyId,
        'eu-west-1',
        'ValidationException',
        `${KeyId} does not have a replica key in the specified Region.`,
      ],
      [
        west,
        KeyId,
        'us-west-2',
        'KMSInvalidStateException',
        `${arnIn('us-west-2', KeyId)} is not a multi-Region primary key.`,
      ],
      [east, single.KeyId, 'us-west-2', 'UnsupportedOperationException', `${single.Arn} is not a multi-region key.`],
    ]
    for (const [world, key, PrimaryRegion, type, message] of cases) {
      expect(await failure(world, 'UpdatePrimaryRegion', { KeyId: key, PrimaryRegion })).toEqual([type, message])
    }
  })

  test('names the key of the two that is not in a state for it', async () => {
    const KeyId = await family()
    const swap = () => failure(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
    await done(west, 'DisableKey', { KeyId })
    expect(await swap()).toEqual(['DisabledException', `${arnIn('us-west-2', KeyId)} is disabled.`])
    await done(east, 'DisableKey', { KeyId })
    expect(await swap()).toEqual(['DisabledException', `${arnIn('us-east-1', KeyId)} is disabled.`])
    await done(east, 'EnableKey', { KeyId })
    await done(west, 'ScheduleKeyDeletion', { KeyId })
    expect(await swap()).toEqual(['KMSInvalidStateException', `${arnIn('us-west-2', KeyId)} is pending deletion.`])
    expect(await roles(KeyId)).toEqual(['PRIMARY', 'REPLICA'])
  })

  test('is permitted by both keys, and may be asked for the Region', async () => {
    const KeyId = await family()
    const Policy = denying('kms:UpdatePrimaryRegion', { StringEquals: { 'kms:PrimaryRegion': 'us-west-2' } })
    await done(west, 'PutKeyPolicy', { KeyId, Policy })
    const { json } = await east.call('UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
    expect([json.__type, json.message]).toEqual([
      'AccessDeniedException',
      expect.stringContaining(arnIn('us-west-2', KeyId)),
    ])
    expect(await roles(KeyId)).toEqual(['PRIMARY', 'REPLICA'])
  })

  test('leaves the old primary key updating, and working, until the new one has heard', async () => {
    const KeyId = await family()
    east.network.cut.set('us-west-2', 1)
    await done(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
    expect(await metadata(east, KeyId)).toMatchObject({ KeyState: 'Updating', Enabled: false })
    expect(await decrypt(east, await encrypt(east, KeyId, 'works on'))).toBe('works on')
    expect(await failure(east, 'DisableKey', { KeyId })).toEqual([
      'KMSInvalidStateException',
      `${arnIn('us-east-1', KeyId)} is updating.`,
    ])
    east.network.cut.clear()
    east.nowMs += 60_000
    await run(east, synchronize)
    expect(await roles(KeyId)).toEqual(['REPLICA', 'PRIMARY'])
    expect((await metadata(east, KeyId)).KeyState).toBe('Enabled')
  })
})

describe('imported material', () => {
  const algorithm = { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' }
  const importInto = async (world: TestWorld, KeyId: string, fill: number, more: object = {}) => {
    const { ImportToken, PublicKey } = await done(world, 'GetParametersForImport', { KeyId, ...algorithm })
    const EncryptedKeyMaterial = wrapFor(PublicKey, algorithm.WrappingAlgorithm, new Uint8Array(32).fill(fill))
    const ExpirationModel = 'KEY_MATERIAL_DOES_NOT_EXPIRE'
    return world.call('ImportKeyMaterial', { KeyId, ImportToken, EncryptedKeyMaterial, ExpirationModel, ...more })
  }
  const states = async (world: TestWorld, KeyId: string) =>
    (await done(world, 'ListKeyRotations', { KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations.map(
      ({ KeyMaterialState, ImportState }: Record<string, string>) => `${KeyMaterialState} ${ImportState}`,
    )

  async function externalFamily(): Promise<string> {
    const { KeyId } = await east.key({ MultiRegion: true, Origin: 'EXTERNAL' })
    await importInto(east, KeyId, 1)
    const { ReplicaKeyMetadata } = await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'us-west-2' })
    expect(ReplicaKeyMetadata).toMatchObject({
      KeyState: 'Creating',
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
    })
    return KeyId
  }

  test('does not cross: a replica waits until the same bytes are imported in its Region', async () => {
    const KeyId = await externalFamily()
    const waiting = await metadata(west, KeyId)
    expect([waiting.KeyState, waiting.ExpirationModel]).toEqual(['PendingImport', undefined])
    expect(await west.store.materials.list(KeyId)).toEqual([])
    const other = await importInto(west, KeyId, 2)
    expect([other.json.__type, other.json.message]).toEqual([
      'IncorrectKeyMaterialException',
      `Imported key material does not have the expected identifier (${waiting.CurrentKeyMaterialId}).`,
    ])
    const same = await importInto(west, KeyId, 1)
    expect([same.status, same.json.KeyMaterialId]).toEqual([200, (await metadata(east, KeyId)).CurrentKeyMaterialId])
    expect((await metadata(west, KeyId)).KeyState).toBe('Enabled')
    expect(await decrypt(west, await encrypt(east, KeyId, 'same bytes'))).toBe('same bytes')
  })

  test('is new, or described, on the primary key only', async () => {
    const KeyId = await externalFamily()
    const fresh = await importInto(west, KeyId, 2, { ImportType: 'NEW_KEY_MATERIAL' })
    expect(fresh.json).toEqual({
      __type: 'ValidationException',
      message: 'Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys',
    })
    const described = await importInto(west, KeyId, 1, { KeyMaterialDescription: 'words' })
    expect(described.json).toEqual({
      __type: 'ValidationException',
      message: 'Key material description can only be specified on primary Multi-Region keys',
    })
  })

  test('is staged until every replica has it, and then becomes current in all', async () => {
    const KeyId = await externalFamily()
    await importInto(west, KeyId, 1)
    await importInto(east, KeyId, 2, { ImportType: 'NEW_KEY_MATERIAL' })
    expect(await states(east, KeyId)).toEqual(['CURRENT IMPORTED', 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION IMPORTED'])
    expect(await failure(east, 'RotateKeyOnDemand', { KeyId })).toEqual([
      'KMSInvalidStateException',
      'Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.',
    ])
    expect((await metadata(west, KeyId)).KeyState).toBe('Enabled')
    expect((await importInto(west, KeyId, 2)).status).toBe(200)
    expect(await states(east, KeyId)).toEqual(['CURRENT IMPORTED', 'PENDING_ROTATION IMPORTED'])
    await done(east, 'RotateKeyOnDemand', { KeyId })
    expect(await states(west, KeyId)).toEqual(['NON_CURRENT IMPORTED', 'CURRENT IMPORTED'])
    expect(await decrypt(west, await encrypt(east, KeyId, 'second'))).toBe('second')
  })

  test.each([
    ['never heard of it', 'us-east-1'],
    ['was told of it instead', 'eu-west-1'],
  ])('that is staged in a replica is known to a new primary, though its predecessor %s', async (_, cut) => {
    const KeyId = await externalFamily()
    await importInto(west, KeyId, 1)
    await done(east, 'ReplicateKey', { KeyId, ReplicaRegion: 'eu-west-1' })
    const europe = await east.neighbour('eu-west-1')
    await importInto(europe, KeyId, 1)
    await importInto(east, KeyId, 2, { ImportType: 'NEW_KEY_MATERIAL' })
    await importInto(west, KeyId, 2)
    const move = () => done(east, 'UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'us-west-2' })
    const stage = () => importInto(europe, KeyId, 2)
    east.network.cut.set(cut, 0)
    for (const act of cut === 'us-east-1' ? [stage] : [move, stage]) await act()
    east.network.cut.clear()
    if (cut === 'us-east-1') await move()
    east.nowMs += 60_000
    for (const world of [east, europe]) await run(world, synchronize)
    expect((await states(west, KeyId))[1]).toBe('PENDING_ROTATION IMPORTED')
    await done(west, 'RotateKeyOnDemand', { KeyId })
    expect(await decrypt(europe, await encrypt(west, KeyId, 'second'))).toBe('second')
  })

  test('that is staged is forgotten everywhere by the primary key, and by a replica only there', async () => {
    const KeyId = await externalFamily()
    await importInto(west, KeyId, 1)
    const { KeyMaterialId } = (await importInto(east, KeyId, 2, { ImportType: 'NEW_KEY_MATERIAL' })).json
    await importInto(west, KeyId, 2)
    await done(west, 'DeleteImportedKeyMaterial', { KeyId, KeyMaterialId })
    expect((await metadata(west, KeyId)).KeyState).toBe('Enabled')
    expect(await states(west, KeyId)).toEqual(['CURRENT IMPORTED', 'PENDING_ROTATION PENDING_IMPORT'])
    expect((await states(east, KeyId))[1]).toBe('PENDING_MULTI_REGION_IMPORT_AND_ROTATION IMPORTED')
    await done(east, 'DeleteImportedKeyMaterial', { KeyId, KeyMaterialId })
    expect([await states(east, KeyId), await states(west, KeyId)]).toEqual([['CURRENT IMPORTED'], ['CURRENT IMPORTED']])
  })

  test('that a replica lacks leaves its primary as it is, and the other way round', async () => {
    const KeyId = await externalFamily()
    await importInto(west, KeyId, 1)
    await done(west, 'DeleteImportedKeyMaterial', { KeyId })
    expect([(await metadata(east, KeyId)).KeyState, (await metadata(west, KeyId)).KeyState]).toEqual([
      'Enabled',
      'PendingImport',
    ])
    await importInto(west, KeyId, 1)
    await done(east, 'DeleteImportedKeyMaterial', { KeyId })
    expect([(await metadata(east, KeyId)).KeyState, (await metadata(west, KeyId)).KeyState]).toEqual([
      'PendingImport',
      'Enabled',
    ])
  })
})

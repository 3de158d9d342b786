/** Custom key stores of type AWS_CLOUDHSM: another HSM, whose keys live and die with its connection. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, account, base64, cluster, TestWorld } from '../harness/world.ts'
import { certificateFor, storeInput } from '../harness/xks-proxy.ts'

let world: TestWorld
let trustAnchor: string
beforeAll(() => {
  trustAnchor = certificateFor('cluster.example').cert
})
beforeEach(async () => {
  world = await TestWorld.start()
})

type Members = Readonly<Record<string, unknown>>
const refusal = ({ status, json }: Answer) => [status, json.__type, json.message]
const on = (action: string, id: string, more: Members = {}) => world.call(action, { CustomKeyStoreId: id, ...more })
const described = async (id: string) => (await on('DescribeCustomKeyStores', id)).json.CustomKeyStores[0]
const create = async (more: Members = {}): Promise<string> => {
  const input = {
    CustomKeyStoreName: 'hsm',
    CloudHsmClusterId: cluster,
    TrustAnchorCertificate: trustAnchor,
    KeyStorePassword: 'kmsPswd1',
    ...more,
  }
  return (await world.call('CreateCustomKeyStore', input)).json.CustomKeyStoreId
}
const connected = async (): Promise<string> => {
  const id = await create()
  await on('ConnectCustomKeyStore', id)
  return id
}
const keyIn = (id: string, more: Members = {}) => world.key({ Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: id, ...more })

const inState = (id: string, state: string, allowed: string) => [
  400,
  'CustomKeyStoreInvalidStateException',
  `Custom key store ${id} is ${state}; this operation is valid only when it is ${allowed}.`,
]
const unavailable = (arn: string) => [400, 'KMSInvalidStateException', `${arn} is unavailable.`]

describe('connecting a cluster', () => {
  test('ends in CONNECTED when the password of the store is its user’s', async () => {
    const id = await create()
    expect((await on('ConnectCustomKeyStore', id)).json).toEqual({})
    expect((await described(id)).ConnectionState).toBe('CONNECTED')
    expect(world.clusters.open).toBe(true)
  })

  test('shows CONNECTING meanwhile', async () => {
    const id = await create()
    const states: string[] = []
    const { replace } = world.store.keyStores
    world.store.keyStores.replace = async (all) => {
      states.push(...all.stores.map(({ state }) => state))
      await replace(all)
    }
    await on('ConnectCustomKeyStore', id)
    expect(states).toEqual(['CONNECTING', 'CONNECTED'])
  })

  test('fails with another password, until the right one is told', async () => {
    const id = await create({ KeyStorePassword: 'kmsPswd2' })
    expect((await on('ConnectCustomKeyStore', id)).json).toEqual({})
    expect(await described(id)).toMatchObject({ ConnectionState: 'FAILED', ConnectionErrorCode: 'INVALID_CREDENTIALS' })
    expect(world.clusters.open).toBe(false)
    const password = { KeyStorePassword: 'kmsPswd1' }
    expect(refusal(await on('UpdateCustomKeyStore', id, password))).toEqual(inState(id, 'FAILED', 'DISCONNECTED'))
    await on('DisconnectCustomKeyStore', id)
    expect((await on('UpdateCustomKeyStore', id, password)).status).toBe(200)
    await on('ConnectCustomKeyStore', id)
    expect((await described(id)).ConnectionState).toBe('CONNECTED')
  })

  test.each(['CLUSTER_NOT_FOUND', 'USER_LOCKED_OUT', 'INTERNAL_ERROR'] as const)(
    'that ends in %s says so, and the store makes nothing',
    async (code) => {
      const id = await create()
      world.clusters.failure = code
      await on('ConnectCustomKeyStore', id)
      expect(await described(id)).toMatchObject({ ConnectionState: 'FAILED', ConnectionErrorCode: code })
      const key = await world.call('CreateKey', { Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: id })
      expect(refusal(key)).toEqual(inState(id, 'FAILED', 'CONNECTED'))
      const random = await world.call('GenerateRandom', { NumberOfBytes: 8, CustomKeyStoreId: id })
      expect(refusal(random)).toEqual(inState(id, 'FAILED', 'CONNECTED'))
    },
  )

  test('a second time leaves the connection alone', async () => {
    const id = await connected()
    world.clusters.failure = 'INTERNAL_ERROR'
    expect((await on('ConnectCustomKeyStore', id)).status).toBe(200)
    expect((await described(id)).ConnectionState).toBe('CONNECTED')
  })

  test('is done although another store changes meanwhile', async () => {
    const id = await create()
    const { connect } = world.clusters
    world.clusters.connect = async (...given) => {
      world.clusters.connect = connect
      await world.call('CreateCustomKeyStore', storeInput('other'))
      return connect.apply(world.clusters, given)
    }
    expect((await on('ConnectCustomKeyStore', id)).status).toBe(200)
    const { CustomKeyStores } = (await world.call('DescribeCustomKeyStores')).json
    const states = CustomKeyStores.map((each: Members) => [each.CustomKeyStoreName, each.ConnectionState])
    expect(states.toSorted()).toEqual([
      ['hsm', 'CONNECTED'],
      ['other', 'DISCONNECTED'],
    ])
  })

  test('that was interrupted can be done again, or be given up', async () => {
    const id = await create()
    const all = await world.store.keyStores.of(account)
    const interrupted = all.stores.map((store) => ({ ...store, state: 'CONNECTING' as const }))
    await world.store.keyStores.replace({ ...all, stores: interrupted })
    expect(refusal(await on('DeleteCustomKeyStore', id))).toEqual(inState(id, 'CONNECTING', 'DISCONNECTED'))
    expect((await on('DisconnectCustomKeyStore', id)).status).toBe(200)
    expect((await described(id)).ConnectionState).toBe('DISCONNECTED')
  })
})

describe('moving a store to another cluster', () => {
  const other = 'cluster-bcdefghijkl'
  const move = (id: string) => on('UpdateCustomKeyStore', id, { CloudHsmClusterId: other })
  const disconnected = async () => {
    const id = await connected()
    await on('DisconnectCustomKeyStore', id)
    return id
  }

  test('is for one with the same root keys, and keeps its keys', async () => {
    const id = await connected()
    const key = await keyIn(id)
    await on('DisconnectCustomKeyStore', id)
    world.clusters.others.set(other, world.clusters.lineage)
    expect((await move(id)).json).toEqual({})
    await on('ConnectCustomKeyStore', id)
    expect(await described(id)).toMatchObject({ CloudHsmClusterId: other, ConnectionState: 'CONNECTED' })
    const { json } = await world.call('DescribeKey', { KeyId: key.KeyId })
    expect(json.KeyMetadata).toMatchObject({ CloudHsmClusterId: other, KeyState: 'Enabled' })
  })

  test('is refused while it is connected, to one that is not there, not at work, or of other root keys', async () => {
    const id = await connected()
    expect(refusal(await move(id))).toEqual(inState(id, 'CONNECTED', 'DISCONNECTED'))
    await on('DisconnectCustomKeyStore', id)
    const refused = (what: string, text: string) => [400, what, `CloudHSM cluster ${other} ${text}`]
    expect(refusal(await move(id))).toEqual(refused('CloudHsmClusterNotFoundException', 'is not found.'))
    world.clusters.others.set(other, 'roots-2')
    expect(refusal(await move(id))).toEqual(
      refused('CloudHsmClusterNotRelatedException', "has other root keys than this key store's."),
    )
    world.clusters.failure = 'INTERNAL_ERROR'
    expect(refusal(await move(id))).toEqual(refused('CloudHsmClusterNotActiveException', 'cannot be opened.'))
    expect(await described(id)).toMatchObject({ CloudHsmClusterId: cluster, ConnectionState: 'DISCONNECTED' })
  })

  test('is free as long as it was never connected', async () => {
    const id = await create()
    world.clusters.others.set(other, 'roots-2')
    expect((await move(id)).status).toBe(200)
  })

  test('behind the same id does not go unseen', async () => {
    const id = await disconnected()
    world.clusters.lineage = 'roots-2'
    await on('ConnectCustomKeyStore', id)
    expect(await described(id)).toMatchObject({ ConnectionState: 'FAILED', ConnectionErrorCode: 'CLUSTER_NOT_FOUND' })
    expect(world.clusters.open).toBe(false)
  })

  test('is not needed to rename it when its cluster is configured no more', async () => {
    const id = await disconnected()
    world.clusters.has = () => false
    expect((await on('UpdateCustomKeyStore', id, { NewCustomKeyStoreName: 'old' })).status).toBe(200)
    await on('ConnectCustomKeyStore', id)
    expect(await described(id)).toMatchObject({ CustomKeyStoreName: 'old', ConnectionErrorCode: 'CLUSTER_NOT_FOUND' })
  })
})

test('another account has no cluster here', async () => {
  const stranger = { accessKeyId: 'AKIASTRANGERSTRANGER', secretAccessKey: 'another-secret-for-tests-guarding-nothin' }
  await world.addRoot('999999999999', stranger)
  const input = {
    CustomKeyStoreName: 'theirs',
    CloudHsmClusterId: cluster,
    TrustAnchorCertificate: trustAnchor,
    KeyStorePassword: 'kmsPswd1',
  }
  expect(refusal(await world.call('CreateCustomKeyStore', input, stranger))).toEqual([
    400,
    'CloudHsmClusterNotFoundException',
    `CloudHSM cluster ${cluster} is not found.`,
  ])
})

describe('a key in a cluster', () => {
  test('says where it is', async () => {
    const id = await connected()
    const made = await keyIn(id)
    const { json } = await world.call('DescribeKey', { KeyId: made.KeyId })
    expect(json.KeyMetadata).toEqual(made)
    expect(made).toMatchObject({
      CustomKeyStoreId: id,
      CloudHsmClusterId: cluster,
      Origin: 'AWS_CLOUDHSM',
      KeyState: 'Enabled',
      KeySpec: 'SYMMETRIC_DEFAULT',
      MultiRegion: false,
    })
    expect(made).not.toHaveProperty('CurrentKeyMaterialId')
    expect(made).not.toHaveProperty('XksKeyConfiguration')
  })

  test('is made and used in that HSM, and there only', async () => {
    const key = await keyIn(await connected())
    const context = { EncryptionContext: { a: 'b' } }
    const input = { KeyId: key.KeyId, Plaintext: base64('secret'), ...context }
    const { CiphertextBlob } = (await world.call('Encrypt', input)).json
    // The first HSM is gone, and with it every key that is in it.
    world.hsm.failure = new Error('gone')
    const decrypted = await world.call('Decrypt', { CiphertextBlob, ...context })
    expect(decrypted.json.Plaintext).toBe(base64('secret'))
    for (const action of ['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext']) {
      const { status, json } = await world.call(action, { KeyId: key.KeyId, KeySpec: 'AES_256' })
      expect([action, status]).toEqual([action, 200])
      expect((await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob })).status).toBe(200)
    }
    world.hsm.failure = undefined
    world.clusters.hsm.failure = new Error('gone')
    expect((await world.call('Decrypt', { CiphertextBlob, ...context })).status).toBe(500)
  })

  test('gives and takes what is encrypted again under a key elsewhere', async () => {
    const [here, there] = [await world.key(), await keyIn(await connected())]
    const blob = (await world.call('Encrypt', { KeyId: here.KeyId, Plaintext: base64('moved') })).json.CiphertextBlob
    const into = await world.call('ReEncrypt', { CiphertextBlob: blob, DestinationKeyId: there.KeyId })
    const back = await world.call('ReEncrypt', {
      CiphertextBlob: into.json.CiphertextBlob,
      DestinationKeyId: here.KeyId,
    })
    const opened = await world.call('Decrypt', { CiphertextBlob: back.json.CiphertextBlob })
    expect([opened.json.KeyId, opened.json.Plaintext]).toEqual([here.Arn, base64('moved')])
  })

  test('is unavailable while its store is not connected, and as before when it is again', async () => {
    const id = await connected()
    const key = await keyIn(id)
    const { CiphertextBlob } = (await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('kept') })).json
    expect((await on('DisconnectCustomKeyStore', id)).json).toEqual({})
    expect(world.clusters.open).toBe(false)
    const uses: [string, Members][] = [
      ['Encrypt', { KeyId: key.KeyId, Plaintext: base64('x') }],
      ['Decrypt', { CiphertextBlob }],
      ['ReEncrypt', { CiphertextBlob, DestinationKeyId: key.KeyId }],
      ['GenerateDataKey', { KeyId: key.KeyId, KeySpec: 'AES_256' }],
      ['GenerateDataKeyWithoutPlaintext', { KeyId: key.KeyId, KeySpec: 'AES_256' }],
    ]
    for (const [action, input] of uses) {
      expect(refusal(await world.call(action, input))).toEqual(unavailable(key.Arn))
    }
    const { json } = await world.call('DescribeKey', { KeyId: key.KeyId })
    expect(json.KeyMetadata).toMatchObject({ KeyState: 'Unavailable', Enabled: false, CloudHsmClusterId: cluster })
    expect(world.clusters.open).toBe(false)
    await on('ConnectCustomKeyStore', id)
    expect((await world.call('Decrypt', { CiphertextBlob })).json.Plaintext).toBe(base64('kept'))
  })

  test('is unavailable where its HSM cannot be reached, and nothing can be made in it', async () => {
    const id = await connected()
    const key = await keyIn(id)
    world.clusters.open = false
    world.clusters.failure = 'INTERNAL_ERROR'
    const encrypted = await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x') })
    expect(refusal(encrypted)).toEqual(unavailable(key.Arn))
    const notReached = [
      400,
      'CustomKeyStoreInvalidStateException',
      `The HSM of custom key store ${id} cannot be reached.`,
    ]
    const making = await world.call('CreateKey', { Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: id })
    expect(refusal(making)).toEqual(notReached)
    const random = await world.call('GenerateRandom', { NumberOfBytes: 8, CustomKeyStoreId: id })
    expect(refusal(random)).toEqual(notReached)
  })

  test('does not open with another key’s material, wherever that was made', async () => {
    const id = await connected()
    const [one, other, here] = [await keyIn(id), await keyIn(id), await world.key()]
    const { CiphertextBlob } = (await world.call('Encrypt', { KeyId: one.KeyId, Plaintext: base64('x') })).json
    const [own] = await world.store.materials.list(one.KeyId)
    if (!own) throw new Error('no material')
    for (const { KeyId } of [other, here]) {
      const [theirs] = await world.store.materials.list(KeyId)
      if (!theirs) throw new Error('no material')
      await world.store.materials.put({ ...own, wrapped: theirs.wrapped })
      const { status, json } = await world.call('Decrypt', { CiphertextBlob })
      expect([status, json.__type]).toEqual([500, 'KeyUnavailableException'])
    }
  })

  test('keeps its store from being deleted, until it is gone itself', async () => {
    const id = await connected()
    const key = await keyIn(id)
    expect(refusal(await on('DeleteCustomKeyStore', id))).toEqual(inState(id, 'CONNECTED', 'DISCONNECTED'))
    await on('DisconnectCustomKeyStore', id)
    await world.call('ScheduleKeyDeletion', { KeyId: key.KeyId, PendingWindowInDays: 7 })
    expect(refusal(await on('DeleteCustomKeyStore', id))).toEqual([
      400,
      'CustomKeyStoreHasCMKsException',
      `Custom key store ${id} contains KMS keys.`,
    ])
  })

  test('is told of in the audit trail with its store', async () => {
    const id = await connected()
    const key = await keyIn(id)
    await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x') })
    expect(world.records.at(-1)).toMatchObject({
      eventName: 'Encrypt',
      additionalEventData: { customKeyStoreId: id },
    })
    expect(JSON.stringify([world.records, world.logged])).not.toContain('kmsPswd1')
  })

  test.each<[string, Members]>([
    ['GenerateDataKeyPair', { KeyPairSpec: 'ECC_NIST_P256' }],
    ['GenerateDataKeyPairWithoutPlaintext', { KeyPairSpec: 'ECC_NIST_P256' }],
    ['GetParametersForImport', { WrappingAlgorithm: 'RSAES_OAEP_SHA_256', WrappingKeySpec: 'RSA_2048' }],
    ['EnableKeyRotation', {}],
    ['DisableKeyRotation', {}],
    ['GetKeyRotationStatus', {}],
    ['ListKeyRotations', {}],
    ['RotateKeyOnDemand', {}],
    ['CreateKeyVersion', {}],
  ])('is not for %s, connected or not', async (action, more) => {
    const id = await connected()
    const key = await keyIn(id)
    const refused = [
      400,
      'UnsupportedOperationException',
      `${key.Arn} origin is AWS_CLOUDHSM which is not valid for this operation.`,
    ]
    expect(refusal(await world.call(action, { KeyId: key.KeyId, ...more }))).toEqual(refused)
    await on('DisconnectCustomKeyStore', id)
    expect(refusal(await world.call(action, { KeyId: key.KeyId, ...more }))).toEqual(refused)
  })

  test.each<[string, Members, string, string]>([
    [
      'in several Regions',
      { MultiRegion: true },
      'UnsupportedOperationException',
      'Multi-Region keys are not supported in custom key stores.',
    ],
    [
      'of another spec',
      { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
      'ValidationException',
      'KeySpec RSA_2048 is not supported for Origin AWS_CLOUDHSM',
    ],
  ])('is not made %s', async (_, more, type, message) => {
    const input = { Origin: 'AWS_CLOUDHSM', CustomKeyStoreId: await connected(), ...more }
    expect(refusal(await world.call('CreateKey', input))).toEqual([400, type, message])
  })
})

test('random bytes come from the HSM that is asked for', async () => {
  const id = await connected()
  world.hsm.failure = new Error('gone')
  const { json } = await world.call('GenerateRandom', { NumberOfBytes: 24, CustomKeyStoreId: id })
  expect(Buffer.from(json.Plaintext, 'base64')).toHaveLength(24)
  expect((await world.call('GenerateRandom', { NumberOfBytes: 24 })).status).toBe(500)
})

/** What hangs from root keys in a store: all of it is found, and each is replaced as it was read or not at all. */
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb'
import { describe, expect, it } from 'vitest'
import type { WrappedKey } from '../../../lib/keys/key.ts'
import { connect } from '../../../lib/store/connect.ts'
import { type OpenStore, openStore } from '../../../lib/store/store.ts'
import { type BoundKey, type Holder, openWrappedKeys, type WrappedKeys } from '../../../lib/store/wrapped.ts'
import type { KeyStore } from '../../../lib/stores/key-store.ts'
import { aGrant, aKey, aMaterial, anAccessKey, place, withDirectory } from '../../harness/store.ts'

const wrapped = (rootId: string): WrappedKey => ({ ...aMaterial('any').wrapped, rootId })
const embedded = (directory: string) => ({ kind: 'embedded', directory }) as const

async function using<T extends { close(): Promise<void> }, R>(open: Promise<T>, use: (opened: T) => Promise<R>) {
  const opened = await open
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}
const inRecords = <R>(directory: string, use: (store: OpenStore) => Promise<R>) =>
  using(openStore({ ...embedded(directory), cacheTtlMs: 0, now: Date.now }), use)
const inWrapped = <R>(directory: string, use: (store: WrappedKeys) => Promise<R>) =>
  using(openWrappedKeys(embedded(directory)), use)
const put = (directory: string, item: Readonly<Record<string, unknown>>) =>
  using(connect(embedded(directory)), async ({ client, table }) => {
    await DynamoDBDocumentClient.from(client).send(new PutCommand({ TableName: table, Item: item }))
  })

async function allOf(store: WrappedKeys): Promise<readonly Holder[]> {
  const all: Holder[] = []
  for await (const holder of store.holders()) all.push(holder)
  return all.toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
}

const { account } = place
const cluster = 'cluster-2a23b4cdefg'
const stores: readonly KeyStore[] = [
  {
    id: 'cks-1',
    name: 'finance',
    createdAt: 1,
    state: 'CONNECTED',
    cluster: { id: cluster, trustAnchor: 'pem', password: wrapped('regional-1') },
  },
  {
    id: 'cks-2',
    name: 'outside',
    createdAt: 1,
    state: 'CONNECTED',
    proxy: {
      connectivity: 'PUBLIC_ENDPOINT',
      endpoint: 'https://xks.example',
      path: '/kms/xks/v1',
      credential: {
        accessKeyId: 'ABCDEFGHIJKLMNOPQRST',
        id: 'of the secret',
        account,
        createdAt: 1,
        wrapped: wrapped('regional-1'),
      },
    },
  },
]
const key = aKey()
const material = { ...aMaterial(key.id), publicKey: new Uint8Array([1, 2, 3]) }
const accessKey = anAccessKey('AKIAEXAMPLE')

const filled = (directory: string) =>
  inRecords(directory, async (store) => {
    await store.keys.create(key)
    await store.materials.create(material)
    await store.grants.create(aGrant(key.id))
    await store.accessKeys.create(accessKey)
    await store.keyStores.replace({ account, revision: 0, stores })
  })
const inFilled = (use: (store: WrappedKeys, directory: string) => Promise<void>) =>
  withDirectory(async (directory) => {
    await filled(directory)
    await inWrapped(directory, (store) => use(store, directory))
  })

const named = ({ owner }: BoundKey) => [owner.purpose, owner.id, owner.spec]

describe('what hangs from root keys', () => {
  it('is found in every kind of item that holds it, with the owner that it is bound to', () =>
    inFilled(async (store) => {
      const all = await allOf(store)
      expect(all.map(({ kind, keys }) => [kind, ...keys.map(named)])).toEqual([
        ['access-key', ['access-key', 'AKIAEXAMPLE', 'HMAC_256']],
        ['key-stores', ['access-key', 'cks-1', 'HMAC_256'], ['access-key', 'of the secret', 'HMAC_256']],
        ['material', ['key-material', key.id, 'SYMMETRIC_DEFAULT']],
      ])
      expect(all[2]?.keys[0]).toMatchObject({ wrapped: material.wrapped, publicKey: material.publicKey })
    }))

  it('is never overlooked: an item that holds it in a way unknown is named', async () => {
    const strange = { PK: 'NEW#1', SK: 'NEW', type: 'new', v: 1, list: [{ deep: wrapped('regional-1') }] }
    await withDirectory(async (directory) => {
      await put(directory, strange)
      await expect(inWrapped(directory, allOf)).rejects.toThrow(
        'NEW#1 NEW holds wrapped keys that this version knows nothing of.',
      )
    })
    const { wrapped: own, ...rest } = accessKey
    const place = { PK: 'ACCESSKEY#AKIAEXAMPLE', SK: 'ACCESSKEY', type: 'access-key', v: 1 }
    for (const more of [{ wrapped: own, second: own }, { wrapped: { ...own, more: 1 } }]) {
      await withDirectory(async (directory) => {
        await put(directory, { ...place, ...rest, ...more })
        await expect(inWrapped(directory, allOf)).rejects.toThrow(
          'ACCESSKEY#AKIAEXAMPLE ACCESSKEY is not a access-key that this version understands, and it holds wrapped keys.',
        )
      })
    }
  })

  it('is not looked for in a store that is half restored', () =>
    withDirectory(async (directory) => {
      await put(directory, { PK: 'RESTORE', SK: 'RESTORE', type: 'restore', chain: '00' })
      await expect(inWrapped(directory, allOf)).rejects.toThrow(
        'The store is half restored: end it with npm run restore.',
      )
      // It was let go of again.
      await expect(inWrapped(directory, allOf)).rejects.toThrow('half restored')
    }))

  it('is replaced where it is, and nothing else of its item is changed', () =>
    withDirectory(async (directory) => {
      await filled(directory)
      const again = wrapped('regional-2')
      await inWrapped(directory, async (store) => {
        for (const holder of await allOf(store)) expect(await store.replace(holder, () => again)).toBe(true)
      })
      await inRecords(directory, async (store) => {
        expect(await store.materials.find(key.id, material.id)).toEqual({ ...material, wrapped: again })
        expect(await store.accessKeys.find(accessKey.id)).toEqual({ ...accessKey, wrapped: again })
        const after = await store.keyStores.of(account)
        expect(after.revision).toBe(2)
        expect(after.stores.map((each) => each.cluster?.password ?? each.proxy?.credential.wrapped)).toEqual([
          again,
          again,
        ])
        expect(after.stores.map(({ name }) => name)).toEqual(['finance', 'outside'])
        // It is found as it was: by indexes too.
        expect((await store.keys.list(account, { limit: 9 })).items).toEqual([key])
        await store.materials.remove(material)
        expect(await store.materials.find(key.id, material.id)).toBeUndefined()
      })
    }))

  it('is not replaced when somebody else has done it, has changed it or has removed it', () =>
    withDirectory(async (directory) => {
      await filled(directory)
      const all = await inWrapped(directory, allOf)
      const [theirs, ours] = [wrapped('regional-2'), wrapped('regional-3')]
      await inRecords(directory, async (store) => {
        await store.materials.put({ ...material, wrapped: theirs })
        await store.accessKeys.remove(accessKey)
        await store.keyStores.replace({ account, revision: 1, stores: stores.slice(1) })
      })
      await inWrapped(directory, async (store) => {
        for (const holder of all) expect(await store.replace(holder, () => ours)).toBe(false)
        expect((await store.find({ PK: `KEY#${key.id}`, SK: `MATERIAL#${material.id}` }))?.keys[0]?.wrapped).toEqual(
          theirs,
        )
        expect(await store.find({ PK: 'ACCESSKEY#AKIAEXAMPLE', SK: 'ACCESSKEY' })).toBeUndefined()
        expect((await allOf(store)).map(({ kind }) => kind)).toEqual(['key-stores', 'material'])
      })
    }))
})

describe('the token that a key is in', () => {
  const custodyOf = (given: Parameters<typeof aKey>[0] | undefined, withStores = true) =>
    withDirectory(async (directory) => {
      const other = aMaterial('0f0e0d0c-1111-2222-3333-444455556666')
      await inRecords(directory, async (store) => {
        if (given) await store.keys.create(aKey({ ...given, id: other.keyId }))
        if (withStores) await store.keyStores.replace({ account, revision: 0, stores })
        await store.materials.create(other)
      })
      return inWrapped(directory, async (store) => {
        const [holder] = (await allOf(store)).filter(({ kind }) => kind === 'material')
        const [found] = holder?.keys ?? []
        return found && (await store.custodyOf(found))
      })
    })

  it('is that of the custom key store of its key, and the first for all others', async () => {
    expect(await custodyOf({})).toEqual({ cluster: undefined })
    expect(await custodyOf({ keyStore: { id: 'cks-1' } })).toEqual({ cluster })
    expect(await custodyOf({ keyStore: { id: 'cks-2', externalKeyId: 'theirs' } })).toEqual({ cluster: undefined })
  })

  it('is unknown when the key is not there, or its store is not, unless there is but one token', async () => {
    expect(await custodyOf(undefined)).toBeUndefined()
    expect(await custodyOf({ keyStore: { id: 'cks-9' } })).toBeUndefined()
    expect(await custodyOf(undefined, false)).toEqual({ cluster: undefined })
  })
})

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DueKind, dueSortValue } from '../../../lib/keys/due.ts'
import type { Key } from '../../../lib/keys/key.ts'
import { Conflict, type Page, type PageRequest } from '../../../lib/ports.ts'
import type { Records } from '../../../lib/store/cached.ts'
import { openStore, recordsIn } from '../../../lib/store/store.ts'
import type { KeyStore } from '../../../lib/stores/key-store.ts'
import { faultyTable } from '../../harness/memory-dynamodb.ts'
import { memoryStore } from '../../harness/memory-store.ts'
import { memoryTable } from '../../harness/memory-table.ts'
import { aKey, aMaterial, anAccessKey, anAlias, temporaryDirectory } from '../../harness/store.ts'
import { openTableServer, tableCredentials, tableServerKind } from '../../harness/table-server.ts'
import { keepsGrants } from './grants.contract.ts'
import { keepsPrincipals } from './principals.contract.ts'

// The client that the store makes finds its credentials where a deployment has them.
Object.assign(process.env, tableCredentials)

interface Opened {
  readonly store: Records
  readonly close: () => Promise<void>
}

async function embedded(cacheTtlMs: number): Promise<Opened> {
  const directory = await temporaryDirectory()
  const store = await openStore({ kind: 'embedded', directory: directory.path, cacheTtlMs, now: Date.now })
  return {
    store,
    close: async () => {
      await store.close()
      await directory.remove()
    },
  }
}

async function onServer(): Promise<Opened> {
  const tables = await openTableServer()
  const name = `keystead-${randomUUID()}`
  await tables.makeTables(name)
  const at = { region: 'us-east-1', endpoint: tables.endpoint, table: name }
  const store = await openStore({ kind: 'dynamodb', ...at, cacheTtlMs: 0, now: Date.now })
  return {
    store,
    close: async () => {
      await store.close()
      await tables.close()
    },
  }
}

async function all<T>(list: (page: PageRequest) => Promise<Page<T>>, sortValue: (item: T) => string, limit: number) {
  const pages: T[][] = []
  let page: Page<T> = { items: [], more: true }
  while (page.more) {
    const last = pages.at(-1)?.at(-1)
    page = await list({ limit, ...(last !== undefined && { after: sortValue(last) }) })
    pages.push([...page.items])
  }
  return pages
}

/** A stand-in for AWS is no match for hundreds at once. */
async function inTurns<T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += 25) await Promise.all(items.slice(at, at + 25).map(write))
}

const accountOfItsOwn = () => String(Math.floor(Math.random() * 1e12)).padStart(12, '0')
const idOf = ({ id }: Key) => id

describe('in memory', () => keepsTheContract(async () => ({ store: memoryStore(), close: async () => {} })))
describe("in memory, as the table's items", () =>
  keepsTheContract(async () => ({ store: recordsIn(memoryTable(new Map())), close: async () => {} })))
describe('in memory, through the SDK', () =>
  keepsTheContract(async () => ({
    store: recordsIn(await faultyTable(new Map(), () => undefined)),
    close: async () => {},
  })))
describe('embedded', () => keepsTheContract(() => embedded(0)))
describe('embedded, behind the cache', () => keepsTheContract(() => embedded(60_000)))
describe(`on a table of ${tableServerKind}`, () => keepsTheContract(onServer))

function keepsTheContract(open: () => Promise<Opened>): void {
  let opened: Opened
  let store: Records
  beforeAll(async () => {
    opened = await open()
    store = opened.store
  }, 60_000)
  afterAll(() => opened.close())

  keepsGrants(() => store)
  keepsPrincipals(() => store)

  describe('keys', () => {
    test('are found as they were created, with their material', async () => {
      const id = randomUUID()
      const material = aMaterial(id)
      const key = aKey({ id, description: 'for backups', tags: { team: 'core' }, currentMaterialId: material.id })
      await store.keys.create(key, material)
      expect(await store.keys.find(id)).toStrictEqual(key)
      expect(await store.materials.find(id, material.id)).toStrictEqual(material)
    })

    test('that were never created are not found, nor is their material', async () => {
      expect(await store.keys.find(randomUUID())).toBeUndefined()
      expect(await store.materials.find(randomUUID(), 'a'.repeat(64))).toBeUndefined()
    })

    test('that were looked for before are found once created', async () => {
      const id = randomUUID()
      const material = aMaterial(id)
      expect(await store.keys.find(id)).toBeUndefined()
      expect(await store.materials.find(id, material.id)).toBeUndefined()
      await store.keys.create(aKey({ id }), material)
      expect(await store.keys.find(id)).toBeDefined()
      expect(await store.materials.find(id, material.id)).toStrictEqual(material)
    })

    test('are not created twice, and the first stays as it is', async () => {
      const key = aKey({ description: 'first' })
      await store.keys.create(key)
      await expect(store.keys.create({ ...key, description: 'second' })).rejects.toThrow(Conflict)
      expect(await store.keys.find(key.id, { fresh: true })).toStrictEqual(key)
    })

    test('get the next revision when replaced, and lose what they no longer have', async () => {
      const key = aKey({ state: 'PendingDeletion', deletion: { at: Date.UTC(2026, 5, 1) } })
      await store.keys.create(key)
      const { deletion: _, ...kept } = key
      await store.keys.replace({ ...kept, state: 'Disabled' })
      expect(await store.keys.find(key.id)).toStrictEqual({ ...kept, state: 'Disabled', revision: 2 })
    })

    test('are not replaced from another revision, nor when there is none', async () => {
      const key = aKey()
      await store.keys.create(key)
      await store.keys.replace({ ...key, description: 'newer' })
      await expect(store.keys.replace({ ...key, description: 'stale' })).rejects.toThrow(Conflict)
      await expect(store.keys.replace({ ...key, revision: 3 })).rejects.toThrow(Conflict)
      await expect(store.keys.replace(aKey())).rejects.toThrow(Conflict)
      const newer = { ...key, description: 'newer', revision: 2 }
      expect(await store.keys.find(key.id, { fresh: true })).toStrictEqual(newer)
    })

    test('lose no update when 50 writers change one of them at once', async () => {
      const { id } = aKey()
      await store.keys.create(aKey({ id }))
      const writers = Array.from({ length: 50 }, (_, writer) => `writer-${writer}`)
      const addTag = async (name: string): Promise<void> => {
        for (;;) {
          const key = await store.keys.find(id, { fresh: true })
          if (!key) throw new Error('the key is gone')
          try {
            return await store.keys.replace({ ...key, tags: { ...key.tags, [name]: 'done' } })
          } catch (error) {
            if (!(error instanceof Conflict)) throw error
          }
        }
      }
      await Promise.all(writers.map(addTag))
      const key = await store.keys.find(id, { fresh: true })
      expect(Object.keys(key?.tags ?? {}).sort()).toStrictEqual([...writers].sort())
      expect(key?.revision).toBe(51)
    }, 60_000)

    test('are listed in full, by id, each account apart, and `more` is exact', async () => {
      const account = accountOfItsOwn()
      const created = Array.from({ length: 250 }, () => aKey({ account }))
      await inTurns([...created, aKey({ account: accountOfItsOwn() })], (key) => store.keys.create(key))
      const ids = created.map(idOf).sort()
      const list = (page: PageRequest) => store.keys.list(account, page)
      await expect.poll(async () => (await list({ limit: 1000 })).items.length).toBe(250)
      for (const limit of [1, 100, 125, 250, 1000]) {
        const pages = await all(list, idOf, limit)
        expect(pages.flat().map(idOf)).toStrictEqual(ids)
        expect(pages).toHaveLength(Math.ceil(250 / limit))
      }
    }, 60_000)

    test('are listed as they are, however large', async () => {
      const account = accountOfItsOwn()
      const large = Array.from({ length: 40 }, () => aKey({ account, policy: 'p'.repeat(32_768) }))
      await Promise.all(large.map((key) => store.keys.create(key)))
      const listed = async () => (await store.keys.list(account, { limit: 40 })).items
      await expect.poll(async () => (await listed()).length).toBe(40)
      expect(await listed()).toStrictEqual([...large].sort((a, b) => (a.id < b.id ? -1 : 1)))
    }, 60_000)

    test.each([
      ['nothing', '', true],
      ['a value between two', '5', false],
      ['a value beyond every other', '\u{10ffff}\u{10ffff}', false],
    ])('are listed after %s', async (_, after, found) => {
      const account = accountOfItsOwn()
      const key = aKey({ account, id: `4${randomUUID().slice(1)}` })
      await store.keys.create(key)
      await expect.poll(async () => (await store.keys.list(account, { limit: 1 })).items.length).toBe(1)
      const items = found ? [key] : []
      expect(await store.keys.list(account, { limit: 1, after })).toStrictEqual({ items, more: false })
    })

    test('of an account without any are an empty page', async () => {
      expect(await store.keys.list(accountOfItsOwn(), { limit: 10 })).toStrictEqual({ items: [], more: false })
    })
  })

  describe('keys that something is due with', () => {
    const at = (year: number) => Date.UTC(year, 0, 1)
    const page = (year: number, request: PageRequest) => store.keys.due('rotate', 'c', at(year), request)
    const due = async (year: number) => (await page(year, { limit: 1000 })).items
    const rotated = (year: number, given: Partial<Key> = {}) =>
      aKey({ id: `${randomUUID().slice(0, -1)}c`, rotation: { periodInDays: 365, nextAt: at(year) }, ...given })
    const among = async (year: number, keys: readonly Key[]) =>
      (await due(year)).map(idOf).filter((id) => keys.some((key) => key.id === id))

    test('are found when it is due, longest due first, in pages that end exactly', async () => {
      const keys = [2033, 2031, 2032, 2031].map((year) => rotated(year))
      await Promise.all(keys.map((key) => store.keys.create(key)))
      await expect.poll(async () => (await among(2033, keys)).length).toBe(4)
      const years = (await due(2033)).map(({ rotation }) => rotation?.nextAt ?? 0)
      expect(years).toStrictEqual(years.toSorted((a, b) => a - b))
      expect(await among(2032, keys)).not.toContain(keys[0]?.id)
      expect(await among(2032, keys)).toHaveLength(3)
      const sortValue = (key: Key) => dueSortValue(key, { kind: 'rotate', at: key.rotation?.nextAt ?? 0 })
      const pages = await all((request) => page(2033, request), sortValue, 2)
      expect(pages.flat().map(idOf)).toStrictEqual((await due(2033)).map(idOf))
      expect(pages.every(({ length }) => length <= 2)).toBe(true)
    })

    test('are of one kind at a time, that which is due first', async () => {
      const deletion = { at: at(2031) }
      const key = rotated(2030, { state: 'PendingDeletion', deletion })
      const imports = [{ materialId: 'a'.repeat(64), state: 'IMPORTED', validTo: at(2030) }] as const
      const expiring = rotated(2030, { state: 'PendingDeletion', deletion, imports })
      await Promise.all([store.keys.create(key), store.keys.create(expiring)])
      const of = async (kind: DueKind) =>
        (await store.keys.due(kind, 'c', at(2031), { limit: 1000 })).items
          .map(idOf)
          .filter((id) => id === key.id || id === expiring.id)
      await expect.poll(() => of('delete')).toStrictEqual([key.id])
      await expect.poll(() => of('expire')).toStrictEqual([expiring.id])
      expect(await of('rotate')).toStrictEqual([])
    })

    test('are gone once removed, and not removed from another revision', async () => {
      const key = rotated(2030)
      await store.keys.create(key)
      await expect(store.keys.remove({ ...key, revision: 7 })).rejects.toThrow(Conflict)
      await store.keys.remove(key)
      expect(await store.keys.find(key.id)).toBeUndefined()
      await expect.poll(() => among(2030, [key])).toStrictEqual([])
    })

    test('are not found while they are disabled or to be deleted, nor once their date has moved', async () => {
      const key = rotated(2030)
      await store.keys.create(key)
      await expect.poll(() => among(2030, [key])).toStrictEqual([key.id])
      await store.keys.replace({ ...key, state: 'Disabled' })
      await expect.poll(() => among(2030, [key])).toStrictEqual([])
      await store.keys.replace({ ...key, revision: 2, state: 'PendingDeletion', deletion: { at: at(2029) } })
      await expect.poll(() => among(2030, [key])).toStrictEqual([])
      await store.keys.replace({ ...key, revision: 3 })
      await expect.poll(() => among(2030, [key])).toStrictEqual([key.id])
      await store.keys.replace({ ...key, revision: 4, rotation: { periodInDays: 365, nextAt: at(2040) } })
      await expect.poll(() => among(2030, [key])).toStrictEqual([])
    })
  })

  describe('materials', () => {
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)

    test('are found once created, and not created twice', async () => {
      const material = { ...aMaterial(randomUUID()), follows: 'a'.repeat(64), number: 2 }
      expect(await store.materials.find(material.keyId, material.id)).toBeUndefined()
      await store.materials.create(material)
      expect(await store.materials.find(material.keyId, material.id)).toStrictEqual(material)
      await expect(store.materials.create({ ...material, number: 3 })).rejects.toThrow(Conflict)
      expect(await store.materials.find(material.keyId, material.id)).toStrictEqual(material)
    })

    test('are listed in full, of their key alone', async () => {
      const keyId = randomUUID()
      const made = Array.from({ length: 60 }, (_, n) => ({
        ...aMaterial(keyId),
        number: n + 1,
        publicKey: new Uint8Array(2000),
        rotation: { type: 'AUTOMATIC' as const, at: Date.UTC(2026, 1, 1) },
      }))
      const [first, ...rest] = made
      await store.keys.create(aKey({ id: keyId }), first)
      await inTurns([...rest, aMaterial(randomUUID())], (material) => store.materials.create(material))
      const listed = await store.materials.list(keyId)
      expect(listed.toSorted(byId)).toStrictEqual(made.toSorted(byId))
      expect(await store.materials.list(randomUUID())).toStrictEqual([])
    })
  })

  describe('last uses', () => {
    test('are kept unless a later one is there', async () => {
      const keyId = randomUUID()
      const use = (at: number) => ({ keyId, operation: 'Encrypt', at, eventId: `event-${at}`, requestId: `r-${at}` })
      expect(await store.uses.find(keyId)).toBeUndefined()
      await store.uses.keep(use(20))
      await store.uses.keep(use(10))
      expect(await store.uses.find(keyId)).toStrictEqual(use(20))
      await Promise.all([25, 40, 30, 35].map((at) => store.uses.keep(use(at))))
      expect(await store.uses.find(keyId)).toStrictEqual(use(40))
    })
  })

  describe('aliases', () => {
    const named = () => `alias/${randomUUID()}`

    test('are found by account and name, and in no other account', async () => {
      const alias = anAlias(named(), randomUUID())
      await store.aliases.create(alias)
      expect(await store.aliases.find(alias.account, alias.name)).toStrictEqual(alias)
      expect(await store.aliases.find(accountOfItsOwn(), alias.name)).toBeUndefined()
      expect(await store.aliases.find(alias.account, `${alias.name}x`)).toBeUndefined()
    })

    test('are taken once in an account, and again in another', async () => {
      const alias = anAlias(named(), randomUUID())
      await store.aliases.create(alias)
      await expect(store.aliases.create({ ...alias, targetKeyId: randomUUID() })).rejects.toThrow(Conflict)
      await store.aliases.create({ ...alias, account: accountOfItsOwn() })
      expect(await store.aliases.find(alias.account, alias.name, { fresh: true })).toStrictEqual(alias)
    })

    test('move from one key to another', async () => {
      const [from, to] = [randomUUID(), randomUUID()]
      const alias = anAlias(named(), from)
      await store.aliases.create(alias)
      await store.aliases.replace({ ...alias, targetKeyId: to })
      const moved = { ...alias, targetKeyId: to, revision: 2 }
      expect(await store.aliases.find(alias.account, alias.name)).toStrictEqual(moved)
      await expect.poll(() => store.aliases.ofKey(to, { limit: 10 })).toStrictEqual({ items: [moved], more: false })
      await expect.poll(() => store.aliases.ofKey(from, { limit: 10 })).toStrictEqual({ items: [], more: false })
    })

    test('are not replaced or removed from another revision', async () => {
      const alias = anAlias(named(), randomUUID())
      await store.aliases.create(alias)
      await store.aliases.replace(alias)
      await expect(store.aliases.replace(alias)).rejects.toThrow(Conflict)
      await expect(store.aliases.remove(alias)).rejects.toThrow(Conflict)
      await expect(store.aliases.remove(anAlias(named(), randomUUID()))).rejects.toThrow(Conflict)
      const found = await store.aliases.find(alias.account, alias.name, { fresh: true })
      expect(found).toStrictEqual({ ...alias, revision: 2 })
    })

    test('are gone once removed, and free to be taken again', async () => {
      const alias = anAlias(named(), randomUUID())
      await store.aliases.create(alias)
      await store.aliases.remove(alias)
      expect(await store.aliases.find(alias.account, alias.name)).toBeUndefined()
      const ofKey = () => store.aliases.ofKey(alias.targetKeyId, { limit: 10 })
      await expect.poll(ofKey).toStrictEqual({ items: [], more: false })
      await store.aliases.create({ ...alias, targetKeyId: 'another' })
      expect((await store.aliases.find(alias.account, alias.name))?.targetKeyId).toBe('another')
    })

    test('are listed by name, of an account and of a key, in pages', async () => {
      const account = accountOfItsOwn()
      const keyIds = [randomUUID(), randomUUID(), randomUUID()]
      const created = Array.from({ length: 90 }, (_, n) => anAlias(`alias/a${n}`, keyIds[n % 3] ?? '', { account }))
      await inTurns(created, (alias) => store.aliases.create(alias))
      await expect.poll(async () => (await store.aliases.list(account, { limit: 100 })).items.length).toBe(90)
      const names = (aliases: typeof created) => aliases.map(({ name }) => name)
      for (const limit of [1, 30, 45, 100]) {
        const pages = await all(
          (page) => store.aliases.list(account, page),
          ({ name }) => name,
          limit,
        )
        expect(names(pages.flat())).toStrictEqual(names(created).sort())
        expect(pages).toHaveLength(Math.ceil(90 / limit))
      }
      for (const keyId of keyIds) {
        const pages = await all(
          (page) => store.aliases.ofKey(keyId, page),
          ({ name }) => name,
          15,
        )
        expect(names(pages.flat())).toStrictEqual(names(created.filter((alias) => alias.targetKeyId === keyId)).sort())
        expect(pages).toHaveLength(2)
      }
    }, 60_000)
  })

  describe('key stores', () => {
    const credential = (account: string) => ({
      accessKeyId: 'ABCDEFGHIJKLMNOPQRST',
      id: randomUUID(),
      account,
      createdAt: 1,
      wrapped: aMaterial(randomUUID()).wrapped,
    })
    const external = (account: string): KeyStore => ({
      id: 'cks-1234567890abcdef0',
      name: 'vault',
      createdAt: 1,
      state: 'FAILED',
      error: 'XKS_PROXY_TIMED_OUT',
      proxy: {
        connectivity: 'VPC_ENDPOINT_SERVICE',
        endpoint: 'https://proxy.example',
        path: '/kms/xks/v1',
        credential: credential(account),
        service: { name: 'com.amazonaws.vpce.us-east-1.vpce-svc-0', owner: account },
      },
    })
    const ofCluster: KeyStore = {
      id: 'cks-1234567890abcdef1',
      name: 'hsm',
      createdAt: 2,
      state: 'DISCONNECTED',
      cluster: { id: 'cluster-2a23b4cdefg', trustAnchor: 'PEM', password: aMaterial(randomUUID()).wrapped },
    }

    test('of an account without any are none, at revision 0', async () => {
      const account = accountOfItsOwn()
      expect(await store.keyStores.of(account)).toStrictEqual({ account, revision: 0, stores: [] })
    })

    test('are found as they were written, each account apart, at the next revision', async () => {
      const account = accountOfItsOwn()
      const stores = [external(account), ofCluster]
      await store.keyStores.replace({ account, revision: 0, stores })
      expect(await store.keyStores.of(account)).toStrictEqual({ account, revision: 1, stores })
      await store.keyStores.replace({ account, revision: 1, stores: [ofCluster] })
      expect(await store.keyStores.of(account)).toStrictEqual({ account, revision: 2, stores: [ofCluster] })
      expect((await store.keyStores.of(accountOfItsOwn())).stores).toStrictEqual([])
    })

    test('are not written from another revision, the first included', async () => {
      const account = accountOfItsOwn()
      const first = { account, revision: 0, stores: [] }
      await store.keyStores.replace(first)
      await expect(store.keyStores.replace({ ...first, stores: [ofCluster] })).rejects.toThrow(Conflict)
      await expect(store.keyStores.replace({ ...first, revision: 2 })).rejects.toThrow(Conflict)
      expect(await store.keyStores.of(account, { fresh: true })).toStrictEqual({ ...first, revision: 1 })
    })

    test('have keys that are found with their store and external key', async () => {
      const key = aKey({ keyStore: { id: 'cks-1234567890abcdef0', externalKeyId: 'external-1' } })
      await store.keys.create(key)
      expect(await store.keys.find(key.id)).toStrictEqual(key)
    })
  })

  describe('access keys', () => {
    const fresh = () => `AKIA${randomUUID().slice(0, 16).replaceAll('-', 'X').toUpperCase()}`

    test('are found as they were created', async () => {
      const accessKey = anAccessKey(fresh())
      expect(await store.accessKeys.find(accessKey.id)).toBeUndefined()
      await store.accessKeys.create(accessKey)
      expect(await store.accessKeys.find(accessKey.id)).toStrictEqual(accessKey)
    })

    test('are not created twice', async () => {
      const accessKey = anAccessKey(fresh())
      await store.accessKeys.create(accessKey)
      await expect(store.accessKeys.create({ ...accessKey, status: 'Inactive' })).rejects.toThrow(Conflict)
      expect(await store.accessKeys.find(accessKey.id, { fresh: true })).toStrictEqual(accessKey)
    })

    test('are removed, but not where another was made since', async () => {
      const accessKey = { ...anAccessKey(fresh()), userId: 'AIDAEXAMPLE' }
      await store.accessKeys.create(accessKey)
      await store.accessKeys.remove({ ...accessKey, createdAt: accessKey.createdAt - 1 })
      expect(await store.accessKeys.find(accessKey.id)).toStrictEqual(accessKey)
      await store.accessKeys.remove(accessKey)
      expect(await store.accessKeys.find(accessKey.id)).toBeUndefined()
    })

    test('with an id longer than any there can be are not found', async () => {
      expect(await store.accessKeys.find('A'.repeat(4000))).toBeUndefined()
    })
  })
}

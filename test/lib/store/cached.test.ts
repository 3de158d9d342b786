import { describe, expect, test } from 'vitest'
import { named } from '../../../lib/identity/principals.ts'
import type { Key } from '../../../lib/keys/key.ts'
import { Conflict } from '../../../lib/ports.ts'
import { cached, type Records } from '../../../lib/store/cached.ts'
import { aUser } from '../../harness/identities.ts'
import { memoryStore } from '../../harness/memory-store.ts'
import { aKey, aMaterial, anAccessKey, anAlias } from '../../harness/store.ts'

/** A cache over a store in memory, a clock that stands, and the reads that came through. */
function behindCache({ ttlMs = 1000, capacity = 100 } = {}) {
  const clock = { now: 50_000 }
  const asked: string[] = []
  const noting = <T>(name: string, ask: () => T): T => {
    asked.push(name)
    return ask()
  }
  const memory = memoryStore()
  const store: Records = {
    ...memory,
    keys: { ...memory.keys, find: (id) => noting(id, () => memory.keys.find(id)) },
    materials: { ...memory.materials, find: (keyId, id) => noting(id, () => memory.materials.find(keyId, id)) },
    aliases: { ...memory.aliases, find: (account, name) => noting(name, () => memory.aliases.find(account, name)) },
    accessKeys: { ...memory.accessKeys, find: (id) => noting(id, () => memory.accessKeys.find(id)) },
  }
  return { clock, asked, store: memory, cache: cached(store, { ttlMs, capacity, now: () => clock.now }) }
}

/** A cache whose reads of keys are answered by hand, in any order. */
function answeredByHand() {
  const reads: { answer: (key: Key | undefined) => void; fail: (error: Error) => void }[] = []
  const memory = memoryStore()
  const find = () => new Promise<Key | undefined>((answer, fail) => reads.push({ answer, fail }))
  const cache = cached({ ...memory, keys: { ...memory.keys, find } }, { ttlMs: 1000, capacity: 10, now: () => 0 })
  return { reads, store: memory, cache }
}

describe('the cache', () => {
  test('answers from memory until the bound, and then asks again', async () => {
    const { clock, asked, store, cache } = behindCache()
    const key = aKey()
    await store.keys.create(key)
    await cache.keys.find(key.id)
    await store.keys.replace({ ...key, description: 'changed elsewhere' })
    clock.now += 999
    expect((await cache.keys.find(key.id))?.description).toBe('')
    clock.now += 1
    expect((await cache.keys.find(key.id))?.description).toBe('changed elsewhere')
    expect(asked).toStrictEqual([key.id, key.id])
  })

  test('does not trust its answers once the clock was set back', async () => {
    const { clock, asked, store, cache } = behindCache()
    const key = aKey()
    await store.keys.create(key)
    await cache.keys.find(key.id)
    clock.now -= 1
    await cache.keys.find(key.id)
    expect(asked).toHaveLength(2)
  })

  test('holds materials, aliases and access keys, each by all of its name', async () => {
    const { asked, store, cache } = behindCache()
    const [key, alias, accessKey] = [aKey(), anAlias('alias/x', 'k'), anAccessKey('AKIAEXAMPLE')]
    const material = aMaterial(key.id)
    await store.keys.create(key, material)
    await store.aliases.create(alias)
    await store.accessKeys.create(accessKey)
    for (let time = 0; time < 2; time += 1) {
      expect(await cache.materials.find(key.id, material.id)).toStrictEqual(material)
      expect(await cache.materials.find('another', material.id)).toBeUndefined()
      expect(await cache.aliases.find(alias.account, alias.name)).toStrictEqual(alias)
      expect(await cache.aliases.find('999999999999', alias.name)).toBeUndefined()
      expect(await cache.accessKeys.find(accessKey.id)).toStrictEqual(accessKey)
    }
    expect(asked).toStrictEqual([material.id, material.id, alias.name, alias.name, accessKey.id])
  })

  test('remembers what does not exist, until it is created here', async () => {
    const { asked, cache } = behindCache()
    const [key, alias, accessKey] = [aKey(), anAlias('alias/x', 'k'), anAccessKey('AKIAEXAMPLE')]
    const find = () =>
      Promise.all([
        cache.keys.find(key.id),
        cache.aliases.find(alias.account, alias.name),
        cache.accessKeys.find(accessKey.id),
      ])
    expect(await find()).toStrictEqual([undefined, undefined, undefined])
    expect(await find()).toStrictEqual([undefined, undefined, undefined])
    expect(asked).toHaveLength(3)
    await cache.keys.create(key)
    await cache.aliases.create(alias)
    await cache.accessKeys.create(accessKey)
    expect(await find()).toStrictEqual([key, alias, accessKey])
  })

  test('shows a change made here at once', async () => {
    const { cache } = behindCache()
    const [key, alias] = [aKey(), anAlias('alias/x', 'k')]
    await cache.keys.create(key)
    await cache.aliases.create(alias)
    await cache.keys.find(key.id)
    await cache.aliases.find(alias.account, alias.name)
    await cache.keys.replace({ ...key, state: 'Disabled' })
    await cache.aliases.replace({ ...alias, targetKeyId: 'another' })
    expect((await cache.keys.find(key.id))?.state).toBe('Disabled')
    const moved = await cache.aliases.find(alias.account, alias.name)
    expect(moved?.targetKeyId).toBe('another')
    if (moved) await cache.aliases.remove(moved)
    expect(await cache.aliases.find(alias.account, alias.name)).toBeUndefined()
  })

  test('shows what a refused change ran into', async () => {
    const { store, cache } = behindCache()
    const key = aKey()
    await store.keys.create(key)
    await cache.keys.find(key.id)
    await store.keys.replace({ ...key, description: 'changed elsewhere' })
    await expect(cache.keys.replace(key)).rejects.toThrow(Conflict)
    expect((await cache.keys.find(key.id))?.description).toBe('changed elsewhere')
  })

  test('asks the store when told to, and answers with that from then on', async () => {
    const { asked, store, cache } = behindCache()
    const key = aKey()
    await store.keys.create(key)
    await cache.keys.find(key.id)
    await store.keys.replace({ ...key, description: 'changed elsewhere' })
    expect((await cache.keys.find(key.id, { fresh: true }))?.description).toBe('changed elsewhere')
    expect((await cache.keys.find(key.id))?.description).toBe('changed elsewhere')
    expect(asked).toHaveLength(2)
  })

  test('asks once for all who ask at the same time', async () => {
    const { reads, cache } = answeredByHand()
    const key = aKey()
    const asking = [cache.keys.find(key.id), cache.keys.find(key.id), cache.keys.find(key.id)]
    expect(reads).toHaveLength(1)
    reads[0]?.answer(key)
    expect(await Promise.all(asking)).toStrictEqual([key, key, key])
  })

  test('fails all who ask at the same time, and remembers no failure', async () => {
    const { reads, cache } = answeredByHand()
    const key = aKey()
    const asking = [cache.keys.find(key.id), cache.keys.find(key.id)]
    reads[0]?.fail(new Error('out of reach'))
    for (const each of asking) await expect(each).rejects.toThrow('out of reach')
    const again = cache.keys.find(key.id)
    reads[1]?.answer(key)
    expect(await again).toStrictEqual(key)
  })

  test('does not keep the answer to a read that a write overtook', async () => {
    const { reads, store, cache } = answeredByHand()
    const key = aKey()
    await store.keys.create(key)
    const early = cache.keys.find(key.id)
    await cache.keys.replace(key)
    const late = cache.keys.find(key.id)
    expect(reads).toHaveLength(2)
    reads[1]?.answer({ ...key, revision: 2 })
    expect((await late)?.revision).toBe(2)
    reads[0]?.answer(key)
    expect((await early)?.revision).toBe(1)
    expect((await cache.keys.find(key.id))?.revision).toBe(2)
    expect(reads).toHaveLength(2)
  })

  test('does not let an early read answer one that wants it fresh, nor overwrite it', async () => {
    const { reads, cache } = answeredByHand()
    const key = aKey()
    const early = cache.keys.find(key.id)
    const fresh = cache.keys.find(key.id, { fresh: true })
    expect(reads).toHaveLength(2)
    reads[1]?.answer({ ...key, revision: 2 })
    expect((await fresh)?.revision).toBe(2)
    reads[0]?.answer(key)
    await early
    expect((await cache.keys.find(key.id))?.revision).toBe(2)
  })

  test('counts the age of an answer from when it was asked for', async () => {
    let now = 0
    const answers: ((key: Key) => void)[] = []
    const memory = memoryStore()
    const find = () => new Promise<Key>((answer) => answers.push(answer))
    const cache = cached({ ...memory, keys: { ...memory.keys, find } }, { ttlMs: 1000, capacity: 10, now: () => now })
    const key = aKey()
    const asking = cache.keys.find(key.id)
    now = 1000
    answers[0]?.(key)
    await asking
    void cache.keys.find(key.id)
    expect(answers).toHaveLength(2)
  })

  test('holds no more than it may, and drops what was used least lately', async () => {
    const { asked, store, cache } = behindCache({ capacity: 2 })
    const [a, b, c] = [aKey(), aKey(), aKey()]
    for (const key of [a, b, c]) await store.keys.create(key)
    for (const { id } of [a, b, a, c, a, b]) await cache.keys.find(id)
    expect(asked).toStrictEqual([a.id, b.id, c.id, b.id])
  })

  test('drops nothing that exists for what does not', async () => {
    const { asked, store, cache } = behindCache({ capacity: 2 })
    const accessKey = anAccessKey('AKIAEXAMPLE')
    await store.accessKeys.create(accessKey)
    await cache.accessKeys.find(accessKey.id)
    for (let n = 0; n < 10; n += 1) await cache.accessKeys.find(`AKIAGUESS${n}`)
    await cache.accessKeys.find(accessKey.id)
    expect(asked.filter((id) => id === accessKey.id)).toHaveLength(1)
  })

  test('keeps nothing when the bound is 0', async () => {
    const { asked, store, cache } = behindCache({ ttlMs: 0 })
    const key = aKey()
    await store.keys.create(key)
    await Promise.all([cache.keys.find(key.id), cache.keys.find(key.id)])
    expect(asked).toHaveLength(2)
  })
})

describe("the cache of IAM's records", () => {
  test('answers for a caller from memory, until this process or the bound says otherwise', async () => {
    const memory = memoryStore()
    const asked: string[] = []
    const { users } = memory.principals
    const noting = <T>(name: string, ask: () => T): T => {
      asked.push(name)
      return ask()
    }
    const noted = {
      ...users,
      find: (id: string) => noting('find', () => users.find(id)),
      idOf: (account: string, name: string) => noting('idOf', () => users.idOf(account, name)),
    }
    const clock = { now: 0 }
    const store = { ...memory, principals: { ...memory.principals, users: noted } }
    const cache = cached(store, { ttlMs: 1000, capacity: 10, now: () => clock.now }).principals.users
    const bob = aUser('bob')
    await cache.create(bob)
    for (let times = 0; times < 3; times++) expect((await named(cache, bob.account, 'BOB'))?.id).toBe(bob.id)
    expect(asked).toEqual(['idOf', 'find'])

    await cache.replace({ ...bob, tags: { a: 'b' } })
    expect((await cache.find(bob.id))?.tags).toEqual({ a: 'b' })
    const changed = (await users.find(bob.id)) ?? bob
    await users.replace({ ...changed, tags: {} })
    expect((await cache.find(bob.id))?.tags).toEqual({ a: 'b' })
    clock.now += 1000
    expect((await cache.find(bob.id))?.tags).toEqual({})

    const now = (await users.find(bob.id)) ?? bob
    await cache.rename({ ...now, name: 'rob' }, 'bob')
    expect(await named(cache, bob.account, 'bob')).toBeUndefined()
    expect((await named(cache, bob.account, 'rob'))?.id).toBe(bob.id)
    await cache.remove((await users.find(bob.id)) ?? bob)
    expect(await cache.find(bob.id)).toBeUndefined()
  })
})

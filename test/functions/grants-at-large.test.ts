/** Grants where there are many of them, or several processes: what is read, how often, and how soon a change is seen. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Grant } from '../../lib/grants/grant.ts'
import { GrantTokens } from '../../lib/grants/tokens.ts'
import type { User } from '../../lib/identity/entities.ts'
import type { OpenWorld } from '../../lib/runtime.ts'
import { cached, type Records } from '../../lib/store/cached.ts'
import { type OpenStore, openStore } from '../../lib/store/store.ts'
import { addUser } from '../harness/identities.ts'
import type { Credentials } from '../harness/sign.ts'
import { aGrant, temporaryDirectory } from '../harness/store.ts'
import { base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let key: { KeyId: string; Arn: string }
let alice: User
let asAlice: Credentials

async function setUp(): Promise<void> {
  world = await TestWorld.start()
  key = await world.key()
  ;({ user: alice, credentials: asAlice } = await addUser(world, 'alice'))
}

const create = async (given: object = {}) =>
  (
    await world.call('CreateGrant', {
      KeyId: key.KeyId,
      GranteePrincipal: alice.arn,
      Operations: ['Encrypt'],
      ...given,
    })
  ).json
const encrypt = async (given: object = {}) =>
  (await world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x'), ...given }, asAlice)).json.__type
const revoke = ({ GrantId }: { GrantId: string }) => world.call('RevokeGrant', { KeyId: key.KeyId, GrantId })

/** From now on the world answers with these. */
const become = (process: Partial<OpenWorld>): void => void Object.assign(world.open, process)

/** Ports of a store, in place of those of the world. */
const onStore = ({ keys, materials, aliases, grants }: Records): Partial<OpenWorld> => ({
  keyStore: keys,
  materials,
  aliases,
  grants,
})

describe('two processes on one store', () => {
  const ttlMs = 1000
  let here: OpenWorld
  let there: OpenWorld
  beforeEach(async () => {
    await setUp()
    const process = (): OpenWorld => ({
      ...world.open,
      ...onStore(cached(world.store, { ttlMs, capacity: 100, now: () => world.nowMs })),
      grantTokens: new GrantTokens(world.hsm),
    })
    here = process()
    there = process()
    become(here)
  })
  const on = async <T>(process: OpenWorld, act: () => Promise<T>): Promise<T> => {
    become(process)
    try {
      return await act()
    } finally {
      become(here)
    }
  }

  test('see a new grant within the bound, and with its token at once', async () => {
    expect(await on(there, encrypt)).toBe('AccessDeniedException')
    const { GrantToken } = await create()
    expect(await encrypt()).toBeUndefined()
    expect(await on(there, encrypt)).toBe('AccessDeniedException')
    expect(await on(there, () => encrypt({ GrantTokens: [GrantToken] }))).toBeUndefined()
    world.nowMs += ttlMs
    expect(await on(there, encrypt)).toBeUndefined()
  })

  test('see no grant beyond the bound after it was revoked, and not at all where that was done', async () => {
    const grant = await create()
    const shown = { GrantTokens: [grant.GrantToken] }
    expect(await on(there, encrypt)).toBeUndefined()
    expect(await on(there, () => encrypt(shown))).toBeUndefined()
    await revoke(grant)
    expect(await encrypt()).toBe('AccessDeniedException')
    expect(await encrypt(shown)).toBe('InvalidGrantTokenException')
    world.nowMs += ttlMs
    expect(await on(there, encrypt)).toBe('AccessDeniedException')
    expect(await on(there, () => encrypt(shown))).toBe('InvalidGrantTokenException')
  })

  test('let no grant be made through one that was revoked on the other', async () => {
    const Operations = ['Encrypt', 'CreateGrant']
    const grant = await create({ Operations })
    const pass = async () =>
      (
        await world.call(
          'CreateGrant',
          { KeyId: key.KeyId, GranteePrincipal: alice.arn, Operations: ['Encrypt'] },
          asAlice,
        )
      ).json.__type
    expect(await on(there, pass)).toBeUndefined()
    await revoke(grant)
    expect(await on(there, pass)).toBe('AccessDeniedException')
  })

  test('give one named grant to both', async () => {
    const first = await create({ Name: 'n' })
    expect((await on(there, () => create({ Name: 'n' }))).GrantId).toBe(first.GrantId)
  })
})

/** As many as take half a minute to make, where there is time for that. */
const count = process.env.SLOW === '1' ? 20_000 : 1000

describe(`${count} grants on one key`, () => {
  const grantees = count / 5
  let store: OpenStore
  let clock = Date.now()
  let close: () => Promise<void>
  beforeAll(async () => {
    await setUp()
    const directory = await temporaryDirectory()
    store = await openStore({ kind: 'embedded', directory: directory.path, cacheTtlMs: 1000, now: () => clock })
    close = async () => {
      await store.close()
      await directory.remove()
    }
    const stored = await world.store.keys.find(key.KeyId)
    if (!stored) throw new Error('there is no key')
    const material = await world.store.materials.find(key.KeyId, stored.currentMaterialId ?? '')
    await store.keys.create(stored, material)
    const others = Array.from({ length: count }, (_, n): Grant => aGrant(key.KeyId, `AIDA${n % grantees}`))
    while (others.length > 0) await Promise.all(others.splice(0, 500).map((grant) => store.grants.create(grant)))
    become(onStore(store))
    await create({ Constraints: { EncryptionContextSubset: { a: '1' } } })
    await create({ Constraints: { EncryptionContextSubset: { a: '2' } } })
  }, 120_000)
  afterAll(() => close())

  const readsOf = async (act: () => Promise<unknown>) => {
    const before = store.counters.reads
    await act()
    return store.counters.reads - before
  }

  test('cost a decision the reads of its caller alone, and none once they are known', async () => {
    expect(await encrypt({ EncryptionContext: { a: '2' } })).toBeUndefined()
    expect(await readsOf(() => encrypt({ EncryptionContext: { a: '2' } }))).toBe(0)
    expect(await readsOf(() => encrypt({ EncryptionContext: { a: '3' } }))).toBe(0)
    clock += 1000
    // The key and its material; the grants of the user, and of its account.
    expect(await readsOf(() => encrypt({ EncryptionContext: { a: '2' } }))).toBe(4)
    expect(await store.grants.ofGrantee(key.KeyId, alice.id)).toHaveLength(2)
    expect(await store.grants.ofGrantee(key.KeyId, 'AIDA17')).toHaveLength(5)
  })

  test('cost nothing where policies decide', async () => {
    const asRoot = () => world.call('Encrypt', { KeyId: key.KeyId, Plaintext: base64('x') })
    expect((await asRoot()).status).toBe(200)
    clock += 1000
    expect(await readsOf(asRoot)).toBe(2)
    expect(await readsOf(asRoot)).toBe(0)
  })

  test('are all listed, a hundred at a time', async () => {
    const seen = new Set<string>()
    let Marker: string | undefined
    do {
      const { json } = await world.call('ListGrants', { KeyId: key.KeyId, Limit: 100, ...(Marker && { Marker }) })
      for (const { GrantId } of json.Grants) seen.add(GrantId)
      Marker = json.NextMarker
    } while (Marker)
    expect(seen.size).toBe(count + 2)
  }, 60_000)
})

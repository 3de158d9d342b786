/**
 * A short memory in front of the store: what another process changed is seen within the bound, what this one changed
 * is seen at once.
 */
import type { AccessKey } from '../identity/caller.ts'
import type { Alias, Key, Material } from '../keys/key.ts'
import type { AccessKeys, Aliases, KeyStores, Keys, Materials, Read, Uses } from '../ports.ts'
import { type AccountKeyStores, noKeyStores } from '../stores/key-store.ts'

/** The ports that the store keeps. */
export interface Records {
  readonly keys: Keys
  readonly materials: Materials
  readonly aliases: Aliases
  readonly accessKeys: AccessKeys
  readonly keyStores: KeyStores
  readonly uses: Uses
}

export interface CacheBounds {
  /** How old an answer may be; 0 keeps none. */
  readonly ttlMs: number
  /** Of each kind of record, and as many again that were asked for and do not exist. */
  readonly capacity: number
  /** Milliseconds since any origin. */
  readonly now: () => number
}

interface Answer<T> {
  readonly value: T
  readonly askedAt: number
}

/** Answers that were given, least lately used first. */
class Answers<T> {
  readonly #byId = new Map<string, Answer<T>>()
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(id: string): Answer<T> | undefined {
    const answer = this.#byId.get(id)
    if (answer) {
      this.#byId.delete(id)
      this.#byId.set(id, answer)
    }
    return answer
  }

  set(id: string, answer: Answer<T>): void {
    this.#byId.delete(id)
    this.#byId.set(id, answer)
    if (this.#byId.size > this.#capacity) this.#byId.delete(this.#byId.keys().next().value ?? id)
  }

  delete(id: string): void {
    this.#byId.delete(id)
  }
}

/** Answers of one kind of record, and the reads under way. */
export class ReadCache<T> {
  readonly #bounds: CacheBounds
  readonly #found: Answers<T>
  /** Apart, so that asking for what does not exist, which needs no credentials, pushes out nothing that does. */
  readonly #absent: Answers<undefined>
  readonly #reading = new Map<string, Promise<T | undefined>>()

  constructor(bounds: CacheBounds) {
    this.#bounds = bounds
    this.#found = new Answers(bounds.capacity)
    this.#absent = new Answers(bounds.capacity)
  }

  async read(id: string, read: Read | undefined, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    if (!read?.fresh) {
      const answer = this.#found.get(id) ?? this.#absent.get(id)
      if (answer && this.#isYoung(answer)) return answer.value
      const underWay = this.#reading.get(id)
      if (underWay) return underWay
    }
    // A fresh read does not join one under way, which may have been answered before the caller asked.
    const askedAt = this.#bounds.now()
    const reading = ask()
    this.#reading.set(id, reading)
    try {
      const value = await reading
      if (this.#reading.get(id) === reading) this.#keep(id, value, askedAt)
      return value
    } finally {
      if (this.#reading.get(id) === reading) this.#reading.delete(id)
    }
  }

  /** After a write, whether or not it is known to be done: reads that began before it are no longer kept either. */
  forget(id: string): void {
    this.#found.delete(id)
    this.#absent.delete(id)
    this.#reading.delete(id)
  }

  #isYoung({ askedAt }: Answer<unknown>): boolean {
    const age = this.#bounds.now() - askedAt
    // A clock that was set back makes an answer of unknown age.
    return age >= 0 && age < this.#bounds.ttlMs
  }

  #keep(id: string, value: T | undefined, askedAt: number): void {
    this.#found.delete(id)
    this.#absent.delete(id)
    if (value === undefined) this.#absent.set(id, { value: undefined, askedAt })
    else this.#found.set(id, { value, askedAt })
  }
}

/** The store behind a memory of what it last answered. */
export function cached(store: Records, bounds: CacheBounds): Records {
  if (bounds.ttlMs === 0) return store
  const keys = new ReadCache<Key>(bounds)
  const materials = new ReadCache<Material>(bounds)
  const aliases = new ReadCache<Alias>(bounds)
  const accessKeys = new ReadCache<AccessKey>(bounds)
  const keyStores = new ReadCache<AccountKeyStores>(bounds)
  const aliasId = (account: string, name: string) => `${account}#${name}`
  const materialId = (keyId: string, id: string) => `${keyId}#${id}`
  const changing = async <T>(cache: ReadCache<T>, id: string, write: Promise<void>) => {
    try {
      await write
    } finally {
      cache.forget(id)
    }
  }
  const changingAlias = (alias: Alias, write: Promise<void>) =>
    changing(aliases, aliasId(alias.account, alias.name), write)

  return {
    keys: {
      find: (id, read) => keys.read(id, read, () => store.keys.find(id, read)),
      create: (key, material) => {
        const creation = changing(keys, key.id, store.keys.create(key, material))
        return material ? changing(materials, materialId(material.keyId, material.id), creation) : creation
      },
      replace: (key) => changing(keys, key.id, store.keys.replace(key)),
      list: store.keys.list,
      remove: (key) => changing(keys, key.id, store.keys.remove(key)),
      due: store.keys.due,
    },
    materials: {
      find: (keyId, id) => materials.read(materialId(keyId, id), undefined, () => store.materials.find(keyId, id)),
      create: (material) =>
        changing(materials, materialId(material.keyId, material.id), store.materials.create(material)),
      put: (material) => changing(materials, materialId(material.keyId, material.id), store.materials.put(material)),
      remove: (material) =>
        changing(materials, materialId(material.keyId, material.id), store.materials.remove(material)),
      list: store.materials.list,
    },
    aliases: {
      find: (account, name, read) =>
        aliases.read(aliasId(account, name), read, () => store.aliases.find(account, name, read)),
      create: (alias) => changingAlias(alias, store.aliases.create(alias)),
      replace: (alias) => changingAlias(alias, store.aliases.replace(alias)),
      remove: (alias) => changingAlias(alias, store.aliases.remove(alias)),
      list: store.aliases.list,
      ofKey: store.aliases.ofKey,
    },
    keyStores: {
      of: async (account, read) =>
        (await keyStores.read(account, read, () => store.keyStores.of(account, read))) ?? noKeyStores(account),
      replace: (all) => changing(keyStores, all.account, store.keyStores.replace(all)),
    },
    accessKeys: {
      find: (id, read) => accessKeys.read(id, read, () => store.accessKeys.find(id, read)),
      create: (accessKey) => changing(accessKeys, accessKey.id, store.accessKeys.create(accessKey)),
    },
    uses: store.uses,
  }
}

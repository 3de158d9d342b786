import { type Grant, retirableSortValue } from '../../lib/grants/grant.ts'
import type { GrantTally } from '../../lib/grants/tally.ts'
import type { AccessKey } from '../../lib/identity/caller.ts'
import { dueSortValue, dueWorkOf } from '../../lib/keys/due.ts'
import type { Alias, Key, Material } from '../../lib/keys/key.ts'
import { slice } from '../../lib/keys/pages.ts'
import type { KeyUse } from '../../lib/keys/usage.ts'
import { Conflict, type PageRequest } from '../../lib/ports.ts'
import type { Records } from '../../lib/store/cached.ts'
import { type AccountKeyStores, noKeyStores } from '../../lib/stores/key-store.ts'
import { memoryPrincipals } from './memory-principals.ts'

/** Values by id: they go in and come out as copies, and revisions are checked as the table checks them. */
export function collection<T extends object>() {
  const stored = new Map<string, T>()
  const revisionOf = (value: T | undefined): unknown => value && 'revision' in value && value.revision
  const demand = (holds: boolean): void => {
    if (!holds) throw new Conflict()
  }
  return {
    find: async (id: string): Promise<T | undefined> => structuredClone(stored.get(id)),
    async create(id: string, value: T): Promise<void> {
      demand(!stored.has(id))
      stored.set(id, structuredClone(value))
    },
    async replace(id: string, value: T & { readonly revision: number }): Promise<void> {
      demand(revisionOf(stored.get(id)) === value.revision)
      stored.set(id, structuredClone({ ...value, revision: value.revision + 1 }))
    },
    async put(id: string, value: T, unless: (present: T) => boolean): Promise<void> {
      const present = stored.get(id)
      if (!present || !unless(present)) stored.set(id, structuredClone(value))
    },
    /** At once: nobody comes between. */
    async change(id: string, to: (present: T | undefined) => T | undefined): Promise<void> {
      const changed = to(stored.get(id))
      if (changed) stored.set(id, structuredClone(changed))
    },
    all: async (includes: (value: T) => boolean): Promise<readonly T[]> =>
      structuredClone([...stored.values()].filter(includes)),
    async erase(id: string, fits: (kept: T) => boolean): Promise<void> {
      const kept = stored.get(id)
      if (kept !== undefined && fits(kept)) stored.delete(id)
    },
    async remove(id: string, revision: number): Promise<void> {
      demand(revisionOf(stored.get(id)) === revision)
      stored.delete(id)
    },
    async list(includes: (value: T) => boolean, sortValue: (value: T) => string, page: PageRequest) {
      const items = [...stored.values()].filter(includes).sort((a, b) => (sortValue(a) < sortValue(b) ? -1 : 1))
      return structuredClone(slice(items, sortValue, page))
    },
  }
}

const aliasId = (account: string, name: string) => `${account}#${name}`
const materialId = (keyId: string, id: string) => `${keyId}#${id}`
const grantId = (keyId: string, id: string) => `${keyId}#${id}`
const nameOf = (alias: Alias) => alias.name

/** The store's ports in memory, for tests that are not about the store. */
export function memoryStore(): Records {
  const keys = collection<Key>()
  const materials = collection<Material>()
  const aliases = collection<Alias>()
  const grants = collection<Grant>()
  const tallies = collection<GrantTally>()
  const accessKeys = collection<AccessKey>()
  const keyStores = collection<AccountKeyStores>()
  const uses = collection<KeyUse>()
  return {
    keys: {
      find: (id) => keys.find(id),
      async create(key, material) {
        if (material) await materials.create(materialId(material.keyId, material.id), material)
        await keys.create(key.id, key)
      },
      replace: (key) => keys.replace(key.id, key),
      list: (account, page) =>
        keys.list(
          (key) => key.account === account,
          (key) => key.id,
          page,
        ),
      remove: (key) => keys.remove(key.id, key.revision),
      async due(kind, shard, until, page) {
        const workOf = (key: Key) => dueWorkOf(key) ?? { kind, at: Number.POSITIVE_INFINITY }
        const isDue = (key: Key) => key.id.endsWith(shard) && workOf(key).kind === kind && workOf(key).at <= until
        return keys.list(isDue, (key) => dueSortValue(key, workOf(key)), page)
      },
    },
    materials: {
      find: (keyId, id) => materials.find(materialId(keyId, id)),
      create: (material) => materials.create(materialId(material.keyId, material.id), material),
      put: (material) => materials.put(materialId(material.keyId, material.id), material, () => false),
      remove: (material) =>
        materials.erase(materialId(material.keyId, material.id), (kept) => kept.createdAt === material.createdAt),
      list: (keyId) => materials.all((material) => material.keyId === keyId),
    },
    aliases: {
      find: (account, name) => aliases.find(aliasId(account, name)),
      create: (alias) => aliases.create(aliasId(alias.account, alias.name), alias),
      replace: (alias) => aliases.replace(aliasId(alias.account, alias.name), alias),
      remove: (alias) => aliases.remove(aliasId(alias.account, alias.name), alias.revision),
      list: (account, page) => aliases.list((alias) => alias.account === account, nameOf, page),
      ofKey: (keyId, page) => aliases.list((alias) => alias.targetKeyId === keyId, nameOf, page),
    },
    grants: {
      find: (keyId, id) => grants.find(grantId(keyId, id)),
      create: (grant) => grants.create(grantId(grant.keyId, grant.id), grant),
      remove: (grant) => grants.erase(grantId(grant.keyId, grant.id), (kept) => kept.createdAt === grant.createdAt),
      ofGrantee: (keyId, bound) => grants.all((grant) => grant.keyId === keyId && grant.grantee.bound === bound),
      list: (keyId, page, bound) =>
        grants.list(
          (grant) => grant.keyId === keyId && (bound === undefined || grant.grantee.bound === bound),
          ({ id }) => id,
          page,
        ),
      retirableBy: (bound, page) => grants.list(({ retiring }) => retiring?.bound === bound, retirableSortValue, page),
      tallies: {
        countUp: async (keyId, most, at) => {
          let counted = true
          await tallies.change(keyId, (there) => {
            counted = (there?.count ?? 0) < most
            if (!counted) return there
            return { ...there, keyId, at, revision: (there?.revision ?? 0) + 1, count: (there?.count ?? 0) + 1 }
          })
          return counted
        },
        find: (keyId) => tallies.find(keyId),
        replace: (tally) => tallies.replace(tally.keyId, tally),
        remove: (keyId) => tallies.erase(keyId, () => true),
      },
    },
    accessKeys: {
      find: (id) => accessKeys.find(id),
      create: (accessKey) => accessKeys.create(accessKey.id, accessKey),
      remove: (accessKey) => accessKeys.erase(accessKey.id, (kept) => kept.createdAt === accessKey.createdAt),
    },
    principals: memoryPrincipals(collection),
    keyStores: {
      of: async (account) => (await keyStores.find(account)) ?? noKeyStores(account),
      replace: (all) =>
        all.revision === 0
          ? keyStores.create(all.account, { ...all, revision: 1 })
          : keyStores.replace(all.account, all),
    },
    uses: {
      find: (keyId) => uses.find(keyId),
      keep: (use) => uses.put(use.keyId, use, (kept) => kept.at >= use.at),
    },
  }
}

import type { AccessKey } from '../../lib/identity/caller.ts'
import type { Alias, Key, Material } from '../../lib/keys/key.ts'
import { slice } from '../../lib/keys/pages.ts'
import { Conflict, type PageRequest } from '../../lib/ports.ts'
import type { Records } from '../../lib/store/cached.ts'

/** Values by id: they go in and come out as copies, and revisions are checked as the table checks them. */
function collection<T extends object>() {
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
const nameOf = (alias: Alias) => alias.name

/** The store's ports in memory, for tests that are not about the store. */
export function memoryStore(): Records {
  const keys = collection<Key>()
  const materials = collection<Material>()
  const aliases = collection<Alias>()
  const accessKeys = collection<AccessKey>()
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
    },
    materials: { find: (keyId, id) => materials.find(materialId(keyId, id)) },
    aliases: {
      find: (account, name) => aliases.find(aliasId(account, name)),
      create: (alias) => aliases.create(aliasId(alias.account, alias.name), alias),
      replace: (alias) => aliases.replace(aliasId(alias.account, alias.name), alias),
      remove: (alias) => aliases.remove(aliasId(alias.account, alias.name), alias.revision),
      list: (account, page) => aliases.list((alias) => alias.account === account, nameOf, page),
      ofKey: (keyId, page) => aliases.list((alias) => alias.targetKeyId === keyId, nameOf, page),
    },
    accessKeys: {
      find: (id) => accessKeys.find(id),
      create: (accessKey) => accessKeys.create(accessKey.id, accessKey),
    },
  }
}

/**
 * A short memory in front of the store: what another process changed is seen within the bound, what this one changed
 * is seen at once.
 */
import type { Grant } from '../grants/grant.ts'
import type { Grants } from '../grants/ports.ts'
import type { AccessKey } from '../identity/caller.ts'
import type { Principals } from '../identity/ports.ts'
import type { Alias, Key, Material } from '../keys/key.ts'
import type { AccessKeys, Aliases, Keys, Materials, Uses } from '../ports.ts'
import { type AccountKeyStores, noKeyStores } from '../stores/key-store.ts'
import type { KeyStores } from '../stores/ports.ts'
import { cachedPrincipals } from './cached-principals.ts'
import { type CacheBounds, changing, ReadCache } from './read-cache.ts'

/** The ports that the store keeps. */
export interface Records {
  readonly keys: Keys
  readonly materials: Materials
  readonly aliases: Aliases
  readonly grants: Grants
  readonly accessKeys: AccessKeys
  readonly principals: Principals
  readonly keyStores: KeyStores
  readonly uses: Uses
}

/** The store behind a memory of what it last answered. */
export function cached(store: Records, bounds: CacheBounds): Records {
  if (bounds.ttlMs === 0) return store
  const keys = new ReadCache<Key>(bounds)
  const materials = new ReadCache<Material>(bounds)
  const aliases = new ReadCache<Alias>(bounds)
  const grants = new ReadCache<Grant>(bounds)
  const grantsTo = new ReadCache<readonly Grant[]>(bounds)
  const accessKeys = new ReadCache<AccessKey>(bounds)
  const keyStores = new ReadCache<AccountKeyStores>(bounds)
  const aliasId = (account: string, name: string) => `${account}#${name}`
  const materialId = (keyId: string, id: string) => `${keyId}#${id}`
  const grantId = (keyId: string, id: string) => `${keyId}#${id}`
  const changingGrant = (grant: Grant, write: Promise<void>) =>
    changing(
      grantsTo,
      grantId(grant.keyId, grant.grantee.bound),
      changing(grants, grantId(grant.keyId, grant.id), write),
    )
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
    grants: {
      find: (keyId, id, read) => grants.read(grantId(keyId, id), read, () => store.grants.find(keyId, id, read)),
      create: (grant) => changingGrant(grant, store.grants.create(grant)),
      remove: (grant) => changingGrant(grant, store.grants.remove(grant)),
      async ofGrantee(keyId, bound, read) {
        const ask = async () => {
          const found = await store.grants.ofGrantee(keyId, bound, read)
          return found.length > 0 ? found : undefined
        }
        return (await grantsTo.read(grantId(keyId, bound), read, ask)) ?? []
      },
      list: store.grants.list,
      retirableBy: store.grants.retirableBy,
      tallies: store.grants.tallies,
    },
    keyStores: {
      of: async (account, read) =>
        (await keyStores.read(account, read, () => store.keyStores.of(account, read))) ?? noKeyStores(account),
      replace: (all) => changing(keyStores, all.account, store.keyStores.replace(all)),
    },
    accessKeys: {
      find: (id, read) => accessKeys.read(id, read, () => store.accessKeys.find(id, read)),
      create: (accessKey) => changing(accessKeys, accessKey.id, store.accessKeys.create(accessKey)),
      remove: (accessKey) => changing(accessKeys, accessKey.id, store.accessKeys.remove(accessKey)),
    },
    principals: cachedPrincipals(store.principals, bounds),
    uses: store.uses,
  }
}

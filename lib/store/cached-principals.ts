import { type Entity, foldedName, type OidcProvider } from '../identity/entities.ts'
import type { Entities, OidcProviders, Principals } from '../identity/ports.ts'
import { type CacheBounds, changing, ReadCache } from './read-cache.ts'

function cachedEntities<T extends Entity>(store: Entities<T>, bounds: CacheBounds): Entities<T> {
  const entities = new ReadCache<T>(bounds)
  const ids = new ReadCache<string>(bounds)
  const nameOf = (account: string, name: string) => `${account}#${foldedName(name)}`
  const changingNamed = ({ id, account, name }: T, write: Promise<void>) =>
    changing(ids, nameOf(account, name), changing(entities, id, write))
  return {
    find: (id, read) => entities.read(id, read, () => store.find(id, read)),
    idOf: (account, name, read) => ids.read(nameOf(account, name), read, () => store.idOf(account, name, read)),
    create: (entity) => changingNamed(entity, store.create(entity)),
    replace: (entity) => changing(entities, entity.id, store.replace(entity)),
    rename: (entity, formerName) =>
      changing(ids, nameOf(entity.account, formerName), changingNamed(entity, store.rename(entity, formerName))),
    remove: (entity) => changingNamed(entity, store.remove(entity)),
    list: store.list,
  }
}

function cachedProviders(store: OidcProviders, bounds: CacheBounds): OidcProviders {
  const providers = new ReadCache<OidcProvider>(bounds)
  const idOf = (account: string, url: string) => `${account}#${url}`
  const changingOne = ({ account, url }: OidcProvider, write: Promise<void>) =>
    changing(providers, idOf(account, url), write)
  return {
    find: (account, url, read) => providers.read(idOf(account, url), read, () => store.find(account, url, read)),
    create: (provider) => changingOne(provider, store.create(provider)),
    replace: (provider) => changingOne(provider, store.replace(provider)),
    remove: (provider) => changingOne(provider, store.remove(provider)),
    list: store.list,
  }
}

export const cachedPrincipals = (store: Principals, bounds: CacheBounds): Principals => ({
  users: cachedEntities(store.users, bounds),
  roles: cachedEntities(store.roles, bounds),
  groups: cachedEntities(store.groups, bounds),
  managedPolicies: cachedEntities(store.managedPolicies, bounds),
  oidcProviders: cachedProviders(store.oidcProviders, bounds),
  links: store.links,
})

import { type Entity, foldedName, type Link, type OidcProvider } from '../../lib/identity/entities.ts'
import type { Entities, Principals } from '../../lib/identity/ports.ts'
import { Conflict } from '../../lib/ports.ts'
import type { collection } from './memory-store.ts'

type Collection = typeof collection

function entities<T extends Entity>(newCollection: Collection): Entities<T> {
  const stored = newCollection<T>()
  const ids = new Map<string, string>()
  const nameOf = (account: string, name: string) => `${account}#${foldedName(name)}`
  const claim = ({ account, name, id }: T): void => {
    const holder = ids.get(nameOf(account, name))
    if (holder !== undefined && holder !== id) throw new Conflict()
    ids.set(nameOf(account, name), id)
  }
  return {
    find: (id) => stored.find(id),
    idOf: async (account, name) => ids.get(nameOf(account, name)),
    async create(made) {
      claim(made)
      await stored.create(made.id, made)
    },
    replace: (changed) => stored.replace(changed.id, changed),
    async rename(changed, formerName) {
      claim(changed)
      await stored.replace(changed.id, changed)
      if (foldedName(changed.name) !== foldedName(formerName)) ids.delete(nameOf(changed.account, formerName))
    },
    async remove({ id, account, name, revision }) {
      await stored.remove(id, revision)
      ids.delete(nameOf(account, name))
    },
    list: (account, page) =>
      stored.list(
        (each) => each.account === account,
        ({ name }) => foldedName(name),
        page,
      ),
  }
}

/** IAM's records in memory. */
export function memoryPrincipals(newCollection: Collection): Principals {
  const providers = newCollection<OidcProvider>()
  const links = newCollection<Link>()
  const providerId = ({ account, url }: Pick<OidcProvider, 'account' | 'url'>) => `${account}#${url}`
  const linkId = ({ target, kind, from }: Omit<Link, 'createdAt'>) => `${target}#${kind}#${from}`
  return {
    users: entities(newCollection),
    roles: entities(newCollection),
    groups: entities(newCollection),
    managedPolicies: entities(newCollection),
    oidcProviders: {
      find: (account, url) => providers.find(providerId({ account, url })),
      create: (provider) => providers.create(providerId(provider), provider),
      replace: (provider) => providers.replace(providerId(provider), provider),
      remove: (provider) => providers.remove(providerId(provider), provider.revision),
      list: (account, page) =>
        providers.list(
          (each) => each.account === account,
          ({ url }) => url,
          page,
        ),
    },
    links: {
      put: (link) => links.put(linkId(link), link, () => false),
      find: (target, kind, from) => links.find(linkId({ target, kind, from })),
      remove: (link) => links.erase(linkId(link), ({ createdAt }) => createdAt === link.createdAt),
      to: (target, page) =>
        links.list(
          (each) => each.target === target,
          ({ kind, from }) => `${kind}#${from}`,
          page,
        ),
    },
  }
}

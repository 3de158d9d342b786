import {
  type AccessKeyEntry,
  accessKeyStatuses,
  type Entity,
  foldedName,
  type Group,
  type Link,
  linkKinds,
  type ManagedPolicy,
  type OidcProvider,
  type PolicyHolder,
  type PolicyReference,
  type PolicyVersion,
  type Role,
  type User,
} from '../identity/entities.ts'
import type { Entities, Links, OidcProviders, Principals } from '../identity/ports.ts'
import { Conflict } from '../ports.ts'
import type { Table } from './client.ts'
import { type FieldsOf, list, oneOf, optional, pairs, record, text, whole } from './fields.ts'
import { type Kind, toItem } from './items.ts'
import { readItem, readPage } from './reading.ts'

const entity: FieldsOf<Entity> = {
  id: text,
  account: text,
  name: text,
  path: text,
  arn: text,
  createdAt: whole,
  revision: whole,
  tags: pairs,
}
const reference = record<PolicyReference>({ id: text, arn: text })
const holder: FieldsOf<PolicyHolder> = { ...entity, inline: pairs, attached: list(reference) }

/** Found by unique id; its name, apart, leads to it. */
const kindOf = <T extends Entity>(type: string, fields: FieldsOf<T>): Kind<T> => ({
  type,
  fields: record<T>(fields),
  at: ({ id }) => ({ PK: `${type.toUpperCase()}#${id}`, SK: type.toUpperCase() }),
})

export const userKind = kindOf<User>('user', {
  ...holder,
  accessKeys: list(record<AccessKeyEntry>({ id: text, status: oneOf(accessKeyStatuses), createdAt: whole })),
  groups: list(text),
  boundary: optional(reference),
})
export const roleKind = kindOf<Role>('role', {
  ...holder,
  trustPolicy: text,
  trustIds: pairs,
  description: optional(text),
  maxSessionSeconds: whole,
  boundary: optional(reference),
})
export const groupKind = kindOf<Group>('group', holder)
export const managedPolicyKind = kindOf<ManagedPolicy>('policy', {
  ...entity,
  description: optional(text),
  versions: list(record<PolicyVersion>({ number: whole, text, createdAt: whole })),
  defaultVersion: whole,
  newestVersion: whole,
  updatedAt: whole,
})

/** Whom a name was last given to. It holds while the one of this id is there, and is called so. */
interface NameClaim {
  readonly kind: string
  readonly account: string
  /** Folded. */
  readonly name: string
  readonly id: string
  readonly revision: number
}
const namesOf = (kind: string, account: string) =>
  ({ index: 'GSI1', partition: `NAMES#${kind}#${account}`, prefix: '' }) as const
const nameAt = (kind: string, account: string, name: string) => ({
  PK: `NAME#${kind}#${account}#${name}`,
  SK: 'NAME',
})
export const nameKind: Kind<NameClaim> = {
  type: 'name',
  fields: record<NameClaim>({ kind: text, account: text, name: text, id: text, revision: whole }),
  at: ({ kind, account, name }) => ({
    ...nameAt(kind, account, name),
    GSI1PK: namesOf(kind, account).partition,
    GSI1SK: name,
  }),
}

function entitiesIn<T extends Entity>(table: Table, kind: Kind<T>): Entities<T> {
  const { type } = kind
  const atId = (id: string) => ({ PK: `${type.toUpperCase()}#${id}`, SK: type.toUpperCase() })
  const find = (id: string): Promise<T | undefined> => readItem(table, kind, atId(id))
  const claimOf = (account: string, name: string): Promise<NameClaim | undefined> =>
    readItem(table, nameKind, nameAt(type, account, foldedName(name)))
  const write = ({ revision, ...claim }: NameClaim) =>
    revision === 0
      ? table.create(toItem(nameKind, { ...claim, revision: 1 }))
      : table.replace(toItem(nameKind, { ...claim, revision: revision + 1 }), revision)

  /** Leads a name to an id, unless it leads to somebody else who is there. @throws Conflict */
  async function claim({ account, name: asked, id }: Entity): Promise<void> {
    const name = foldedName(asked)
    const found = await claimOf(account, name)
    const holds = found && found.id !== id ? await find(found.id) : undefined
    if (holds && foldedName(holds.name) === name) throw new Conflict()
    await write({ kind: type, account, name, id, revision: found?.revision ?? 0 })
  }

  /** Clears away a name that nobody has any more. Left behind, it would do no harm. */
  async function release(account: string, name: string, id: string): Promise<void> {
    const found = await claimOf(account, name)
    if (found?.id !== id) return
    await unlessOvertaken(table.remove(nameAt(type, account, found.name), found.revision))
  }

  const replace = (changed: T) =>
    table.replace(toItem(kind, { ...changed, revision: changed.revision + 1 }), changed.revision)

  return {
    find,
    async idOf(account, name) {
      return (await claimOf(account, name))?.id
    },
    async create(made) {
      // Nobody knows its id yet: it comes into being with its name.
      await table.create(toItem(kind, made))
      try {
        await claim(made)
      } catch (error) {
        await unlessOvertaken(table.remove(atId(made.id), made.revision))
        throw error
      }
    },
    replace,
    async rename(changed, formerName) {
      const { account, name, id, revision } = changed
      if (foldedName(name) === foldedName(formerName)) return replace(changed)
      await claim(changed)
      await replace(changed)
      try {
        // Until now the name was led to somebody who did not have it, and another may have taken it.
        await claim(changed)
      } catch (error) {
        await unlessOvertaken(replace({ ...changed, name: formerName, revision: revision + 1 }))
        throw error
      }
      await release(account, formerName, id)
    },
    async remove({ id, account, name, revision }) {
      await table.remove(atId(id), revision)
      await release(account, name, id)
    },
    async list(account, page) {
      const listed: T[] = []
      let rest = { items: [] as readonly NameClaim[], more: true }
      let after = page.after
      // A page of names that nobody has any more is not the end.
      while (rest.more && listed.length < page.limit) {
        const at = { limit: page.limit - listed.length, ...(after !== undefined && { after }) }
        rest = await readPage(table, nameKind, namesOf(type, account), at)
        const found = rest.items.map(async ({ id, name }) => {
          const each = await find(id)
          return each && foldedName(each.name) === name ? [each] : []
        })
        listed.push(...(await Promise.all(found)).flat())
        after = rest.items.at(-1)?.name
      }
      return { items: listed, more: rest.more }
    },
  }
}

async function unlessOvertaken(write: Promise<void>): Promise<void> {
  try {
    await write
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
  }
}

const providerAt = (account: string, url: string) => ({ PK: `OIDC#${account}#${url}`, SK: 'OIDC' })
const providersOf = (account: string) => ({ index: 'GSI1', partition: `OIDCS#${account}`, prefix: '' }) as const
export const providerKind: Kind<OidcProvider> = {
  type: 'oidc-provider',
  fields: record<OidcProvider>({
    account: text,
    url: text,
    arn: text,
    clientIds: list(text),
    thumbprints: list(text),
    tags: pairs,
    createdAt: whole,
    revision: whole,
  }),
  at: ({ account, url }) => ({
    ...providerAt(account, url),
    GSI1PK: providersOf(account).partition,
    GSI1SK: url,
  }),
}

const providersIn = (table: Table): OidcProviders => ({
  find: (account, url) => readItem(table, providerKind, providerAt(account, url)),
  create: (provider) => table.create(toItem(providerKind, provider)),
  replace: (provider) =>
    table.replace(toItem(providerKind, { ...provider, revision: provider.revision + 1 }), provider.revision),
  remove: ({ account, url, revision }) => table.remove(providerAt(account, url), revision),
  list: (account, page) => readPage(table, providerKind, providersOf(account), page),
})

const linkAt = ({ target, kind, from }: Omit<Link, 'createdAt'>) => ({
  PK: `LINK#${target}`,
  SK: `LINK#${kind}#${from}`,
})
export const linkKind: Kind<Link> = {
  type: 'link',
  fields: record<Link>({ target: text, kind: oneOf(linkKinds), from: text, createdAt: whole }),
  at: linkAt,
}

const linksIn = (table: Table): Links => ({
  put: (link) => table.put(toItem(linkKind, link)),
  find: (target, kind, from) => readItem(table, linkKind, linkAt({ target, kind, from })),
  remove: (link) => table.erase(linkAt(link), link.createdAt),
  to: (target, page) => readPage(table, linkKind, { partition: `LINK#${target}`, prefix: 'LINK#' }, page),
})

export const principalsIn = (table: Table): Principals => ({
  users: entitiesIn(table, userKind),
  roles: entitiesIn(table, roleKind),
  groups: entitiesIn(table, groupKind),
  managedPolicies: entitiesIn(table, managedPolicyKind),
  oidcProviders: providersIn(table),
  links: linksIn(table),
})

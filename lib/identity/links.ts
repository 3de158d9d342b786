/**
 * Who refers to a managed policy or a group. A note of each reference is written before the record that makes it and
 * forgotten after the record that ends it, so that none is missing; whether one holds, the record says.
 */
import type { Group, Link, PolicyHolder, Role, User } from './entities.ts'
import type { Entities, Principals } from './ports.ts'

/** Makes a reference: the note first. */
export async function link(at: Principals, note: Link, write: () => Promise<void>): Promise<void> {
  await at.links.put(note)
  await write()
}

/** Ends a reference: the note last, unless the same reference was made anew meanwhile. */
export async function unlink(
  at: Principals,
  { target, kind, from }: Omit<Link, 'createdAt'>,
  write: () => Promise<void>,
): Promise<void> {
  const note = await at.links.find(target, kind, from)
  await write()
  if (note) await at.links.remove(note)
}

export interface Reference {
  readonly kind: Link['kind']
  readonly from: User | Role | Group
}

const entitiesWith = (id: string, at: Principals): Entities<User> | Entities<Role> | Entities<Group> => {
  if (id.startsWith('AIDA')) return at.users
  return id.startsWith('AROA') ? at.roles : at.groups
}

/** Whose name never came to lead to it is not there: a process may have ended in between. */
async function holderOf(id: string, at: Principals): Promise<User | Role | Group | undefined> {
  const entities = entitiesWith(id, at)
  const fresh = { fresh: true }
  const found = await entities.find(id, fresh)
  return found && (await entities.idOf(found.account, found.name, fresh)) === id ? found : undefined
}

const holds = ({ kind, target }: Link, from: PolicyHolder & Partial<User>): boolean =>
  ({
    attached: () => from.attached.some(({ id }) => id === target),
    boundary: () => from.boundary?.id === target,
    member: () => from.groups?.includes(target) === true,
  })[kind]()

const atOnce = 1000

/** The references that hold. */
export async function referencesTo(target: string, at: Principals): Promise<readonly Reference[]> {
  const references: Reference[] = []
  let after: string | undefined
  for (let more = true; more; ) {
    const page = await at.links.to(target, { limit: atOnce, ...(after !== undefined && { after }) })
    const found = page.items.map(async (note): Promise<readonly Reference[]> => {
      const from = await holderOf(note.from, at)
      return from && holds(note, from) ? [{ kind: note.kind, from }] : []
    })
    references.push(...(await Promise.all(found)).flat())
    const last = page.items.at(-1)
    after = last && `${last.kind}#${last.from}`
    more = page.more && last !== undefined
  }
  return references
}

/** @param account whose users, roles and groups count: AWS's own policies are everyone's */
export async function usesOf(target: string, at: Principals, account: string) {
  const references = (await referencesTo(target, at)).filter(({ from }) => from.account === account)
  const count = (kind: Link['kind']) => references.filter((each) => each.kind === kind).length
  return { attachments: count('attached'), boundaries: count('boundary') }
}

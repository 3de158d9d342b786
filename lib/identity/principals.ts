/** Who is who among the users and roles, and which policies are attached to them now. */
import { parseArn } from '../arn.ts'
import type { Principal, PrincipalKind } from '../policy/principals.ts'
import type { Read } from '../ports.ts'
import type { AttachedPolicy, Caller } from './caller.ts'
import { type Entity, foldedName, type PolicyHolder, type PolicyReference, type Role, type User } from './entities.ts'
import { policyOf } from './managed-policies.ts'
import type { Directory, Entities, Principals } from './ports.ts'

/** The one of this name in its account, whatever the name's case. */
export async function named<T extends Entity>(
  entities: Entities<T>,
  account: string,
  name: string,
  read?: Read,
): Promise<T | undefined> {
  const id = await entities.idOf(account, name, read)
  const found = id === undefined ? undefined : await entities.find(id, read)
  // A name outlives its owner, or a change of it, until it is taken anew.
  return found && foldedName(found.name) === foldedName(name) ? found : undefined
}

export const directoryOf = (at: Principals, hasOthers = false): Directory => ({
  find: (text, read) => findPrincipal(text, at, read),
  hasOthers,
})

async function findPrincipal(text: string, at: Principals, read?: Read): Promise<User | Role | undefined> {
  if (text.startsWith('AIDA')) return at.users.find(text, read)
  if (text.startsWith('AROA')) return at.roles.find(text.split(':', 1)[0] ?? '', read)
  const arn = parseArn(text)
  if (arn?.region !== '') return
  const [type, ...names] = arn.resource.split('/')
  if (arn.service === 'sts' && type === 'assumed-role' && names.length === 2) {
    const role = await named(at.roles, arn.account, names[0] ?? '', read)
    return role?.name === names[0] ? role : undefined
  }
  if (arn.service !== 'iam' || (type !== 'user' && type !== 'role')) return
  const name = names.at(-1) ?? ''
  const found = await (type === 'user'
    ? named(at.users, arn.account, name, read)
    : named(at.roles, arn.account, name, read))
  return found?.arn === text ? found : undefined
}

/** The unique ids of the users and roles that a policy names, by its texts: of those who are there now. */
export async function idsOf(principals: readonly Principal[], directory: Directory): Promise<Record<string, string>> {
  const texts = [...new Set(principals.filter(({ kind }) => hasId.has(kind)).map(({ text }) => text))]
  const found = await Promise.all(texts.map((text) => directory.find(text, { fresh: true })))
  return Object.fromEntries(texts.flatMap((text, at) => (found[at] ? [[text, found[at].id]] : [])))
}
const hasId = new Set<PrincipalKind>(['USER', 'ROLE', 'SESSION'])

/** Whether somebody is there: an account is taken to be, and a federated user's session is on no record. */
export const isThere = ({ kind, text }: Principal, ids: Readonly<Record<string, string>>): boolean =>
  !hasId.has(kind) || Object.hasOwn(ids, text) || parseArn(text)?.resource.startsWith('federated-user/') === true

/** A policy that is gone although somebody refers to it may have held a Deny: '' is read as denying everything. */
export async function attachedPolicy(reference: PolicyReference, at: Principals): Promise<AttachedPolicy> {
  const policy = await policyOf(reference, at)
  const text = policy?.versions.find(({ number }) => number === policy.defaultVersion)?.text
  return { name: reference.arn, text: text ?? '' }
}

async function attachedTo(holder: PolicyHolder, at: Principals): Promise<readonly AttachedPolicy[]> {
  const inline = Object.entries(holder.inline).map(([name, text]) => ({ name, text }))
  return [...inline, ...(await Promise.all(holder.attached.map((reference) => attachedPolicy(reference, at))))]
}

const deletedGroup: AttachedPolicy = { name: 'group', text: '' }

/** The identity policies and the boundary of a user or role, the groups' included, as they are now. */
export async function policiesOf(principal: User | Role, at: Principals): Promise<NonNullable<Caller['policies']>> {
  const { boundary } = principal
  const ids = 'groups' in principal ? principal.groups : []
  const ofGroups = ids.map(async (id) => {
    const group = await at.groups.find(id)
    return group ? attachedTo(group, at) : [deletedGroup]
  })
  const identity = await Promise.all([attachedTo(principal, at), ...ofGroups])
  return { identity: identity.flat(), ...(boundary && { boundary: await attachedPolicy(boundary, at) }) }
}

/** A user, with everything that is attached to it now. */
export async function callerOf(user: User, accessKeyId: string, at: Principals): Promise<Caller> {
  const { account, arn, id, name, tags } = user
  const policies = await policiesOf(user, at)
  return { type: 'User', userName: name, account, arn, principalId: id, accessKeyId, tags, policies }
}

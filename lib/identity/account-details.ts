/** All that IAM keeps of an account, in one list: users, groups, roles, and the managed policies that somebody has. */
import type { ManagedPolicy, PolicyHolder } from './entities.ts'
import { foldedName } from './entities.ts'
import { usesOf } from './links.ts'
import { awsPolicies } from './managed-policies.ts'
import type { Principals } from './ports.ts'
import {
  attachedShown,
  boundaryShown,
  encodedDocument,
  groupShown,
  policyListed,
  roleListed,
  tagsShown,
  userListed,
  versionShown,
} from './shown.ts'

interface Asked {
  readonly principals: Principals
  readonly account: string
}
type Details = readonly Readonly<Record<string, unknown>>[]

interface Kind {
  readonly name: string
  readonly member: 'UserDetailList' | 'GroupDetailList' | 'RoleDetailList' | 'Policies'
  /** A page of them, each with the name that they are in the order of. */
  readonly list: (
    at: Asked,
    page: { limit: number; after?: string },
  ) => Promise<{
    readonly items: readonly (readonly [place: string, detail: Details[number]])[]
    readonly more: boolean
  }>
}

const inlineShown = ({ inline }: PolicyHolder): Details =>
  Object.entries(inline).map(([PolicyName, text]) => ({ PolicyName, PolicyDocument: encodedDocument(text) }))
const common = (holder: PolicyHolder) => ({ AttachedManagedPolicies: holder.attached.map(attachedShown) })

async function policyDetail(policy: ManagedPolicy, { principals, account }: Asked) {
  const uses = await usesOf(policy.id, principals, account)
  const { description: Description } = policy
  const PolicyVersionList = policy.versions.toReversed().map((each) => versionShown(each, policy))
  return { ...policyListed(policy, uses), ...(Description !== undefined && { Description }), PolicyVersionList }
}

const kinds: readonly Kind[] = [
  {
    name: 'User',
    member: 'UserDetailList',
    async list({ principals, account }, page) {
      const { items, more } = await principals.users.list(account, page)
      const shown = items.map(async (user) => {
        const groups = await Promise.all(user.groups.map((id) => principals.groups.find(id)))
        const detail = {
          ...userListed(user),
          UserPolicyList: inlineShown(user),
          GroupList: groups.flatMap((group) => group?.name ?? []),
          ...common(user),
          ...boundaryShown(user.boundary),
          ...tagsShown(user.tags),
        }
        return [foldedName(user.name), detail] as const
      })
      return { items: await Promise.all(shown), more }
    },
  },
  {
    name: 'Group',
    member: 'GroupDetailList',
    async list({ principals, account }, page) {
      const { items, more } = await principals.groups.list(account, page)
      const shown = (group: (typeof items)[number]) => ({
        ...groupShown(group),
        GroupPolicyList: inlineShown(group),
        ...common(group),
      })
      return { items: items.map((group) => [foldedName(group.name), shown(group)] as const), more }
    },
  },
  {
    name: 'Role',
    member: 'RoleDetailList',
    async list({ principals, account }, page) {
      const { items, more } = await principals.roles.list(account, page)
      const shown = (role: (typeof items)[number]) => ({
        ...roleListed(role),
        InstanceProfileList: [],
        RolePolicyList: inlineShown(role),
        ...common(role),
        ...boundaryShown(role.boundary),
        ...tagsShown(role.tags),
      })
      return { items: items.map((role) => [foldedName(role.name), shown(role)] as const), more }
    },
  },
  {
    name: 'LocalManagedPolicy',
    member: 'Policies',
    async list(at, page) {
      const { items, more } = await at.principals.managedPolicies.list(at.account, page)
      const shown = items.map(async (each) => [foldedName(each.name), await policyDetail(each, at)] as const)
      return { items: await Promise.all(shown), more }
    },
  },
  {
    name: 'AWSManagedPolicy',
    member: 'Policies',
    // They are few, and all come together.
    async list(at) {
      const shown = await Promise.all(awsPolicies.map((each) => policyDetail(each, at)))
      return {
        items: shown.filter((each) => each.AttachmentCount > 0).map((each) => [each.Arn, each] as const),
        more: false,
      }
    },
  },
]
export const detailKinds = kinds.map(({ name }) => name)

/**
 * One page, kind by kind.
 * @param after where the page before ended: `kind#name`
 * @returns with where this one ends, when there may be more
 */
export async function accountDetails(wanted: readonly string[], at: Asked, limit: number, after = '') {
  const [from, ...rest] = after.split('#')
  const asked = kinds.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  const found = { UserDetailList: [], GroupDetailList: [], RoleDetailList: [], Policies: [] } as Record<
    Kind['member'],
    Details
  >
  let room = limit
  const first = Math.max(
    0,
    asked.findIndex(({ name }) => name === from),
  )
  for (const [index, { name, member, list }] of asked.slice(first).entries()) {
    const start = index === 0 && after !== '' ? { after: rest.join('#') } : {}
    const { items, more } = await list(at, { limit: room, ...start })
    found[member] = [...found[member], ...items.map(([, detail]) => detail)]
    room -= items.length
    const last = items.at(-1)
    if (more && last) return { found, end: `${name}#${last[0]}` }
    const next = asked[first + index + 1]
    if (room <= 0 && next) return { found, end: `${next.name}#` }
  }
  return { found }
}

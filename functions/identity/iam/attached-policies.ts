import { LimitExceeded, NoSuchEntity } from '../../../lib/errors.ts'
import type { PolicyHolder, Role, User } from '../../../lib/identity/entities.ts'
import { demandHolder, groups, type HolderKind, holderNamed, roles, users } from '../../../lib/identity/holders.ts'
import { link, unlink } from '../../../lib/identity/links.ts'
import { demandPolicy } from '../../../lib/identity/managed-policies.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { attachedShown } from '../../../lib/identity/shown.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { type AnyOperation, iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { arn, attachedPolicy, page, pageEnd, pathPrefix } from '../../../lib/schema/iam.ts'
import { required } from '../../../lib/schema/shape.ts'

const atMost = 10
const policyPath = (policyArn: string): string =>
  policyArn.slice(policyArn.indexOf('/'), policyArn.lastIndexOf('/') + 1)

/** The same three actions for users, roles and groups. */
function attachmentActionsOf<T extends PolicyHolder>(kind: HolderKind<T>): readonly AnyOperation[] {
  const { title, type } = kind
  const { members, nameIn, resource, bounded } = holderNamed(kind)
  const input = struct({ ...members, PolicyArn: required(arn) })

  const attach = iamAction({
    name: `Attach${title}Policy`,
    readOnly: false,
    summary: `Attaches a managed policy to a ${type}.`,
    input,
    output: struct({}),
    needs: ['principals'],
    resource: bounded,
    async run({ input, place, now, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      const { id, arn } = await demandPolicy(input.PolicyArn, place.account, principals)
      if (holder.attached.some((each) => each.id === id)) return {}
      if (holder.attached.length >= atMost) {
        throw new LimitExceeded(`Cannot exceed quota for PoliciesPer${title}: ${atMost}`)
      }
      const attached = [...holder.attached, { id, arn }]
      await link(principals, { target: id, kind: 'attached', from: holder.id, createdAt: now }, () =>
        kind.entitiesOf(principals).replace({ ...holder, attached }),
      )
      return {}
    },
  })

  const detach = iamAction({
    name: `Detach${title}Policy`,
    readOnly: false,
    summary: `Detaches a managed policy from a ${type}.`,
    input,
    output: struct({}),
    needs: ['principals'],
    resource: bounded,
    async run({ input, place, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      // By its ARN, so that one that is gone can be detached, too.
      const reference = holder.attached.find((each) => each.arn === input.PolicyArn)
      if (!reference) throw new NoSuchEntity(`Policy ${input.PolicyArn} was not found.`)
      const attached = holder.attached.filter((each) => each !== reference)
      await unlink(principals, { target: reference.id, kind: 'attached', from: holder.id }, () =>
        kind.entitiesOf(principals).replace({ ...holder, attached }),
      )
      return {}
    },
  })

  const listAttached = iamAction({
    name: `ListAttached${title}Policies`,
    readOnly: true,
    summary: `Lists the managed policies that are attached to a ${type}.`,
    input: struct({ ...members, PathPrefix: pathPrefix, ...page }),
    output: struct({ AttachedPolicies: required(list(attachedPolicy)), ...pageEnd }),
    needs: ['principals'],
    resource,
    async run({ input, place, principals }) {
      const { attached } = await demandHolder(kind, nameIn(input), { principals, place })
      const fits = attached.filter((each) => policyPath(each.arn).startsWith(input.PathPrefix))
      const sorted = fits.toSorted((a, b) => (a.arn < b.arn ? -1 : 1))
      const found = slice(sorted, (each) => each.arn, pageOf(input))
      return { AttachedPolicies: found.items.map(attachedShown), ...endOf(found, (each) => each.arn) }
    },
  })

  return [attach, detach, listAttached]
}

/** Users and roles can have a boundary; groups cannot. */
function boundaryActionsOf<T extends User | Role>(kind: HolderKind<T>): readonly AnyOperation[] {
  const { title, type } = kind
  const { members, nameIn, resource, bounded } = holderNamed(kind)

  const put = iamAction({
    name: `Put${title}PermissionsBoundary`,
    readOnly: false,
    summary: `Limits what a ${type} can be allowed to what a managed policy allows.`,
    input: struct({ ...members, PermissionsBoundary: required(arn) }),
    output: struct({}),
    needs: ['principals'],
    resource,
    async run({ input, place, now, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      const { id, arn } = await demandPolicy(input.PermissionsBoundary, place.account, principals)
      const write = () => kind.entitiesOf(principals).replace({ ...holder, boundary: { id, arn } })
      const linked = () => link(principals, { target: id, kind: 'boundary', from: holder.id, createdAt: now }, write)
      const former = holder.boundary
      const replaces = former !== undefined && former.id !== id
      await (replaces ? unlink(principals, { target: former.id, kind: 'boundary', from: holder.id }, linked) : linked())
      return {}
    },
  })

  const remove = iamAction({
    name: `Delete${title}PermissionsBoundary`,
    readOnly: false,
    summary: `Takes the boundary of a ${type} away.`,
    input: struct(members),
    output: struct({}),
    needs: ['principals'],
    resource: bounded,
    async run({ input, place, principals }) {
      const found = await demandHolder(kind, nameIn(input), { principals, place })
      const { boundary, ...holder } = found
      if (!boundary) return {}
      // The rest of a T without what is optional in it is a T.
      const write = () => kind.entitiesOf(principals).replace(holder as unknown as T)
      await unlink(principals, { target: boundary.id, kind: 'boundary', from: found.id }, write)
      return {}
    },
  })

  return [put, remove]
}

export const attachedPolicyActions = [
  ...attachmentActionsOf(users),
  ...attachmentActionsOf(roles),
  ...attachmentActionsOf(groups),
  ...boundaryActionsOf(users),
  ...boundaryActionsOf(roles),
] as const

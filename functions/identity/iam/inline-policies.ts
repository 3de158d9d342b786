import { NoSuchEntity } from '../../../lib/errors.ts'
import type { PolicyHolder } from '../../../lib/identity/entities.ts'
import {
  demandHolder,
  groups,
  type HolderKind,
  holderNamed,
  roles,
  users,
  withInline,
} from '../../../lib/identity/holders.ts'
import { demandName } from '../../../lib/identity/names.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { encodedDocument } from '../../../lib/identity/shown.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { type AnyOperation, iamAction } from '../../../lib/operation.ts'
import { parseIdentityPolicy } from '../../../lib/policy/policies.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { document, page, pageEnd, policyName } from '../../../lib/schema/iam.ts'
import { string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

/** The same four actions for users, roles and groups. */
function inlinePolicyActionsOf<T extends PolicyHolder>(kind: HolderKind<T>): readonly AnyOperation[] {
  const { title, type } = kind
  const { members, nameIn, resource, bounded } = holderNamed(kind)
  const named = { ...members, PolicyName: required(policyName) }

  function demandPolicy({ inline }: T, name: string): string {
    const text = Object.hasOwn(inline, name) ? inline[name] : undefined
    if (text === undefined) throw new NoSuchEntity(`The ${type} policy with name ${name} cannot be found.`)
    return text
  }

  const put = iamAction({
    name: `Put${title}Policy`,
    readOnly: false,
    summary: `Writes an inline policy of a ${type}.`,
    input: struct({ ...named, PolicyDocument: required(document) }),
    output: struct({}),
    needs: ['principals'],
    resource: bounded,
    async run({ input, place, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      demandName('policyName', input.PolicyName)
      parseIdentityPolicy(input.PolicyDocument)
      const inline = withInline(kind, holder, input.PolicyName, input.PolicyDocument)
      await kind.entitiesOf(principals).replace({ ...holder, inline })
      return {}
    },
  })

  const get = iamAction({
    name: `Get${title}Policy`,
    readOnly: true,
    summary: `Shows an inline policy of a ${type}.`,
    input: struct(named),
    output: struct({ ...members, PolicyName: required(policyName), PolicyDocument: required(string()) }),
    needs: ['principals'],
    resource,
    async run({ input, place, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      const text = demandPolicy(holder, input.PolicyName)
      return { [`${title}Name`]: holder.name, PolicyName: input.PolicyName, PolicyDocument: encodedDocument(text) }
    },
  })

  const remove = iamAction({
    name: `Delete${title}Policy`,
    readOnly: false,
    summary: `Deletes an inline policy of a ${type}.`,
    input: struct(named),
    output: struct({}),
    needs: ['principals'],
    resource: bounded,
    async run({ input, place, principals }) {
      const holder = await demandHolder(kind, nameIn(input), { principals, place })
      demandPolicy(holder, input.PolicyName)
      const { [input.PolicyName]: _, ...inline } = holder.inline
      await kind.entitiesOf(principals).replace({ ...holder, inline })
      return {}
    },
  })

  const listAll = iamAction({
    name: `List${title}Policies`,
    readOnly: true,
    summary: `Lists the names of a ${type}'s inline policies.`,
    input: struct({ ...members, ...page }),
    output: struct({ PolicyNames: required(list(policyName)), ...pageEnd }),
    needs: ['principals'],
    resource,
    async run({ input, place, principals }) {
      const { inline } = await demandHolder(kind, nameIn(input), { principals, place })
      const names = slice(Object.keys(inline).sort(), (name) => name, pageOf(input))
      return { PolicyNames: names.items, ...endOf(names, (name) => name) }
    },
  })

  return [put, get, remove, listAll]
}

export const inlinePolicyActions = [
  ...inlinePolicyActionsOf(users),
  ...inlinePolicyActionsOf(roles),
  ...inlinePolicyActionsOf(groups),
] as const

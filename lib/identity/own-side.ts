/** A caller's own side of a decision: the policies that are attached to it. */
import type { DecisionRequest, NamedPolicy } from '../policy/decide.ts'
import { parseStoredIdentityPolicy, remembering } from '../policy/policies.ts'
import type { AttachedPolicy, Caller } from './caller.ts'

const documentOf = remembering(parseStoredIdentityPolicy)

const read = ({ name, text }: AttachedPolicy): NamedPolicy => ({ name, document: documentOf(text) })

export function ownSideOf({
  policies,
}: Caller): Pick<DecisionRequest, 'identityPolicies' | 'boundary' | 'sessionPolicies'> {
  if (!policies) return {}
  const { identity, boundary, session = [] } = policies
  return {
    identityPolicies: identity.map(read),
    ...(boundary && { boundary: read(boundary) }),
    sessionPolicies: session.map(read),
  }
}

/** Documented as asked of identity policies only, and of them seldom: a look-up that others are spared. */
export function asksForAliases({ policies }: Caller): boolean {
  if (!policies) return false
  const { identity, boundary, session = [] } = policies
  return [...identity, ...(boundary ? [boundary] : []), ...session].some(({ text }) =>
    documentOf(text)?.statements.some(({ conditions }) => conditions.some(({ key }) => key === 'kms:resourcealiases')),
  )
}

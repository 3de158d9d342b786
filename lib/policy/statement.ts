/** Whether a statement speaks of a request (kms-authz.md §2.3). */
import { holds } from './conditions.ts'
import type { PolicyDocument, Selection, Statement } from './document.ts'
import { type Asker, isPrincipal, type PrincipalKind } from './principals.ts'
import { every, not, some, type Truth } from './ternary.ts'
import { expand, type RequestContext, unclear } from './variables.ts'
import { arnMatcherOf, arnParts, matches, patternOf } from './wildcard.ts'

export interface Asked {
  readonly caller: Asker
  /** `kms:Encrypt` */
  readonly action: string
  readonly resource: { readonly arn: string }
  readonly context: RequestContext
}

const isSelected = <T>({ except, of }: Selection<T>, ask: (element: T) => Truth): Truth =>
  except ? not(some(of, ask)) : some(of, ask)

const anyPart = patternOf('*')

/**
 * An ARN is matched field by field; AWS takes the fields that a pattern lacks for `*`, and a pattern of one field alone
 * also fits the `*` of operations that are on no resource. A variable is for the last field only.
 */
function isResource(text: string, arn: string, context: RequestContext, variables: boolean): Truth | 'unresolved' {
  // Almost every statement of a key policy: a key policy is its key's.
  if (text === '*') return true
  const pattern = variables ? expand(text, context) : patternOf(text)
  if (pattern === unclear) return undefined
  if (!pattern) return 'unresolved'
  const parts = arnParts(pattern)
  if (parts.slice(0, 5).some((part) => part.some((piece) => piece.data))) return 'unresolved'
  if (!arn.includes(':')) return parts.length === 1 && matches(pattern, arn)
  return arnMatcherOf([...parts, ...Array.from({ length: 6 - parts.length }, () => anyPart)])(arn)
}

/** An unresolved variable matches nothing, and leaves open what NotResource excludes. */
const isResourceSelected = ({ except, of }: Statement['resources'], asked: Asked, variables: boolean): Truth =>
  isSelected({ except, of }, (text) => {
    const found = isResource(text, asked.resource.arn, asked.context, variables)
    return found === 'unresolved' ? (except ? undefined : false) : found
  })

/** Documented as without effect in key policies, so a statement that depends on it has none either. */
const identityOnlyKey = 'kms:resourcealiases'

/** Whether the statement applies: an Allow only when that is certain, a Deny unless it is certain that it does not. */
export function applies(statement: Statement, document: PolicyDocument, asked: Asked): boolean {
  const { principals, actions, resources, conditions, effect } = statement
  const action = asked.action.toLowerCase()
  if (principals && !isSelected(principals, (principal) => isPrincipal(principal, asked.caller))) return false
  if (!isSelected(actions, (pattern) => matches(patternOf(pattern), action))) return false
  if (principals && conditions.some(({ key }) => key === identityOnlyKey)) return false

  const variables = document.version === '2012-10-17'
  const truths = [
    isResourceSelected(resources, asked, variables),
    every(conditions, (condition) => holds(condition, asked.context, variables)),
  ]
  const applicable = every(truths, (truth) => truth)
  return effect === 'Allow' ? applicable === true : applicable !== false
}

/** In what capacities the statement's Principal names the caller. */
export const kindsOf = (statement: Statement, caller: Asker): readonly PrincipalKind[] =>
  (statement.principals?.of ?? []).filter((principal) => isPrincipal(principal, caller)).map(({ kind }) => kind)

/** Whether a statement speaks of a request (kms-authz.md §2.3). */
import { holds } from './conditions.ts'
import type { PolicyDocument, Selection, Statement } from './document.ts'
import { type Asker, isPrincipal, type PrincipalKind } from './principals.ts'
import { every, not, some, type Truth } from './ternary.ts'
import { expand, type RequestContext, unclear } from './variables.ts'
import { arnMatcherOf, arnParts, type Matcher, matcherOf, type Pattern, patternOf } from './wildcard.ts'

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

type ResourceTest = (arn: string) => Truth | 'unresolved'

function resourceTestOf(pattern: Pattern): ResourceTest {
  const parts = arnParts(pattern)
  if (parts.slice(0, 5).some((part) => part.some((piece) => piece.data))) return () => 'unresolved'
  const isAlone = parts.length === 1 ? matcherOf(pattern) : () => false
  const isArn = arnMatcherOf([...parts, ...Array.from({ length: 6 - parts.length }, () => anyPart)])
  return (arn) => (arn.includes(':') ? isArn(arn) : isAlone(arn))
}

/** What a statement makes of every request in the same way, made once. */
interface Prepared {
  readonly actions: ReadonlyMap<string, Matcher>
  /** Of the resources that hold no variable. */
  readonly resources: ReadonlyMap<string, ResourceTest>
}
const preparations = new WeakMap<Statement, Prepared>()

function prepared(statement: Statement, variables: boolean): Prepared {
  const found = preparations.get(statement)
  if (found) return found
  const { actions, resources } = statement
  const fixed = resources.of.filter((text) => !variables || !text.includes('${'))
  const made = {
    actions: new Map(actions.of.map((text) => [text, matcherOf(patternOf(text))])),
    resources: new Map(fixed.map((text) => [text, resourceTestOf(patternOf(text))])),
  }
  preparations.set(statement, made)
  return made
}

function isResource(text: string, { resources }: Prepared, { resource, context }: Asked): Truth | 'unresolved' {
  // Almost every statement of a key policy: a key policy is its key's.
  if (text === '*') return true
  const fixed = resources.get(text)
  if (fixed) return fixed(resource.arn)
  const pattern = expand(text, context)
  if (pattern === unclear) return undefined
  return pattern ? resourceTestOf(pattern)(resource.arn) : 'unresolved'
}

/** An unresolved variable matches nothing, and leaves open what NotResource excludes. */
const isResourceSelected = ({ except, of }: Statement['resources'], asked: Asked, ready: Prepared): Truth =>
  isSelected({ except, of }, (text) => {
    const found = isResource(text, ready, asked)
    return found === 'unresolved' ? (except ? undefined : false) : found
  })

/** Documented as without effect in key policies, so a statement that depends on it has none either. */
const identityOnlyKey = 'kms:resourcealiases'

/** Whether the statement applies: an Allow only when that is certain, a Deny unless it is certain that it does not. */
export function applies(statement: Statement, document: PolicyDocument, asked: Asked): boolean {
  const { principals, actions, resources, conditions, effect } = statement
  const action = asked.action.toLowerCase()
  if (principals && !isSelected(principals, (principal) => isPrincipal(principal, asked.caller))) return false
  const variables = document.version === '2012-10-17'
  const ready = prepared(statement, variables)
  if (!isSelected(actions, (text) => ready.actions.get(text)?.(action))) return false
  if (principals && conditions.some(({ key }) => key === identityOnlyKey)) return false

  const truths = [
    isResourceSelected(resources, asked, ready),
    every(conditions, (condition) => holds(condition, asked.context, variables)),
  ]
  const applicable = every(truths, (truth) => truth)
  return effect === 'Allow' ? applicable === true : applicable !== false
}

/** In what capacities the statement's Principal names the caller. */
export const kindsOf = (statement: Statement, caller: Asker): readonly PrincipalKind[] =>
  (statement.principals?.of ?? []).filter((principal) => isPrincipal(principal, caller)).map(({ kind }) => kind)

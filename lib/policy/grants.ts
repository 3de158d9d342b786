/** Whether a grant lets a request through; how it came to be is not asked here (kms-authz.md §7). */
import { type Asker, isPrincipal, type PrincipalKind, parsePrincipal } from './principals.ts'
import type { RequestContext } from './variables.ts'

type Pairs = Readonly<Record<string, string>>

export interface GrantConstraints {
  readonly EncryptionContextEquals?: Pairs
  readonly EncryptionContextSubset?: Pairs
  readonly SourceArn?: string
}

export interface PolicyGrant {
  readonly id: string
  /** An ARN, an account id, or a unique id: `AIDA…`, `AROA…`, `AROA…:session`. */
  readonly grantee: string
  readonly issuingAccount: string
  /** `Encrypt`, `ReEncryptFrom`, … */
  readonly operations: readonly string[]
  readonly constraints?: GrantConstraints
}

export interface GrantAsked {
  readonly caller: Asker
  readonly action: string
  readonly context: RequestContext
  /** Names with their case, which condition keys have lost. */
  readonly encryptionContext?: Pairs
  /** Of a CreateGrant. */
  readonly proposedGrant?: Pick<PolicyGrant, 'operations' | 'constraints'>
}

const includes = (whole: Pairs, part: Pairs): boolean =>
  Object.entries(part).every(([name, value]) => Object.hasOwn(whole, name) && whole[name] === value)

const isSame = (left: Pairs, right: Pairs): boolean =>
  Object.keys(left).length === Object.keys(right).length && includes(left, right)

/** Whatever the child lets through, the parent does too. */
function isWithin(child: GrantConstraints, parent: GrantConstraints): boolean {
  if (parent.SourceArn !== undefined && child.SourceArn !== parent.SourceArn) return false
  const { EncryptionContextEquals: equal, EncryptionContextSubset: subset } = parent
  if (equal && !(child.EncryptionContextEquals && isSame(child.EncryptionContextEquals, equal))) return false
  const childPairs = child.EncryptionContextEquals ?? child.EncryptionContextSubset
  return !subset || (childPairs !== undefined && includes(childPairs, subset))
}

function constraintsHold(constraints: GrantConstraints, operation: string, asked: GrantAsked): boolean {
  const { EncryptionContextEquals: equal, EncryptionContextSubset: subset, SourceArn: source } = constraints
  if (source !== undefined && asked.context.get('aws:sourcearn') !== source) return false
  if (operation === 'DescribeKey' || operation === 'CreateGrant') return true
  const pairs = asked.encryptionContext ?? {}
  return (!equal || isSame(pairs, equal)) && (!subset || includes(pairs, subset))
}

/** In what capacity this grant lets the caller through; undefined when it does not. */
export function grantedAs(grant: PolicyGrant, asked: GrantAsked): PrincipalKind | undefined {
  const operation = asked.action.replace(/^kms:/, '')
  if (!grant.operations.includes(operation) || !constraintsHold(grant.constraints ?? {}, operation, asked)) return
  if (operation === 'CreateGrant') {
    // One parent for all of it: rights gathered from two grants were never given together.
    const child = asked.proposedGrant
    if (!child?.operations.every((each) => grant.operations.includes(each))) return
    if (!isWithin(child.constraints ?? {}, grant.constraints ?? {})) return
  }
  const grantee = parsePrincipal('AWS', grant.grantee)
  return grantee && grantee.kind !== 'ANYONE' && isPrincipal(grantee, asked.caller) ? grantee.kind : undefined
}

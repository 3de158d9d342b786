import { createHash } from 'node:crypto'
import { concat, hex, lengthPrefixed, utf8 } from '../bytes.ts'
import type { Caller } from '../identity/caller.ts'
import type { GrantConstraints, PolicyGrant } from '../policy/grants.ts'
import { roleIdOf } from '../policy/principals.ts'
import type { GrantOperation } from './operations.ts'

/** Somebody whom a grant names. */
export interface GrantPrincipal {
  /** As CreateGrant had it. */
  readonly text: string
  /**
   * What callers are compared with: the unique id of a user or role, with the session's name for one session of a
   * role; an account id; the ARN of a federated user.
   */
  readonly bound: string
}

/** A grant never changes: it is there, or it was retired or revoked. Times are milliseconds since the epoch. */
export interface Grant {
  /** 64 lower-case hex digits. Those of the grants of one grantee on one key begin alike: see `granteePrefix`. */
  readonly id: string
  readonly keyId: string
  readonly keyArn: string
  /** The key's account. */
  readonly account: string
  readonly issuingAccount: string
  readonly createdAt: number
  readonly grantee: GrantPrincipal
  readonly retiring?: GrantPrincipal
  readonly operations: readonly GrantOperation[]
  readonly constraints?: GrantConstraints
  readonly name?: string
}

/** Half of an id: 32 hex digits that follow from these texts, and from no others. */
export const halfId = (...texts: readonly string[]): string =>
  hex(
    createHash('sha256')
      .update(concat(...texts.map(utf8).map(lengthPrefixed)))
      .digest(),
  ).slice(0, 32)

/**
 * What the ids of one grantee's grants on one key begin with. A key may have very many grants; so those of one caller
 * are a range of the key's own items, read consistently, and no index need be trusted to forget a revoked one in time.
 */
export const granteePrefix = (keyId: string, bound: string): string => halfId('grantee', keyId, bound)

export const isGrantId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** Where a grant stands in the list of those that one principal may retire. */
export const retirableSortValue = ({ keyId, id }: Pick<Grant, 'keyId' | 'id'>): string => `${keyId}#${id}`

/** Every form in which a grant may be bound to this caller: of a federated user there is no record, so its ARN stands. */
export function boundFormsOf(caller: Caller): readonly string[] {
  const { type, account, arn, principalId } = caller
  if (type === 'Root') return [account]
  const roleId = roleIdOf(caller)
  return [account, type === 'FederatedUser' ? arn : principalId, ...(roleId === undefined ? [] : [roleId])]
}

/** A grant as far as decisions go. */
export const decisiveOf = ({ id, grantee, issuingAccount, operations, constraints }: Grant): PolicyGrant => ({
  id,
  grantee: grantee.bound,
  issuingAccount,
  operations,
  ...(constraints && { constraints }),
})

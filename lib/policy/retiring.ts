/** Who may retire a grant: the grant says, and no key policy has a part in it (kms-authz.md §2.2). Pure and total. */
import { type Decision, type DecisionRequest, isMet, localNeeds, type Needs, ownSide, wordingFor } from './decide.ts'
import type { PolicyGrant } from './grants.ts'
import { type Asker, isPrincipal, type PrincipalKind, parsePrincipal } from './principals.ts'

export interface RetirableGrant extends PolicyGrant {
  /** In the forms of `grantee`. */
  readonly retiring?: string
}

function kindOf(text: string | undefined, caller: Asker): PrincipalKind | undefined {
  const principal = text === undefined ? undefined : parsePrincipal('AWS', text)
  return principal && principal.kind !== 'ANYONE' && isPrincipal(principal, caller) ? principal.kind : undefined
}

/** What the grant asks of the caller's own side, by each way in that it opens. */
function needsOf(grant: RetirableGrant, { caller, resource }: DecisionRequest): readonly Needs[] {
  const isIssuer = caller.account === grant.issuingAccount
  const isLocal = isIssuer || caller.account === resource.account
  const grantee = grant.operations.includes('RetireGrant') ? grant.grantee : undefined
  const kinds = [grant.retiring, grantee].flatMap((text) => kindOf(text, caller) ?? [])
  return [...kinds.map((kind) => (isLocal ? localNeeds[kind] : 'allow')), ...(isIssuer ? (['allow'] as const) : [])]
}

/** @param request its resource is the grant's key */
export function decideRetiring(request: DecisionRequest, grant: RetirableGrant): Decision {
  const isLocal = request.resource.account === request.caller.account
  const words = wordingFor(request, isLocal)
  const own = ownSide(request)
  const deny = (message: string, by: Decision['by'], explicit = false): Decision => ({
    allowed: false,
    explicit,
    by,
    message,
  })
  const needs = needsOf(grant, request)
  const by = { source: 'default', policy: grant.id, detail: 'The grant does not let the caller retire it.' } as const
  // A stranger hears the same of a grant that is there as of none, whatever its own policies say.
  if (!isLocal && needs.length === 0) return deny(words.foreign, by)
  if (own.denied) return deny(words.explicit(own.denied.layer), own.denied.by, true)
  if (needs.some((each) => isMet(each, own))) return { allowed: true, by: { source: 'grant', policy: grant.id } }
  return deny(words.implicit(needs.length > 0 && own.cappedBy ? own.cappedBy : 'identity-policy'), by)
}

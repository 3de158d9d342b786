/**
 * Whether a caller may do one action on one resource, and why (kms-authz.md §2.2). Pure and total: a document that
 * cannot be read lets nobody in, and no request makes it throw or take long.
 */
import { parseArn } from '../arn.ts'
import type { PolicyDocument, Statement } from './document.ts'
import { type GrantAsked, grantedAs, type PolicyGrant } from './grants.ts'
import { type Layer, roleWording, type Wording, webIdentityWording, wording } from './messages.ts'
import type { Asker, PrincipalKind } from './principals.ts'
import { applies, kindsOf } from './statement.ts'
import type { RequestContext } from './variables.ts'

export interface NamedPolicy {
  readonly name: string
  /** Undefined: it is there, and cannot be read. It may hold a Deny, so it denies everything. */
  readonly document: PolicyDocument | undefined
}

export interface DecisionRequest {
  readonly caller: Asker
  /** `kms:Encrypt` */
  readonly action: string
  readonly resource: {
    /** Of a key, an alias or a role, …, or `*`. */
    readonly arn: string
    readonly account: string
    /** What a refusal calls it, where not by its ARN. */
    readonly called?: string
    /** For a key: absent when it cannot be read, or the key does not exist; either lets nobody in. */
    readonly keyPolicy?: PolicyDocument | undefined
    /** For a role that is to be assumed: undefined within when it cannot be read, or there is no such role. */
    readonly trustPolicy?: { readonly document: PolicyDocument | undefined }
    /**
     * What a caller from elsewhere knows of a key before it is let in: what it asked for. As long as nothing is shared
     * with it, what it hears depends on that alone, and not on what the key is or whether there is one.
     */
    readonly unseen?: { readonly arn: string; readonly context: RequestContext }
  }
  /** Whether the operation may be used from another account at all. */
  readonly crossAccount: boolean
  readonly context: RequestContext
  readonly identityPolicies?: readonly NamedPolicy[]
  readonly boundary?: NamedPolicy
  /** None and an empty list are the same: a session without a policy of its own. */
  readonly sessionPolicies?: readonly NamedPolicy[]
  /** Of the key: those that are visible to the caller, by time or by token. */
  readonly grants?: readonly PolicyGrant[]
  readonly encryptionContext?: NonNullable<GrantAsked['encryptionContext']>
  readonly proposedGrant?: NonNullable<GrantAsked['proposedGrant']>
}

export interface Reason {
  readonly source: Layer | 'grant' | 'root' | 'default'
  /** Name of the policy, or id of the grant. */
  readonly policy?: string
  /** Sid, or where it has none its index. */
  readonly statement?: string | number
  readonly detail?: string
}

export type Decision =
  | { readonly allowed: true; readonly by: Reason }
  | { readonly allowed: false; readonly explicit: boolean; readonly by: Reason; readonly message: string }

/** What the policies of one layer say. */
interface Said {
  readonly layer: Layer
  denied?: Reason
  allowed?: Reason
}

/** What the resource's own policy says: the Allow statements by the capacity in which they name the caller. */
interface ResourceSaid extends Said {
  readonly allowedAs: Map<PrincipalKind, Reason>
}

type Allow = (by: Reason, statement: Statement) => void

function hear(said: Said, policy: NamedPolicy, request: DecisionRequest, allow: Allow): void {
  const { layer: source } = said
  const { document, name } = policy
  if (!document) {
    said.denied ??= { source, policy: name, detail: 'The policy cannot be read.' }
    return
  }
  for (const [index, statement] of document.statements.entries()) {
    if (!applies(statement, document, request)) continue
    const by = { source, policy: name, statement: statement.sid ?? index }
    if (statement.effect === 'Deny') said.denied ??= by
    else allow(by, statement)
  }
}

function layerSaid(layer: Layer, policies: readonly NamedPolicy[], request: DecisionRequest): Said {
  const said: Said = { layer }
  for (const policy of policies) hear(said, policy, request, (by) => (said.allowed ??= by))
  return said
}

const empty: PolicyDocument = { version: '2012-10-17', statements: [] }

const isKey = (arn: string): boolean => parseArn(arn)?.resource.startsWith('key/') === true

/** Undefined for what has no policy of its own: there the caller's side alone decides. */
function resourceSaid(request: DecisionRequest): ResourceSaid | undefined {
  const { arn, keyPolicy, trustPolicy } = request.resource
  if (!trustPolicy && !keyPolicy && !isKey(arn)) return
  const layer = trustPolicy ? 'trust-policy' : 'key-policy'
  const document = (trustPolicy ? trustPolicy.document : keyPolicy) ?? empty
  const said: ResourceSaid = { layer, allowedAs: new Map() }
  hear(said, { name: trustPolicy ? 'trust' : 'default', document }, request, (by, statement) => {
    for (const kind of kindsOf(statement, request.caller)) if (!said.allowedAs.has(kind)) said.allowedAs.set(kind, by)
  })
  return said
}

/** The caller's own side: what its account and session let it do, whatever the key says. */
export interface Own {
  /** The layer that denies, and why. */
  readonly denied: { readonly layer: Layer; readonly by: Reason } | undefined
  readonly allowed: Reason | undefined
  /** The boundary or session policy that is there and does not allow. */
  readonly cappedBy: Layer | undefined
}

export function ownSide(request: DecisionRequest): Own {
  const { boundary, sessionPolicies = [], identityPolicies = [], caller } = request
  // A federated user has what its session policy and the user that made it both allow: without one, nothing.
  const hasSessionPolicy = sessionPolicies.length > 0 || caller.type === 'FederatedUser'
  const identity = layerSaid('identity-policy', identityPolicies, request)
  const caps = [
    ...(hasSessionPolicy ? [layerSaid('session-policy', sessionPolicies, request)] : []),
    ...(boundary ? [layerSaid('permissions-boundary', [boundary], request)] : []),
  ]
  // AWS names identity policy, boundary, session policy in this order where several deny.
  const [denied] = [identity, ...caps.toReversed()].flatMap(({ layer, denied: by }) => (by ? [{ layer, by }] : []))
  const allowed = caller.type === 'Root' ? { source: 'root' as const } : identity.allowed
  return { denied, allowed, cappedBy: caps.find((said) => !said.allowed)?.layer }
}

const noAllow: Reason = { source: 'default', detail: 'No statement and no grant allows it.' }

export function wordingFor({ caller, action, resource }: DecisionRequest, isLocal: boolean): Wording {
  if (caller.type === 'WebIdentity') return webIdentityWording(action)
  if (resource.trustPolicy) return roleWording(caller.arn, action, resource.arn)
  return wording(caller.arn, action, isLocal ? (resource.called ?? resource.arn) : undefined)
}

export function decide(request: DecisionRequest): Decision {
  const { caller, resource } = request
  const isLocal = resource.account === caller.account
  const words = wordingFor(request, isLocal)
  const denyFor = (missing: Layer): Decision => deny(words.implicit(missing), lacks(missing))

  if (!isLocal && !request.crossAccount) {
    return deny(words.foreign, { source: 'default', detail: 'Not for other accounts.' })
  }

  const own = ownSide(request)
  const said = resourceSaid(request)
  if (!said) {
    if (!isLocal) return deny(words.foreign, noAllow)
    if (own.denied) return deny(words.explicit(own.denied.layer), own.denied.by, true)
    if (!own.allowed) return denyFor('identity-policy')
    return own.cappedBy ? denyFor(own.cappedBy) : { allowed: true, by: own.allowed }
  }

  const paths = said.denied ? [] : [...resourcePaths(said, request, isLocal), ...grantPaths(request, isLocal)]
  if (!isLocal && paths.length === 0) return unshared(request, said.denied ?? own.denied?.by, words)
  if (said.denied) return deny(words.explicit(said.layer), said.denied, true)
  if (own.denied) return deny(words.explicit(own.denied.layer), own.denied.by, true)

  const open = paths.find(({ needs }) => isMet(needs, own))
  if (open) return { allowed: true, by: open.needs === 'allow' ? together(open.by, own) : open.by }
  if (!isLocal) return denyFor(own.cappedBy ?? 'identity-policy')

  // What would have been enough, had the boundary or session policy allowed it, fails for want of that.
  const uncapped = { ...own, cappedBy: undefined }
  if (own.cappedBy && paths.some(({ needs }) => isMet(needs, uncapped))) return denyFor(own.cappedBy)
  return denyFor(paths.length > 0 ? 'identity-policy' : said.layer)
}

const deny = (message: string, by: Reason, explicit = false): Decision => ({ allowed: false, explicit, by, message })

const lacks = (missing: Layer): Reason => ({ ...noAllow, detail: `No ${missing} allows it.` })

/**
 * To whom nothing is shared hears of its own side, as far as that can be told without the key, or else nothing.
 * @param by the Deny that there is, which no grant can get past; what is said of it does not depend on the key
 */
function unshared(request: DecisionRequest, by: Reason | undefined, words: Wording): Decision {
  const { arn = request.resource.arn, context = request.context } = request.resource.unseen ?? {}
  const { denied, allowed, cappedBy } = ownSide({ ...request, context, resource: { ...request.resource, arn } })
  if (denied) return deny(words.explicit(denied.layer), by ?? denied.by, by !== undefined)
  const missing = cappedBy ?? (allowed ? undefined : 'identity-policy')
  if (missing) return deny(words.implicit(missing), by ?? lacks(missing), by !== undefined)
  return deny(words.foreign, by ?? noAllow, by !== undefined)
}

/** What a way in asks of the caller's own side besides the absence of a deny. */
export type Needs = 'nothing' | 'no-cap' | 'allow'

interface Path {
  readonly needs: Needs
  readonly by: Reason
}

export const isMet = (needs: Needs, own: Own): boolean =>
  needs === 'nothing' || (own.cappedBy === undefined && (needs === 'no-cap' || own.allowed !== undefined))

/** Where both sides must allow, the caller's statement decided, and the key's side made it count. */
const together = (by: Reason, { allowed }: Own): Reason =>
  allowed?.source === 'identity-policy'
    ? { ...allowed, detail: `Together with ${by.source} ${by.statement ?? by.policy}.` }
    : by

/** What naming the caller in this capacity is worth, where the resource is of the caller's own account. */
export const localNeeds: Readonly<Record<PrincipalKind, Needs>> = {
  FEDERATED: 'nothing',
  SESSION: 'nothing',
  USER: 'nothing',
  ROLE: 'no-cap',
  ANYONE: 'no-cap',
  ACCOUNT: 'allow',
  // INVARIANT: no caller is a service, so nothing ever asks for this.
  SERVICE: 'allow',
}

/** From the one that asks least, so that the reason does not depend on the order of statements. */
const kindsByNeeds = ['SESSION', 'USER', 'ROLE', 'ANYONE', 'ACCOUNT'] as const satisfies readonly PrincipalKind[]

/** Who has no credentials is let in only where its provider is named: not by what is for everyone. */
const kindsThatLetIn = (caller: Asker): readonly PrincipalKind[] =>
  caller.type === 'WebIdentity' ? ['FEDERATED'] : kindsByNeeds

const resourcePaths = ({ allowedAs }: ResourceSaid, { caller }: DecisionRequest, isLocal: boolean): readonly Path[] =>
  kindsThatLetIn(caller).flatMap((kind) => {
    const by = allowedAs.get(kind)
    if (!by) return []
    return [{ by, needs: isLocal ? localNeeds[kind] : 'allow' }]
  })

/** A grant from the key's own account is only the key's side: a caller from elsewhere needs its account's too. */
const grantPaths = (request: DecisionRequest, isLocal: boolean): readonly Path[] =>
  (request.grants ?? []).flatMap((grant) => {
    const kind = grantedAs(grant, request)
    if (!kind) return []
    const isDirect = isLocal || grant.issuingAccount === request.caller.account
    return [{ by: { source: 'grant', policy: grant.id }, needs: isDirect ? localNeeds[kind] : 'allow' }]
  })

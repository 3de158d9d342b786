import { aliasArn, keyArn, type Place } from './arn.ts'
import type { AuditEntry } from './audit/entry.ts'
import type { Attestation } from './crypto/attestation.ts'
import { AccessDeniedException, KMSInternalException } from './errors.ts'
import { retirableGrant } from './grants/ending.ts'
import { type GrantsFor, proposedIn } from './grants/finding.ts'
import { decisiveOf, type Grant } from './grants/grant.ts'
import { isGrantable } from './grants/operations.ts'
import type { GrantPorts } from './grants/ports.ts'
import type { Caller } from './identity/caller.ts'
import { asksForAliases, ownSideOf } from './identity/own-side.ts'
import type { On } from './identity/resources.ts'
import { aliasNamesOf } from './keys/aliases.ts'
import type { Key } from './keys/key.ts'
import { keyPolicyOf } from './keys/policies.ts'
import { type AnyOperation, type Further, type KeyRule, type Request, serviceOf, type Target } from './operation.ts'
import { type Decision, type DecisionRequest, decide } from './policy/decide.ts'
import type { PolicyDocument } from './policy/document.ts'
import { decideRetiring } from './policy/retiring.ts'
import { type RequestContext, unclear } from './policy/variables.ts'
import type { Aliases, Keys } from './ports.ts'
import {
  contextOf,
  type Entries,
  fromConstraints,
  fromGrantedKey,
  fromKey,
  fromMembers,
  fromRecipient,
  fromRequest,
} from './request-context.ts'
import { type Resolved, unknownCiphertextKey } from './resolve.ts'

type Input = Readonly<Record<string, unknown>>

type Granted = Required<Pick<DecisionRequest, 'grants' | 'encryptionContext' | 'proposedGrant'>>

export interface Asked {
  readonly operation: AnyOperation
  readonly input: Input
  /** As it was sent, without defaults. */
  readonly sent: Input
  readonly request: Request
  readonly caller: Caller
  readonly place: Place
  readonly now: number
  readonly recipient?: Attestation
  /** What an operation that is on no key is asked for. */
  readonly resource?: string | On
}

/** Hears of each decision, whatever it is. */
export type Hear = (decision: Decision, action: string, resourceArn: string) => void

export const actionNameOf = (operation: AnyOperation): string => `${serviceOf(operation).name}:${operation.name}`

/** The IAM actions of one rule, or of an operation that is on no key. */
export const actionsOf = (
  operation: AnyOperation,
  input: Input,
  action = actionNameOf(operation),
): readonly string[] => [action, ...(operation.also?.(input) ?? [])]

/**
 * Every (action, resource) pair of a request is decided by itself, and all must be allowed: each key by its own key
 * policy, aliases and account-wide operations by the caller's identity.
 * @param grantsFor asked for the grants of a key only where the policies have not decided
 * @throws AccessDeniedException with AWS's text
 */
export async function authorize(
  asked: Asked,
  resolved: readonly Resolved[],
  grantsFor: GrantsFor,
  hear: Hear,
): Promise<void> {
  const { operation, input, sent, request, caller, place, now, recipient, resource: named = '*' } = asked
  if (operation.open || operation.decides) return
  const general = () => [
    ...fromRequest(request, caller, place, now),
    ...fromMembers(operation, { input, sent }),
    ...fromRecipient(recipient),
  ]
  const onKeys = resolved.filter(({ rule }) => !rule.filter)
  const keyArns = new Set(onKeys.map(({ key }) => key.arn))

  const ownSide = ownSideOf(caller)
  const demand = async (
    action: string,
    resource: DecisionRequest['resource'],
    crossAccount: boolean,
    context: RequestContext,
    text?: string,
    granted?: () => Promise<Granted>,
  ) => {
    const question = { caller, action, resource, crossAccount, context, ...ownSide }
    const byPolicies = decide(question)
    // A grant can only let in, and never past a Deny.
    const isOpen = granted && !byPolicies.allowed && !byPolicies.explicit && isGrantable(action)
    const decision = isOpen ? decide({ ...question, ...(await granted()) }) : byPolicies
    hear(decision, action, resource.arn)
    if (!decision.allowed) throw new AccessDeniedException(text ?? decision.message)
  }

  if (operation.alias !== undefined) {
    const arn = aliasArn(place, String(input[operation.alias]))
    await demand(`kms:${operation.name}`, { arn, account: place.account }, false, contextOf(general))
  }
  if (onKeys.length === 0 && operation.alias === undefined) {
    const { arns, called, context = [] }: On = typeof named === 'string' ? { arns: [named] } : named
    const about = contextOf(general, () => context.map(([name, value]): Entries[number] => [name, value]))
    for (const [index, arn] of arns.entries()) {
      const resource = { arn, account: caller.account, ...(index === 0 && called !== undefined && { called }) }
      for (const action of actionsOf(operation, input)) await demand(action, resource, false, about)
    }
  }
  for (const each of onKeys) {
    const { key, rule } = each
    const sameKey = (): Entries => [['kms:ReEncryptOnSameKey', String(keyArns.size === 1)]]
    const ofPair = rule.action?.startsWith('kms:ReEncrypt') ? [sameKey] : []
    const context = contextOf(general, () => fromKey(each, input), ...ofPair)
    // One that cannot be read allows nobody anything.
    const keyPolicy = keyPolicyOf(key)
    const unseen = key.account === caller.account ? undefined : unseenKey(asked, each.alias ? undefined : key.arn, key)
    const resource = { arn: key.arn, account: key.account, ...(keyPolicy && { keyPolicy }), ...(unseen && { unseen }) }
    const text = each.ciphertext ? unknownCiphertextKey : undefined
    const granted = async (): Promise<Granted> => ({
      grants: await grantsFor(key, caller),
      encryptionContext: (rule.encryption && (input[rule.encryption.context] as Granted['encryptionContext'])) ?? {},
      proposedGrant: proposedIn(input),
    })
    for (const action of actionsOf(operation, input, rule.action)) {
      await demand(action, resource, rule.foreign === true, context, text, granted)
    }
  }
}

/** What lets grants in is asked where the request came in. */
const noGrants: GrantsFor = async () => []

/**
 * Decides what an operation comes to know of only while it runs: a further action, in another Region.
 * @throws AccessDeniedException with AWS's text
 */
export const demandFurther =
  (asked: Asked, hear: Hear) =>
  async (name: string, on: Further): Promise<void> => {
    // INVARIANT: the table of permissions shows all that is demanded.
    if (!Object.hasOwn(asked.operation.further ?? {}, name)) throw new KMSInternalException()
    const operation: AnyOperation = { ...asked.operation, name, on: {}, also: () => [] }
    if ('arn' in on) {
      const resolved = [{ member: '', rule: { by: 'key', states: {} }, key: on }] as const
      await authorize({ ...asked, operation }, resolved, noGrants, hear)
    } else {
      const place = { ...asked.place, region: on.region }
      await authorize({ ...asked, operation, place, input: on.input }, [], noGrants, hear)
    }
  }

/** The key id of no key: who names a key by its alias knows no other. */
const noKeyId = '00000000-0000-0000-0000-000000000000'

type Question = Omit<Asked, 'recipient' | 'resource'>

/** What a caller from elsewhere knows of a key that it names. @param arn undefined when it names an alias */
function unseenKey(question: Question, arn: string | undefined, { account }: Pick<Key, 'account'>) {
  const { operation, input, sent, request, caller, place, now } = question
  const context = contextOf(() => [
    ...fromRequest(request, caller, place, now),
    ...fromMembers(operation, { input, sent }),
  ])
  return { arn: arn ?? keyArn({ ...place, account }, noKeyId), context }
}

/** What a caller hears of a key of another account that is not there: the same as of one that is not shared with it. */
export function hiddenKey(
  question: Question,
  { action, foreign }: KeyRule,
  { arn, account }: { readonly arn: string | undefined; readonly account: string },
  hear: Hear,
): AccessDeniedException {
  const { caller, operation } = question
  const unseen = unseenKey(question, arn, { account })
  const asked = {
    caller,
    action: action ?? actionNameOf(operation),
    resource: { arn: unseen.arn, account },
    crossAccount: foreign === true,
    context: unseen.context,
    ...ownSideOf(caller),
  }
  const decision = decide(asked)
  hear(decision, asked.action, arn ?? '*')
  // INVARIANT: a key without a policy lets nobody in.
  if (decision.allowed) throw new KMSInternalException()
  return new AccessDeniedException(decision.message)
}

/**
 * What `run` asks, of an operation that decides itself what it is about: the role's trust policy and the caller's own
 * side, or the web identity's.
 * @throws AccessDeniedException with AWS's text
 */
export function demandAssuming({ operation, request, caller, place, now }: Asked, hear: Hear) {
  return ({ arn, account, trustPolicy, webIdentity, also, context: own }: Target): void => {
    const asker = webIdentity?.asker
    const knowing = (entries: Target['context']) =>
      contextOf(
        () => fromRequest(request, asker ? undefined : caller, place, now),
        () => entries.map(([name, value]): Entries[number] => [name, value]),
      )
    const context = knowing(own)
    // A role's tags are not for who only names it.
    const unseen = { arn, context: knowing(own.filter(([name]) => !/^(?:aws|iam):ResourceTag\//.test(name))) }
    const resource = { arn, account, trustPolicy, unseen }
    for (const action of [actionNameOf(operation), ...also]) {
      const side = asker ? { caller: asker } : { caller, ...ownSideOf(caller) }
      const decision = decide({ ...side, action, resource, crossAccount: true, context })
      hear(decision, action, arn)
      if (!decision.allowed) throw new AccessDeniedException(decision.message)
    }
  }
}

/**
 * Whether this caller, with this request, could do an action under a key policy that is not stored yet: AWS's guard
 * against a policy that locks its own author out (kms-authz.md §6.3).
 */
export function permitsUnder(
  { operation, input, sent, request, caller, place, now }: Asked,
  resolved: readonly Resolved[],
) {
  return (action: string, keyPolicy: PolicyDocument): boolean => {
    const [existing] = resolved
    const arn = existing?.key.arn ?? keyArn(place, noKeyId)
    const context = contextOf(
      () => fromRequest(request, caller, place, now),
      () => fromMembers(operation, { input, sent }),
      () => (existing ? fromKey(existing, input) : []),
    )
    return decide({
      caller,
      action,
      resource: { arn, account: place.account, keyPolicy },
      crossAccount: false,
      context,
      ...ownSideOf(caller),
    }).allowed
  }
}

/**
 * The grant that the request names, once it is found that the caller may retire it: the grant itself decides, and the
 * caller's own policies.
 * @throws AccessDeniedException with AWS's text
 */
export async function grantToRetire(
  asked: Asked,
  ports: GrantPorts & { readonly keyStore: Keys; readonly aliases: Aliases },
  entry: AuditEntry,
  hear: Hear,
): Promise<Grant> {
  const { operation, input, sent, request, caller, place, now } = asked
  const { grant, key } = await retirableGrant(input, caller, place, ports)
  entry.touched(key.arn, key.account)
  entry.note({ grantId: grant.id })
  const aliases = asksForAliases(caller) ? ((await aliasNamesOf(ports.aliases, key.id)) ?? unclear) : undefined
  const action = actionNameOf(operation)
  const context = contextOf(
    () => fromRequest(request, caller, place, now),
    () => fromMembers(operation, { input, sent }),
    () => fromGrantedKey(key, aliases),
    () => fromConstraints(grant.constraints ?? {}),
  )
  const resource = { arn: key.arn, account: key.account }
  const question = { caller, action, resource, crossAccount: true, context, ...ownSideOf(caller) }
  const retiring = grant.retiring && { retiring: grant.retiring.bound }
  const decision = decideRetiring(question, { ...decisiveOf(grant), ...retiring })
  hear(decision, action, key.arn)
  if (!decision.allowed) throw new AccessDeniedException(decision.message)
  return grant
}

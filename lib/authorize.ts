import { aliasArn, keyArn, type Place } from './arn.ts'
import { AccessDeniedException } from './errors.ts'
import type { Caller } from './identity/caller.ts'
import type { AnyOperation, Request } from './operation.ts'
import { decide } from './policy/decide.ts'
import { type PolicyDocument, parseStoredPolicy } from './policy/document.ts'
import type { ContextValue, RequestContext } from './policy/variables.ts'
import { type Resolved, unknownCiphertextKey } from './resolve.ts'

type Input = Readonly<Record<string, unknown>>
type Entries = [name: string, value: ContextValue | undefined][]

/** Condition keys that an operation supplies by having the member (kms-authz.md §4.1). */
const memberKeys: Readonly<Record<string, string>> = {
  BypassPolicyLockoutSafetyCheck: 'kms:BypassPolicyLockoutSafetyCheck',
  KeySpec: 'kms:KeySpec',
  KeyUsage: 'kms:KeyUsage',
  Origin: 'kms:KeyOrigin',
  MultiRegion: 'kms:MultiRegion',
  PendingWindowInDays: 'kms:ScheduleKeyDeletionPendingWindowInDays',
}

export function fromMembers(operation: AnyOperation, input: Input): Entries {
  const entries: Entries = []
  for (const [member, name] of Object.entries(memberKeys)) {
    // GenerateDataKey's KeySpec is the data key's, not the KMS key's.
    if (member in operation.on || (name.startsWith('kms:Key') && Object.keys(operation.on).length > 0)) continue
    if (input[member] !== undefined) entries.push([name, String(input[member])])
  }
  const tags = (input.Tags ?? []) as readonly { TagKey: string; TagValue: string }[]
  for (const tag of tags) entries.push([`aws:RequestTag/${tag.TagKey}`, tag.TagValue])
  const names = (input.TagKeys as readonly string[] | undefined) ?? tags.map((tag) => tag.TagKey)
  if (names.length > 0) entries.push(['aws:TagKeys', names])
  return entries
}

export function fromKey({ key, rule, alias }: Resolved, input: Input): Entries {
  const entries: Entries = [
    ['kms:KeySpec', key.spec],
    ['kms:CustomerMasterKeySpec', key.spec],
    ['kms:KeyUsage', key.usage],
    ['kms:CustomerMasterKeyUsage', key.usage],
    ['kms:KeyOrigin', key.origin],
    ['kms:MultiRegion', 'false'],
    ['kms:RequestAlias', alias],
    ['aws:ResourceAccount', key.account],
  ]
  for (const [name, value] of Object.entries(key.tags)) entries.push([`aws:ResourceTag/${name}`, value])
  if (rule.encryption) {
    const { algorithm, context } = rule.encryption
    entries.push(['kms:EncryptionAlgorithm', algorithm === undefined ? 'SYMMETRIC_DEFAULT' : String(input[algorithm])])
    const pairs = Object.entries((input[context] ?? {}) as Readonly<Record<string, string>>)
    for (const [name, value] of pairs) entries.push([`kms:EncryptionContext:${name}`, value])
    if (pairs.length > 0) entries.push(['kms:EncryptionContextKeys', pairs.map(([name]) => name)])
  }
  return entries
}

export function fromRequest(request: Request, caller: Caller, place: Place, now: number): Entries {
  return [
    ['aws:PrincipalArn', caller.arn],
    ['aws:PrincipalAccount', caller.account],
    ['aws:PrincipalType', 'Account'],
    ['aws:userid', caller.principalId],
    ['aws:PrincipalIsAWSService', 'false'],
    ['aws:ViaAWSService', 'false'],
    ['aws:CurrentTime', new Date(now).toISOString()],
    ['aws:EpochTime', String(Math.floor(now / 1000))],
    ['aws:SecureTransport', String(request.secure)],
    ['aws:SourceIp', request.sourceIp],
    ['aws:UserAgent', request.headers['user-agent']],
    ['aws:Referer', request.headers.referer],
    ['aws:RequestedRegion', place.region],
    ['kms:CallerAccount', caller.account],
  ]
}

const contextOf = (...groups: readonly Entries[]): RequestContext => {
  const context = new Map<string, ContextValue>()
  for (const [name, value] of groups.flat()) if (value !== undefined) context.set(name.toLowerCase(), value)
  return context
}

/** Documents by their text: a key's policy is parsed once, not once a request. */
const documents = new Map<string, PolicyDocument | undefined>()
const maxDocuments = 1000

function documentOf(policy: string): PolicyDocument | undefined {
  if (documents.has(policy)) return documents.get(policy)
  if (documents.size >= maxDocuments) documents.clear()
  const document = parseStoredPolicy(policy)
  documents.set(policy, document)
  return document
}

export interface Asked {
  readonly operation: AnyOperation
  readonly input: Input
  readonly request: Request
  readonly caller: Caller
  readonly place: Place
  readonly now: number
}

/** The IAM actions of one rule, or of an operation that is on no key. */
export const actionsOf = (
  operation: AnyOperation,
  input: Input,
  action = `kms:${operation.name}`,
): readonly string[] => [action, ...(operation.also?.(input) ?? [])]

/**
 * Every (action, resource) pair of a request is decided by itself, and all must be allowed: each key by its own key
 * policy, aliases and account-wide operations by the caller's identity.
 * @throws AccessDeniedException with AWS's text
 */
export function authorize(asked: Asked, resolved: readonly Resolved[]): void {
  const { operation, input, request, caller, place, now } = asked
  const general = [...fromRequest(request, caller, place, now), ...fromMembers(operation, input)]
  const onKeys = resolved.filter(({ rule }) => !rule.filter)
  const arns = new Set(onKeys.map(({ key }) => key.arn))

  const demand = (
    action: string,
    resource: Parameters<typeof decide>[0]['resource'],
    crossAccount: boolean,
    context: RequestContext,
    text?: string,
  ) => {
    const decision = decide({ caller, action, resource, crossAccount, context })
    if (!decision.allowed) throw new AccessDeniedException(text ?? decision.message)
  }

  if (operation.alias !== undefined) {
    const arn = aliasArn(place, String(input[operation.alias]))
    demand(`kms:${operation.name}`, { arn, account: place.account }, false, contextOf(general))
  }
  if (onKeys.length === 0 && operation.alias === undefined) {
    for (const action of actionsOf(operation, input))
      demand(action, { arn: '*', account: caller.account }, false, contextOf(general))
  }
  for (const each of onKeys) {
    const { key, rule } = each
    const sameKey: Entries = onKeys.length > 1 ? [['kms:ReEncryptOnSameKey', String(arns.size === 1)]] : []
    const context = contextOf(general, fromKey(each, input), sameKey)
    // One that cannot be read allows nobody anything.
    const keyPolicy = documentOf(key.policy)
    const resource = { arn: key.arn, account: key.account, ...(keyPolicy && { keyPolicy }) }
    for (const action of actionsOf(operation, input, rule.action)) {
      demand(action, resource, rule.foreign === true, context, each.ciphertext ? unknownCiphertextKey : undefined)
    }
  }
}

/**
 * Whether this caller, with this request, could do an action under a key policy that is not stored yet: AWS's guard
 * against a policy that locks its own author out (kms-authz.md §6.3).
 */
export function permitsUnder({ operation, input, request, caller, place, now }: Asked, resolved: readonly Resolved[]) {
  return (action: string, keyPolicy: PolicyDocument): boolean => {
    const [existing] = resolved
    const arn = existing?.key.arn ?? keyArn(place, '00000000-0000-0000-0000-000000000000')
    const groups = [fromRequest(request, caller, place, now), fromMembers(operation, input)]
    const context = contextOf(...groups, existing ? fromKey(existing, input) : [])
    return decide({
      caller,
      action,
      resource: { arn, account: place.account, keyPolicy },
      crossAccount: false,
      context,
    }).allowed
  }
}

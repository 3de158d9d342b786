/** What a request's policies may ask about it: condition keys and their values (kms-authz.md §4). */
import type { Place } from './arn.ts'
import { hex } from './bytes.ts'
import type { Attestation } from './crypto/attestation.ts'
import type { Caller } from './identity/caller.ts'
import { multiRegionTypeOf } from './keys/multi-region.ts'
import { defaultPeriodInDays } from './keys/rotation.ts'
import type { AnyOperation, Request } from './operation.ts'
import type { ContextValue, RequestContext } from './policy/variables.ts'
import type { Resolved } from './resolve.ts'

type Input = Readonly<Record<string, unknown>>
export type Entries = [name: string, value: ContextValue | undefined][]

/** Condition keys that an operation supplies by having the member (kms-authz.md §4.1). */
const memberKeys: Readonly<Record<string, string>> = {
  BypassPolicyLockoutSafetyCheck: 'kms:BypassPolicyLockoutSafetyCheck',
  KeySpec: 'kms:KeySpec',
  KeyUsage: 'kms:KeyUsage',
  Origin: 'kms:KeyOrigin',
  MultiRegion: 'kms:MultiRegion',
  KeyPairSpec: 'kms:DataKeyPairSpec',
  SigningAlgorithm: 'kms:SigningAlgorithm',
  MessageType: 'kms:MessageType',
  MacAlgorithm: 'kms:MacAlgorithm',
  KeyAgreementAlgorithm: 'kms:KeyAgreementAlgorithm',
  PendingWindowInDays: 'kms:ScheduleKeyDeletionPendingWindowInDays',
}

export function fromMembers(operation: AnyOperation, input: Input): Entries {
  const entries: Entries = []
  for (const [member, name] of Object.entries(memberKeys)) {
    // GenerateDataKey's KeySpec is the data key's, not the KMS key's.
    if (member in operation.on || (member === 'KeySpec' && Object.keys(operation.on).length > 0)) continue
    if (input[member] !== undefined) entries.push([name, String(input[member])])
  }
  // A multi-Region key is created as the primary one.
  if (input.MultiRegion === true) entries.push(['kms:MultiRegionKeyType', 'PRIMARY'])
  const tags = (input.Tags ?? []) as readonly { TagKey: string; TagValue: string }[]
  for (const tag of tags) entries.push([`aws:RequestTag/${tag.TagKey}`, tag.TagValue])
  const names = (input.TagKeys as readonly string[] | undefined) ?? tags.map((tag) => tag.TagKey)
  if (names.length > 0) entries.push(['aws:TagKeys', names])
  if (Object.hasOwn(operation.input.members, 'RotationPeriodInDays')) {
    // A policy sees the period that AWS falls back on, whatever an omitted one comes to mean.
    entries.push(['kms:RotationPeriodInDays', String(input.RotationPeriodInDays ?? defaultPeriodInDays)])
  }
  return entries
}

export function fromKey({ key, rule, alias, daysWithoutUse }: Resolved, input: Input): Entries {
  const entries: Entries = [
    ['kms:KeySpec', key.spec],
    ['kms:CustomerMasterKeySpec', key.spec],
    ['kms:KeyUsage', key.usage],
    ['kms:CustomerMasterKeyUsage', key.usage],
    ['kms:KeyOrigin', key.origin],
    ['kms:MultiRegion', String(key.multiRegion !== undefined)],
    ['kms:MultiRegionKeyType', multiRegionTypeOf(key)],
    ['kms:RequestAlias', alias],
    ['aws:ResourceAccount', key.account],
    ['kms:TrailingDaysWithoutKeyUsage', daysWithoutUse === undefined ? undefined : String(daysWithoutUse)],
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
    ...fromCaller(caller, now),
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

/** Whole seconds, as AWS has its times. */
const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** Who asks (kms-authz.md §2.4, §4.2). What only temporary credentials have is absent for others. */
function fromCaller(caller: Caller, now: number): Entries {
  const { session, tags = {} } = caller
  const mfaAt = session?.mfaAt
  return [
    ['aws:PrincipalArn', caller.type === 'AssumedRole' ? caller.roleArn : caller.arn],
    ['aws:PrincipalAccount', caller.account],
    ['aws:PrincipalType', caller.type === 'Root' ? 'Account' : caller.type],
    ['aws:userid', caller.principalId],
    ['aws:username', caller.type === 'User' ? caller.userName : undefined],
    ...Object.entries(tags).map(([name, value]): Entries[number] => [`aws:PrincipalTag/${name}`, value]),
    ['aws:TokenIssueTime', session && isoTime(session.issuedAt)],
    ['aws:MultiFactorAuthPresent', session && String(mfaAt !== undefined)],
    ['aws:MultiFactorAuthAge', mfaAt === undefined ? undefined : String(Math.floor((now - mfaAt) / 1000))],
    ['aws:SourceIdentity', session?.sourceIdentity],
    ['aws:FederatedProvider', session?.federatedProvider],
  ]
}

/** Most policies ask for nothing, so nothing is put together before the first question. */
export function contextOf(...groups: readonly (() => Entries)[]): RequestContext {
  let context: Map<string, ContextValue> | undefined
  const made = (): Map<string, ContextValue> => {
    const entries = groups.flatMap((group) => group()).filter(([, value]) => value !== undefined)
    return new Map(entries.map(([name, value]) => [name.toLowerCase(), value as ContextValue]))
  }
  return {
    get(name) {
      context ??= made()
      return context.get(name)
    },
  }
}

/** What a request with an attested recipient supplies (kms-authz.md §4.1): the registers, in hex. */
export function fromRecipient(recipient: Attestation | undefined): Entries {
  if (!recipient) return []
  const prefix = recipient.kind === 'tpm' ? 'NitroTPMPCR' : 'PCR'
  const registers = [...recipient.pcrs].map(([index, digest]): [string, string] => [
    `kms:RecipientAttestation:${prefix}${index}`,
    hex(digest),
  ])
  const image = recipient.kind === 'enclave' ? recipient.pcrs.get(0) : undefined
  return [...registers, ['kms:RecipientAttestation:ImageSha384', image && hex(image)]]
}

/** What a request's policies may ask about it: condition keys and their values (kms-authz.md §4). */
import type { Place } from './arn.ts'
import { hex } from './bytes.ts'
import type { Attestation } from './crypto/attestation.ts'
import { constraintsOf } from './grants/creation.ts'
import type { Caller } from './identity/caller.ts'
import type { Key } from './keys/key.ts'
import { multiRegionTypeOf } from './keys/regions.ts'
import { defaultPeriodInDays } from './keys/rotation.ts'
import type { AnyOperation, Request } from './operation.ts'
import type { GrantConstraints } from './policy/grants.ts'
import { type ContextValue, type RequestContext, unclear } from './policy/variables.ts'
import type { Resolved } from './resolve.ts'

type Input = Readonly<Record<string, unknown>>
export type Entries = [name: string, value: ContextValue | undefined][]

/** What a request says, and what it leaves to the defaults. */
export interface Said {
  readonly input: Input
  /** The members as they were sent, without defaults. */
  readonly sent: Input
}

/** Condition keys that an operation supplies by having the member (kms-authz.md §4.1). */
const memberKeys: Readonly<Record<string, string>> = {
  KeyPairSpec: 'kms:DataKeyPairSpec',
  SigningAlgorithm: 'kms:SigningAlgorithm',
  MessageType: 'kms:MessageType',
  MacAlgorithm: 'kms:MacAlgorithm',
  KeyAgreementAlgorithm: 'kms:KeyAgreementAlgorithm',
  PendingWindowInDays: 'kms:ScheduleKeyDeletionPendingWindowInDays',
  PermissionsBoundary: 'iam:PermissionsBoundary',
  PolicyArn: 'iam:PolicyARN',
  PrimaryRegion: 'kms:PrimaryRegion',
  ReplicaRegion: 'kms:ReplicaRegion',
  WrappingAlgorithm: 'kms:WrappingAlgorithm',
  WrappingKeySpec: 'kms:WrappingKeySpec',
}

/** Those that a policy sees only when the member was sent, whatever an omitted one comes to mean. */
const sentKeys: Readonly<Record<string, string>> = {
  BypassPolicyLockoutSafetyCheck: 'kms:BypassPolicyLockoutSafetyCheck',
  ExpirationModel: 'kms:ExpirationModel',
}

const textOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : String(value)

type Pairs = Readonly<Record<string, string>>

function fromPairs(pairs: Pairs): Entries {
  const entries = Object.entries(pairs).map(([name, value]): Entries[number] => [
    `kms:EncryptionContext:${name}`,
    value,
  ])
  return entries.length > 0 ? [...entries, ['kms:EncryptionContextKeys', Object.keys(pairs)]] : []
}

/** The constraint of a grant, in the words of conditions. */
export function fromConstraints(constraints: {
  readonly EncryptionContextEquals?: Pairs | undefined
  readonly EncryptionContextSubset?: Pairs | undefined
}): Entries {
  const { EncryptionContextEquals: equals, EncryptionContextSubset: subset } = constraints
  const type = equals ? 'EncryptionContextEquals' : subset ? 'EncryptionContextSubset' : undefined
  return [['kms:GrantConstraintType', type], ...fromPairs(equals ?? subset ?? {})]
}

/** What single operations supply, beside what their members do. */
const operationKeys: Readonly<Record<string, (input: Input) => Entries>> = {
  CreateKey: ({ KeySpec, CustomerMasterKeySpec, KeyUsage, Origin, MultiRegion, ReplicaRegion }) => {
    // ReplicateKey creates one too, as a policy of the other Region's sees it.
    const type = ReplicaRegion === undefined ? 'PRIMARY' : 'REPLICA'
    const spec = textOf(KeySpec ?? CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT')
    const usage = textOf(KeyUsage ?? 'ENCRYPT_DECRYPT')
    return [
      ['kms:KeySpec', spec],
      ['kms:CustomerMasterKeySpec', spec],
      ['kms:KeyUsage', usage],
      ['kms:CustomerMasterKeyUsage', usage],
      ['kms:KeyOrigin', textOf(Origin)],
      ['kms:MultiRegion', textOf(MultiRegion)],
      ['kms:MultiRegionKeyType', MultiRegion ? type : undefined],
    ]
  },
  EnableKeyRotation: ({ RotationPeriodInDays }) => [
    // A policy sees the period that AWS falls back on, whatever an omitted one comes to mean.
    ['kms:RotationPeriodInDays', textOf(RotationPeriodInDays ?? defaultPeriodInDays)],
  ],
  // Epoch seconds, which operators of numbers and of dates both read.
  ImportKeyMaterial: ({ ValidTo }) => [
    ['kms:ValidTo', typeof ValidTo === 'number' ? String(ValidTo / 1000) : undefined],
  ],
  CreateGrant: ({ GranteePrincipal, RetiringPrincipal, Operations, Constraints }) => {
    const constraints = constraintsOf(Constraints as GrantConstraints | undefined) ?? {}
    return [
      ['kms:GranteePrincipal', textOf(GranteePrincipal)],
      ['kms:RetiringPrincipal', textOf(RetiringPrincipal)],
      ['kms:GrantOperations', Operations as readonly string[] | undefined],
      ['kms:GrantConstraintSourceArn', constraints.SourceArn],
      ...fromConstraints(constraints),
      forNoService,
    ]
  },
  ListGrants: () => [forNoService],
  RevokeGrant: () => [forNoService],
}

/** AWS says true of its own services that act for a caller, and none calls here. */
const forNoService: Entries[number] = ['kms:GrantIsForAWSResource', 'false']

/** KMS calls a tag's parts otherwise than the other services do. */
function tagsIn({ Tags = [] }: Input): readonly (readonly [name: string, value: string])[] {
  const tags = Tags as readonly Readonly<Record<'TagKey' | 'TagValue' | 'Key' | 'Value', string>>[]
  return tags.map(({ TagKey, TagValue, Key, Value }) => [TagKey ?? Key, TagValue ?? Value] as const)
}

export function fromMembers(operation: AnyOperation, { input, sent }: Said): Entries {
  const entries: Entries = []
  const supply = (keys: Readonly<Record<string, string>>, from: Input): void => {
    for (const [member, name] of Object.entries(keys)) {
      if (Object.hasOwn(operation.input.members, member)) entries.push([name, textOf(from[member])])
    }
  }
  supply(memberKeys, input)
  supply(sentKeys, sent)
  const tags = tagsIn(input)
  for (const [name, value] of tags) entries.push([`aws:RequestTag/${name}`, value])
  const names = (input.TagKeys as readonly string[] | undefined) ?? tags.map(([name]) => name)
  if (names.length > 0) entries.push(['aws:TagKeys', names])
  return [...entries, ...(operationKeys[operation.name]?.(input) ?? [])]
}

export function fromKey({ key, rule, alias, aliases, daysWithoutUse }: Resolved, input: Input): Entries {
  const entries: Entries = [
    ['kms:KeySpec', key.spec],
    ['kms:CustomerMasterKeySpec', key.spec],
    ['kms:KeyUsage', key.usage],
    ['kms:CustomerMasterKeyUsage', key.usage],
    ['kms:KeyOrigin', key.origin],
    ['kms:MultiRegion', String(key.multiRegion !== undefined)],
    ['kms:MultiRegionKeyType', multiRegionTypeOf(key)],
    ['kms:RequestAlias', rule.by === 'any' ? alias : undefined],
    ['kms:ResourceAliases', aliases],
    ['aws:ResourceAccount', key.account],
    ['kms:TrailingDaysWithoutKeyUsage', textOf(daysWithoutUse)],
  ]
  for (const [name, value] of Object.entries(key.tags)) entries.push([`aws:ResourceTag/${name}`, value])
  if (rule.encryption) {
    const { algorithm, context } = rule.encryption
    entries.push(['kms:EncryptionAlgorithm', algorithm === undefined ? 'SYMMETRIC_DEFAULT' : String(input[algorithm])])
    entries.push(...fromPairs((input[context] ?? {}) as Pairs))
  }
  return entries
}

/** Of the key of a grant that is retired, AWS supplies less than of a key that is named. */
export const fromGrantedKey = ({ account, tags }: Key, aliases?: Resolved['aliases']): Entries => [
  ['kms:ResourceAliases', aliases],
  ['aws:ResourceAccount', account],
  ...Object.entries(tags).map(([name, value]): Entries[number] => [`aws:ResourceTag/${name}`, value]),
]

/** @param caller undefined for who has no credentials */
export function fromRequest(request: Request, caller: Caller | undefined, place: Place, now: number): Entries {
  return [
    ...(caller ? fromCaller(caller, now) : []),
    ['aws:PrincipalIsAWSService', 'false'],
    ['aws:ViaAWSService', 'false'],
    ['aws:CurrentTime', new Date(now).toISOString()],
    ['aws:EpochTime', String(Math.floor(now / 1000))],
    ['aws:SecureTransport', String(request.secure)],
    ['aws:SourceIp', request.sourceIp],
    ['aws:UserAgent', request.headers['user-agent']],
    ['aws:Referer', request.headers.referer],
    ['aws:RequestedRegion', place.region],
    ['kms:CallerAccount', caller?.account],
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

/** Units of a value, in all: AWS takes no longer encryption context, and nothing else comes near. */
const maxValueLength = 8192

const isTooLong = (value: ContextValue): boolean =>
  typeof value !== 'symbol' && (typeof value === 'string' ? value : value.join(' ')).length > maxValueLength

/**
 * Most policies ask for nothing, so nothing is put together before the first question. Names that differ in case alone
 * are one to a policy: whoever sends `Dept` and `dept` does not choose which of the two it sees.
 */
export function contextOf(...groups: readonly (() => Entries)[]): RequestContext {
  let context: Map<string, ContextValue> | undefined
  const made = (): Map<string, ContextValue> => {
    const values = new Map<string, ContextValue>()
    for (const [name, value] of groups.flatMap((group) => group())) {
      if (value === undefined) continue
      const key = name.toLowerCase()
      const isOther = values.has(key) && values.get(key) !== value
      // How long a value is was the caller's choice, and so how long a policy would look at it.
      values.set(key, isOther || isTooLong(value) ? unclear : value)
    }
    return values
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

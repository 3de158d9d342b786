import { keyArn, type Place, parseArn } from './arn.ts'
import { type Ciphertext, parseCiphertext } from './crypto/ciphertext.ts'
import {
  AccessDeniedException,
  IncorrectKeyException,
  KMSInternalException,
  NotFoundException,
  ValidationException,
} from './errors.ts'
import type { Caller } from './identity/caller.ts'
import { isGone } from './keys/deletion.ts'
import { isMultiRegionId, parseKeyIdentifier, refuseAlias, refuseAliasOfAlias } from './keys/identifiers.ts'
import type { Key } from './keys/key.ts'
import type { KeyRule } from './operation.ts'
import type { unclear } from './policy/variables.ts'
import type { Aliases, Keys, Read } from './ports.ts'

/** A key that a member of the input named, and how. */
export interface Resolved {
  readonly member: string
  readonly rule: KeyRule
  readonly key: Key
  /** The alias that named it, with its prefix. */
  readonly alias?: string
  /** The parsed ciphertext whose key this must be. */
  readonly ciphertext?: Ciphertext
  /** Every alias of the key, where a policy of the caller's asks for them; `unclear` when there are too many. */
  readonly aliases?: readonly string[] | typeof unclear
  /** Where the rule asks for it. */
  readonly daysWithoutUse?: number
}

export interface KeyLookup {
  readonly keyStore: Keys
  readonly aliases: Aliases
}

type Input = Readonly<Record<string, unknown>>

/** AWS's text where a ciphertext's key is unknown or not the caller's to use: it does not say which. */
export const unknownCiphertextKey =
  'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.'

/** Whether the member holds a ciphertext of ours, rather than one of an asymmetric key. */
const namesItsKey = (rule: KeyRule, input: Input): boolean =>
  rule.encryption?.ciphertext !== undefined &&
  (rule.encryption.algorithm === undefined || input[rule.encryption.algorithm] === 'SYMMETRIC_DEFAULT')

/**
 * Finds the key that one member names; undefined where the rule lets the member be absent.
 *
 * @param hide what is said of a key of another account that is not there, or that the caller could not use anyway
 * @throws NotFoundException, InvalidArnException, InvalidCiphertextException, AccessDeniedException as kms-api.md §2.3
 */
export async function resolve(
  member: string,
  rule: KeyRule,
  input: Input,
  caller: Caller,
  hide: (key: { readonly arn: string | undefined; readonly account: string }) => AccessDeniedException,
  at: Place,
  lookup: KeyLookup,
  read: Read,
): Promise<Resolved | undefined> {
  const named = input[member] as string | undefined
  if (named === undefined) return rule.optional ? undefined : fromCiphertext(member, rule, input, caller, lookup, read)
  if (rule.by === 'key') refuseAlias(named)
  if (rule.by === 'target') refuseAliasOfAlias(named)
  demandNotElsewhere(named, rule, input, at)
  const identifier = parseKeyIdentifier(named, at)
  const foreign = identifier.account !== caller.account
  const hidden = () =>
    hide({ arn: identifier.kind === 'key' ? identifier.arn : undefined, account: identifier.account })
  if (foreign && !rule.foreign) throw hidden()

  let id: string
  if (identifier.kind === 'alias') {
    const alias = await lookup.aliases.find(identifier.account, identifier.name, read)
    if (!alias) throw foreign ? hidden() : new NotFoundException(`Alias ${identifier.arn} is not found.`)
    id = alias.targetKeyId
  } else {
    id = identifier.id
  }
  const key = await lookup.keyStore.find(id, read)
  if (!key || isGone(key) || key.account !== identifier.account) {
    const arn = identifier.kind === 'key' ? identifier.arn : keyArn(at, id)
    throw foreign ? hidden() : new NotFoundException(`Key '${arn}' does not exist`)
  }
  return { member, rule, key, ...(identifier.kind === 'alias' && { alias: identifier.name }) }
}

async function fromCiphertext(
  member: string,
  rule: KeyRule,
  input: Input,
  caller: Caller,
  lookup: KeyLookup,
  read: Read,
): Promise<Resolved> {
  const blobMember = rule.encryption?.ciphertext
  // INVARIANT: a member that names a key is required, optional, or has a ciphertext beside it.
  if (blobMember === undefined) throw new KMSInternalException()
  const blob = input[blobMember] as Uint8Array | undefined
  if (!namesItsKey(rule, input) || blob === undefined) throw new ValidationException(`${member} must not be null`)
  const ciphertext = parseCiphertext(blob)
  const key = await lookup.keyStore.find(ciphertext.keyId, read)
  if (!key || isGone(key) || (key.account !== caller.account && !rule.foreign))
    throw new AccessDeniedException(unknownCiphertextKey)
  return { member, rule, key, ciphertext }
}

/**
 * The check that comes before usage and state of a key named beside a ciphertext: that it is the ciphertext's own.
 * @throws InvalidCiphertextException, IncorrectKeyException
 */
export function demandOwnCiphertext({ rule, key, ciphertext }: Resolved, input: Input): void {
  if (ciphertext || !namesItsKey(rule, input)) return
  const blob = input[rule.encryption?.ciphertext ?? ''] as Uint8Array | undefined
  if (blob !== undefined && parseCiphertext(blob).keyId !== key.id) throw incorrectKey()
}

const incorrectKey = () =>
  new IncorrectKeyException('The key ID in the request does not identify a CMK that can perform this operation.')

/** A ciphertext of a multi-Region key, beside the ARN of that key in another Region, which is not the one used here. */
function demandNotElsewhere(named: string, rule: KeyRule, input: Input, at: Place): void {
  const arn = parseArn(named)
  const id = arn?.resource.slice('key/'.length) ?? ''
  if (!arn || arn.region === at.region || !isMultiRegionId(id) || !namesItsKey(rule, input)) return
  const blob = input[rule.encryption?.ciphertext ?? ''] as Uint8Array | undefined
  if (blob !== undefined && parseCiphertext(blob).keyId === id) throw incorrectKey()
}

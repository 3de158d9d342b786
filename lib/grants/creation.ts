import type { Place } from '../arn.ts'
import { UnsupportedOperationException, ValidationException } from '../errors.ts'
import type { Directory } from '../identity/ports.ts'
import type { Key } from '../keys/key.ts'
import type { GrantConstraints } from '../policy/grants.ts'
import { Conflict } from '../ports.ts'
import { type Grant, type GrantPrincipal, granteePrefix, halfId } from './grant.ts'
import { demandOperations, type GrantOperation } from './operations.ts'
import type { Grants } from './ports.ts'
import { grantPrincipal } from './principals.ts'
import { takeRoom } from './tally.ts'

interface GrantInput {
  readonly Operations: readonly GrantOperation[]
  readonly GranteePrincipal?: string | undefined
  readonly RetiringPrincipal?: string | undefined
  readonly GranteeServicePrincipal?: string | undefined
  readonly RetiringServicePrincipal?: string | undefined
  readonly Constraints?: { readonly [K in keyof GrantConstraints]?: GrantConstraints[K] | undefined } | undefined
  readonly Name?: string | undefined
}

const mostPairs = 8
const longestText = 384

/** Services do not call here on anybody's behalf. */
const refuseServices = (...names: readonly (string | undefined)[]): void => {
  if (names.some((name) => name !== undefined)) {
    throw new UnsupportedOperationException('Service principals are not supported in grants.')
  }
}

/** Of a filter. @throws ValidationException, UnsupportedOperationException */
export function refuseServiceFilter(input: Pick<GrantInput, 'GranteePrincipal' | 'GranteeServicePrincipal'>): void {
  if (input.GranteePrincipal !== undefined && input.GranteeServicePrincipal !== undefined) {
    throw new ValidationException('GranteePrincipal and GranteeServicePrincipal cannot be specified together.')
  }
  refuseServices(input.GranteeServicePrincipal)
}

/** Whose grants to list. @throws ValidationException, UnsupportedOperationException */
export function demandRetiringMember(input: Pick<GrantInput, 'RetiringPrincipal' | 'RetiringServicePrincipal'>): void {
  if ((input.RetiringPrincipal === undefined) === (input.RetiringServicePrincipal === undefined)) {
    throw new ValidationException('Exactly one of RetiringPrincipal and RetiringServicePrincipal must be specified.')
  }
  refuseServices(input.RetiringServicePrincipal)
}

const isEmpty = (pairs: object): boolean => Object.keys(pairs).length === 0

/**
 * Without what is absent; undefined when that is all of it. Terraform sends the constraint that is not set as an empty map
 * beside the one that is. An empty map alone is what it says.
 */
export function constraintsOf(given: GrantInput['Constraints']): GrantConstraints | undefined {
  const { EncryptionContextEquals: equals, EncryptionContextSubset: subset, SourceArn } = given ?? {}
  const constraints = {
    ...(equals && !(subset && isEmpty(equals) && !isEmpty(subset)) && { EncryptionContextEquals: equals }),
    ...(subset && !(equals && isEmpty(subset)) && { EncryptionContextSubset: subset }),
    ...(SourceArn !== undefined && { SourceArn }),
  }
  return isEmpty(constraints) ? undefined : constraints
}

/** What AWS asks of the members by themselves. @throws ValidationException, UnsupportedOperationException */
export function demandGrantMembers(input: GrantInput): void {
  if ((input.GranteePrincipal === undefined) === (input.GranteeServicePrincipal === undefined)) {
    throw new ValidationException('Exactly one of GranteePrincipal and GranteeServicePrincipal must be specified.')
  }
  if (input.RetiringPrincipal !== undefined && input.RetiringServicePrincipal !== undefined) {
    throw new ValidationException('RetiringPrincipal and RetiringServicePrincipal cannot be specified together.')
  }
  refuseServices(input.GranteeServicePrincipal, input.RetiringServicePrincipal)
  if (input.Operations.length === 0) throw new ValidationException('Grants must contain at least one operation.')
  if (input.Operations.every((each) => each === 'CreateGrant')) {
    throw new ValidationException('Grants must not contain only the CreateGrant operation.')
  }
  const { EncryptionContextEquals: equals, EncryptionContextSubset: subset } = constraintsOf(input.Constraints) ?? {}
  if (equals && subset) throw new ValidationException('More than one constraint supplied')
  const pairs = Object.entries(equals ?? subset ?? {})
  if (pairs.length > mostPairs || pairs.flat().some((text) => text.length > longestText)) {
    throw new ValidationException(
      `A grant constraint has at most ${mostPairs} encryption context pairs, of at most ${longestText} characters each.`,
    )
  }
}

/** What AWS asks of them by the key. @throws ValidationException */
export function demandGrantFits(key: Key, input: Readonly<Record<string, unknown>>): void {
  const { Operations, Constraints } = input as unknown as GrantInput
  demandOperations(key, Operations)
  const constrained = Constraints?.EncryptionContextEquals ?? Constraints?.EncryptionContextSubset
  if (constrained && key.spec !== 'SYMMETRIC_DEFAULT') {
    throw new ValidationException(
      'EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.',
    )
  }
}

export interface Issue {
  readonly key: Key
  /** The Region served, and the caller's account. */
  readonly place: Place
  readonly now: number
  readonly uuid: () => string
  readonly directory: Directory
}

/** 32 hex digits that nobody else has. */
export const unique = (uuid: () => string): string => uuid().replaceAll('-', '')

const sorted = (pairs: Readonly<Record<string, string>> | undefined): readonly string[][] =>
  Object.entries(pairs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))

/**
 * A named grant's id follows from all of its parameters, with principals as they are bound: so a request that is sent
 * again, even while it is being done, finds the grant that there is, by the one conditional write that would create it.
 */
function idOf(grant: Omit<Grant, 'id'>, uuid: () => string): string {
  const { keyId, grantee, retiring, name, operations, constraints = {}, issuingAccount } = grant
  const prefix = granteePrefix(keyId, grantee.bound)
  if (name === undefined) return `${prefix}${unique(uuid)}`
  const { EncryptionContextEquals: equals, EncryptionContextSubset: subset, SourceArn } = constraints
  const parameters = [
    [name, issuingAccount, retiring?.bound ?? null, operations.toSorted(), SourceArn ?? null],
    [equals && sorted(equals), subset && sorted(subset)],
  ]
  return `${prefix}${halfId('named', keyId, grantee.bound, JSON.stringify(parameters))}`
}

/** The grant that a CreateGrant asks for; not stored yet. @throws InvalidArnException */
export async function newGrant(input: GrantInput, { key, place, now, uuid, directory }: Issue): Promise<Grant> {
  const named = (text: string, member: 'GranteePrincipal' | 'RetiringPrincipal'): Promise<GrantPrincipal> =>
    grantPrincipal(text, member, place, directory)
  const { RetiringPrincipal, Name } = input
  const constraints = constraintsOf(input.Constraints)
  const grant = {
    keyId: key.id,
    keyArn: key.arn,
    account: key.account,
    issuingAccount: place.account,
    createdAt: now,
    grantee: await named(input.GranteePrincipal ?? '', 'GranteePrincipal'),
    ...(RetiringPrincipal !== undefined && { retiring: await named(RetiringPrincipal, 'RetiringPrincipal') }),
    operations: [...new Set(input.Operations)],
    ...(constraints && { constraints }),
    ...(Name !== undefined && { name: Name }),
  }
  return { ...grant, id: idOf(grant, uuid) }
}

/**
 * Stores a grant, unless it is there already: one of the same id has the same name and parameters.
 * @throws LimitExceededException when the key has all the grants it may have; Conflict when another writer was first
 */
export async function storeGrant(grants: Grants, grant: Grant): Promise<void> {
  if (grant.name !== undefined && (await grants.find(grant.keyId, grant.id, { fresh: true }))) return
  await takeRoom(grants, grant, grant.createdAt)
  try {
    await grants.create(grant)
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    if (!(await grants.find(grant.keyId, grant.id, { fresh: true }))) throw error
  }
}

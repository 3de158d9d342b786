import type { Place } from '../arn.ts'
import { InvalidGrantIdException, InvalidGrantTokenException, NotFoundException } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import type { Directory } from '../identity/ports.ts'
import type { Key } from '../keys/key.ts'
import type { GrantConstraints, PolicyGrant } from '../policy/grants.ts'
import type { Page, PageRequest, Read } from '../ports.ts'
import { constraintsOf } from './creation.ts'
import { boundFormsOf, decisiveOf, type Grant, isGrantId } from './grant.ts'
import type { GrantPorts, Grants } from './ports.ts'
import { grantPrincipal } from './principals.ts'
import type { GrantReference } from './tokens.ts'

/** The grants of a key that may let somebody in. */
export type GrantsFor = (key: Key, caller: Caller) => Promise<readonly PolicyGrant[]>

/** One that memory does not have may have come to be elsewhere since: that is what its token is for. */
const findNamed = async (grants: Grants, { keyId, id }: GrantReference): Promise<Grant | undefined> =>
  (await grants.find(keyId, id)) ?? (await grants.find(keyId, id, { fresh: true }))

/**
 * Reads the tokens of a request at once, and no grant before somebody asks.
 * @throws InvalidGrantTokenException (no message), now for what is no token of ours, when asked for one of a grant that
 *   is no more
 */
export async function grantsShown(
  tokens: readonly string[],
  { grants, grantTokens }: GrantPorts,
  read: Read,
): Promise<GrantsFor> {
  const shown = await Promise.all(tokens.map((token) => grantTokens.read(token)))
  const named = async (reference: GrantReference): Promise<readonly Grant[]> => {
    const grant = await findNamed(grants, reference)
    if (!grant) throw new InvalidGrantTokenException()
    return [grant]
  }
  return async (key, caller) => {
    const byToken = shown.filter(({ keyId }) => keyId === key.id).map(named)
    const byCaller = boundFormsOf(caller).map((bound) => grants.ofGrantee(key.id, bound, read))
    const found = (await Promise.all([...byToken, ...byCaller])).flat()
    return [...new Map(found.map((grant) => [grant.id, grant])).values()].map(decisiveOf)
  }
}

/** What a CreateGrant asks to give, for the grant that may let its caller give it. */
export const proposedIn = (
  input: Readonly<Record<string, unknown>>,
): Pick<PolicyGrant, 'operations' | 'constraints'> => {
  const constraints = constraintsOf(input.Constraints as GrantConstraints | undefined)
  return { operations: (input.Operations ?? []) as readonly string[], ...(constraints && { constraints }) }
}

/** @throws InvalidGrantIdException (no message) for what cannot be one */
export function demandGrantId(id: string): void {
  if (!isGrantId(id)) throw new InvalidGrantIdException()
}

/** The grant as it is in the store, to end it. @throws InvalidGrantIdException, NotFoundException */
export async function existingGrant(grants: Grants, key: Pick<Key, 'id'>, id: string): Promise<Grant> {
  demandGrantId(id)
  const grant = await grants.find(key.id, id, { fresh: true })
  if (!grant) throw new NotFoundException(`Grant '${id}' does not exist`)
  return grant
}

interface Filter {
  readonly GrantId?: string | undefined
  readonly GranteePrincipal?: string | undefined
}

/** The grants of a key that ListGrants is asked for. @throws InvalidGrantIdException, InvalidArnException */
export async function pageOfGrants(
  grants: Grants,
  key: Pick<Key, 'id'>,
  { GrantId, GranteePrincipal }: Filter,
  wanted: PageRequest,
  place: Place,
  directory: Directory,
): Promise<Page<Grant>> {
  const bound =
    GranteePrincipal === undefined
      ? undefined
      : (await grantPrincipal(GranteePrincipal, 'Input', place, directory)).bound
  if (GrantId === undefined) return grants.list(key.id, wanted, bound)
  demandGrantId(GrantId)
  const grant = await grants.find(key.id, GrantId, { fresh: true })
  const isWanted = grant && (bound === undefined || grant.grantee.bound === bound)
  return { items: isWanted ? [grant] : [], more: false }
}

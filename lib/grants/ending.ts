import type { Place } from '../arn.ts'
import { AccessDeniedException, InvalidGrantTokenException, NotFoundException, ValidationException } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import { isGone } from '../keys/deletion.ts'
import { parseKeyIdentifier, refuseAlias } from '../keys/identifiers.ts'
import type { Key } from '../keys/key.ts'
import { foreignKeyMessage } from '../policy/messages.ts'
import type { Keys } from '../ports.ts'
import { demandGrantId, existingGrant } from './finding.ts'
import type { Grant } from './grant.ts'
import type { GrantPorts, Grants } from './ports.ts'

interface RetireInput {
  readonly GrantToken?: string
  readonly KeyId?: string
  readonly GrantId?: string
}

interface Found {
  readonly grant: Grant
  readonly key: Key
}

const fresh = { fresh: true } as const

async function existingKey(keys: Keys, id: string, account: string, arn: string): Promise<Key> {
  const key = await keys.find(id, fresh)
  if (key?.account !== account || isGone(key)) throw new NotFoundException(`Key '${arn}' does not exist`)
  return key
}

async function byToken(token: string, { grants, grantTokens, keyStore }: GrantPorts & { readonly keyStore: Keys }) {
  const reference = await grantTokens.read(token)
  const grant = await grants.find(reference.keyId, reference.id, fresh)
  if (!grant) throw new InvalidGrantTokenException()
  return { grant, key: await existingKey(keyStore, grant.keyId, grant.account, grant.keyArn) }
}

async function byId(
  { KeyId, GrantId }: { readonly KeyId: string; readonly GrantId: string },
  caller: Caller,
  place: Place,
  { grants, keyStore }: GrantPorts & { readonly keyStore: Keys },
): Promise<Found> {
  refuseAlias(KeyId)
  if (!KeyId.startsWith('arn:')) throw new NotFoundException(`Invalid arn ${KeyId}`)
  demandGrantId(GrantId)
  const { id, account, arn } = { id: '', ...parseKeyIdentifier(KeyId, place) }
  try {
    const key = await existingKey(keyStore, id, account, arn)
    return { grant: await existingGrant(grants, key, GrantId), key }
  } catch (error) {
    // What there is in another account is nobody's to ask.
    const hidden = error instanceof NotFoundException && account !== caller.account
    throw hidden ? new AccessDeniedException(foreignKeyMessage(caller.arn, 'kms:RetireGrant')) : error
  }
}

/**
 * The grant that a RetireGrant names, by its token, or by its key's ARN and its id.
 * @throws ValidationException, InvalidGrantTokenException, InvalidGrantIdException, InvalidArnException,
 *   NotFoundException, and for another account's AccessDeniedException as if there were none
 */
export async function retirableGrant(
  { GrantToken, KeyId, GrantId }: RetireInput,
  caller: Caller,
  place: Place,
  ports: GrantPorts & { readonly keyStore: Keys },
): Promise<Found> {
  if (GrantToken !== undefined && KeyId === undefined && GrantId === undefined) return byToken(GrantToken, ports)
  if (GrantToken !== undefined || KeyId === undefined || GrantId === undefined) {
    throw new ValidationException('Either GrantToken, or KeyId and GrantId, must be specified.')
  }
  return byId({ KeyId, GrantId }, caller, place, ports)
}

const grantsAtOnce = 100

/** Ends all grants of a key that is deleted. */
export async function removeGrants(grants: Grants, { id }: Pick<Key, 'id'>): Promise<void> {
  for (let more = true; more; ) {
    const page = await grants.list(id, { limit: grantsAtOnce })
    for (const grant of page.items) await grants.remove(grant)
    more = page.more
  }
  await grants.tallies.remove(id)
}

import { aliasArn, type Place } from '../arn.ts'
import { keySpecs } from '../crypto/specs.ts'
import { LimitExceededException, NotFoundException, ValidationException } from '../errors.ts'
import type { Aliases } from '../ports.ts'
import type { Alias, Key } from './key.ts'

const atMost = 50

export const newAlias = (place: Place, name: string, targetKeyId: string, now: number): Alias => ({
  name,
  arn: aliasArn(place, name),
  account: place.account,
  targetKeyId,
  createdAt: now,
  updatedAt: now,
  revision: 1,
})

/** @throws LimitExceededException when the key would have more aliases than it may have */
export async function demandRoomForAlias(aliases: Aliases, key: Pick<Key, 'id' | 'arn'>, more = 1): Promise<void> {
  const { items } = await aliases.ofKey(key.id, { limit: atMost })
  if (items.length + more > atMost) throw new LimitExceededException(`${key.arn} already has ${atMost} aliases.`)
}

/** The names of all aliases of a key, with their prefix; undefined when there are more than a key may have. */
export async function aliasNamesOf(aliases: Aliases, keyId: string): Promise<readonly string[] | undefined> {
  const { items, more } = await aliases.ofKey(keyId, { limit: atMost })
  return more ? undefined : items.map(({ name }) => name)
}

/** The alias as it is in the store, for changing it. @throws NotFoundException */
export async function existingAlias(aliases: Aliases, place: Place, name: string): Promise<Alias> {
  const alias = await aliases.find(place.account, name, { fresh: true })
  if (!alias) throw new NotFoundException(`Alias ${aliasArn(place, name)} is not found.`)
  return alias
}

/**
 * What encrypts under an alias must go on being able to, so an alias moves only between keys of one family and usage.
 * @throws ValidationException
 */
export function demandSameClass(name: string, from: Key, to: Key): void {
  if (from.usage !== to.usage) {
    throw new ValidationException(
      `Alias ${name} cannot be changed from a CMK with key usage ${from.usage} to a CMK with key usage ${to.usage}`,
    )
  }
  if (keySpecs[from.spec].family !== keySpecs[to.spec].family) {
    throw new ValidationException(
      `Alias ${name} cannot be changed from a CMK with key spec ${from.spec} to a CMK with key spec ${to.spec}`,
    )
  }
}

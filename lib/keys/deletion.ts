import { ValidationException } from '../errors.ts'
import { type Aliases, Conflict, type Keys, type Materials } from '../ports.ts'
import { isWaiting } from './imports.ts'
import type { Key } from './key.ts'
import { multiRegionTypeOf } from './regions.ts'

const dayMs = 24 * 60 * 60 * 1000

/** The service's bounds lie within the model's 1 to 365. @throws ValidationException */
export function demandWindow(input: { readonly PendingWindowInDays: number }): void {
  if (input.PendingWindowInDays < 7 || input.PendingWindowInDays > 30) {
    throw new ValidationException('PendingWindowInDays must be between 7 and 30')
  }
}

/** A key that is to be deleted; the primary of several waits until its replicas are. */
export function withDeletion(key: Key, windowInDays: number, now: number): Key {
  if (multiRegionTypeOf(key) === 'PRIMARY' && (key.multiRegion?.replicas.length ?? 0) > 0) {
    return { ...key, state: 'PendingReplicaDeletion', replicaDeletion: { windowInDays } }
  }
  return { ...key, state: 'PendingDeletion', deletion: { at: now + windowInDays * dayMs } }
}

/** A key whose deletion was taken back: there again, and disabled, so that its return is a decision of its own. */
export function withoutDeletion({ deletion: _, replicaDeletion: __, ...key }: Key): Key {
  return { ...key, state: isWaiting(key) ? 'PendingImport' : 'Disabled' }
}

/** Whether its deletion has begun: whoever names it is told that it does not exist. */
export const isGone = ({ deletion }: Pick<Key, 'deletion'>): boolean => deletion?.begun === true

/**
 * Begins a deletion that is due, by one conditional write: from then on it cannot be cancelled, only be finished.
 * @returns the key as it is stored then; undefined where nothing is due
 * @throws Conflict when another writer was first
 */
export async function beginDeletion(keys: Keys, key: Key, now: number): Promise<Key | undefined> {
  const { state, deletion } = key
  if (state !== 'PendingDeletion' || !deletion || deletion.at > now) return undefined
  if (isGone(key)) return key
  const begun = { ...key, deletion: { ...deletion, begun: true } }
  await keys.replace(begun)
  return { ...begun, revision: key.revision + 1 }
}

/** Destroys all material of a key, also what no write of it ever made reachable. */
export async function removeMaterials(materials: Materials, { id }: Pick<Key, 'id'>): Promise<void> {
  for (const material of await materials.list(id)) await materials.remove(material)
}

const aliasesAtOnce = 100

/** One that moved to another key meanwhile, or that an index has not shown yet, stays. */
export async function removeAliases(aliases: Aliases, { id }: Pick<Key, 'id'>): Promise<void> {
  const { items } = await aliases.ofKey(id, { limit: aliasesAtOnce })
  for (const { account, name } of items) {
    const alias = await aliases.find(account, name, { fresh: true })
    if (alias?.targetKeyId !== id) continue
    try {
      await aliases.remove(alias)
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    }
  }
}

/** The Region of a key, and the others of its family (kms-api.md §7). */
import { parseArn } from '../arn.ts'
import { UnsupportedOperationException } from '../errors.ts'
import type { Key } from './key.ts'

/** The Region that a key is in. */
export const regionOf = (key: Pick<Key, 'arn'>): string => parseArn(key.arn)?.region ?? ''

/** The ARN of the key of the same family in a Region. */
export const arnIn = (key: Pick<Key, 'arn'>, region: string): string => {
  const [prefix, partition, service, , ...rest] = key.arn.split(':')
  return [prefix, partition, service, region, ...rest].join(':')
}

/** Undefined for a single-Region key. */
export function multiRegionTypeOf(key: Key): 'PRIMARY' | 'REPLICA' | undefined {
  return key.multiRegion && (key.multiRegion.primary === regionOf(key) ? 'PRIMARY' : 'REPLICA')
}

/** What KeyMetadata says of it: the same of every key of a family, but for the type. */
export function multiRegionMetadata(key: Key) {
  const MultiRegionKeyType = multiRegionTypeOf(key)
  if (!key.multiRegion || !MultiRegionKeyType) return { MultiRegion: false }
  const named = (Region: string) => ({ Arn: arnIn(key, Region), Region })
  return {
    MultiRegion: true,
    MultiRegionConfiguration: {
      MultiRegionKeyType,
      PrimaryKey: named(key.multiRegion.primary),
      ReplicaKeys: key.multiRegion.replicas.map(named),
    },
    PendingDeletionWindowInDays: key.replicaDeletion?.windowInDays,
  }
}

/** Rotation is the primary key's. @throws UnsupportedOperationException */
export function demandNoReplica(key: Key, operation: string): void {
  if (multiRegionTypeOf(key) !== 'REPLICA') return
  throw new UnsupportedOperationException(
    `${key.arn} is a multi-region replica key which is not valid for ${operation}.`,
  )
}

/** Whom a key has still to tell of its last change. */
export const untoldOf = (key: Key): readonly string[] => key.multiRegion?.untold?.regions ?? []

/** Whether some replica of a primary key has not imported what is staged. */
export const lacksStaged = (key: Key): boolean =>
  multiRegionTypeOf(key) === 'PRIMARY' &&
  (key.multiRegion?.replicas ?? []).some((region) => !key.multiRegion?.holders?.includes(region))

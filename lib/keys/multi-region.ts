/** The rules of multi-Region keys: what the keys of one family share, and how one becomes another (kms-api.md §7). */
import { parseArn } from '../arn.ts'
import type { Key } from './key.ts'

/** The Region that a key is in. */
export const regionOf = (key: Pick<Key, 'arn'>): string => parseArn(key.arn)?.region ?? ''

const arnIn = (key: Pick<Key, 'arn'>, region: string): string => {
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
  }
}

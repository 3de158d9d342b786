/** The rules of multi-Region keys: what the keys of one family share, and how one becomes another (kms-api.md §7). */
import { isDeepStrictEqual } from 'node:util'
import { KMSInvalidStateException, UnsupportedOperationException, ValidationException } from '../errors.ts'
import { isWaiting } from './imports.ts'
import type { Key, MaterialImport, MultiRegion } from './key.ts'
import { arnIn, multiRegionTypeOf, regionOf, untoldOf } from './regions.ts'

const partitions = [
  [/^cn-/, 'aws-cn'],
  [/^us-gov-/, 'aws-us-gov'],
  [/^us-iso-/, 'aws-iso'],
  [/^us-isob-/, 'aws-iso-b'],
] as const
const partitionOf = (region: string): string => partitions.find(([pattern]) => pattern.test(region))?.[1] ?? 'aws'

/**
 * @param reachable the Regions that there are beside this one
 * @throws UnsupportedOperationException, ValidationException
 */
export function demandReplicable(key: Key, region: string, reachable: readonly string[]): void {
  const type = multiRegionTypeOf(key)
  if (type === undefined) throw new UnsupportedOperationException(`${key.arn} is not a multi-region key.`)
  if (type === 'REPLICA') throw new UnsupportedOperationException(`${key.arn} is not a multi-region primary key.`)
  if (region === regionOf(key)) {
    throw new ValidationException(`${region} cannot have a replica because it contains the primary.`)
  }
  if (reachable.includes(region)) return
  throw new ValidationException(
    partitionOf(region) === partitionOf(regionOf(key))
      ? `Region ${region} is not a valid Region or multi-Region keys are not supported in Region ${region}.`
      : 'The replica key Region must be in the same AWS partition as the primary key Region.',
  )
}

/**
 * Whether the primary key is to move there; false when it is there already.
 * @throws UnsupportedOperationException, KMSInvalidStateException, ValidationException
 */
export function movesTo(key: Key, region: string): boolean {
  if (!key.multiRegion) throw new UnsupportedOperationException(`${key.arn} is not a multi-region key.`)
  if (multiRegionTypeOf(key) === 'REPLICA') {
    throw new KMSInvalidStateException(`${key.arn} is not a multi-Region primary key.`)
  }
  if (region === regionOf(key)) return false
  if (!key.multiRegion.replicas.includes(region)) throw noReplicaThere(key)
  return true
}

export const noReplicaThere = ({ id }: Key): ValidationException =>
  new ValidationException(`${id} does not have a replica key in the specified Region.`)

/** What each key of a family has of its own; everything else they share. */
const ownMembers = [
  'arn',
  'createdAt',
  'deletion',
  'description',
  'policy',
  'principalIds',
  'replicaDeletion',
  'revision',
  'state',
  'tags',
] as const satisfies readonly (keyof Key)[]
type OwnMember = (typeof ownMembers)[number]

const split = (key: Key) => {
  const isOwn = ([name]: [string, unknown]) => (ownMembers as readonly string[]).includes(name)
  const entries = Object.entries(key)
  return {
    own: Object.fromEntries(entries.filter(isOwn)) as Pick<Key, OwnMember>,
    shared: Object.fromEntries(entries.filter((entry) => !isOwn(entry))) as Omit<Key, OwnMember>,
  }
}

/** Of imported material: which there is, not whether it is here, and until when. */
const sharedImport = ({ state: _, validTo: __, ...shared }: MaterialImport) => shared

const sharedOf = (key: Key) => {
  const { imports, multiRegion, ...shared } = split(key).shared
  const { primary, replicas } = multiRegion ?? {}
  return { ...shared, primary, replicas, imports: imports?.map(sharedImport) }
}

const stagedOf = (key: Key): MaterialImport | undefined => key.imports?.find(({ pending }) => pending)
const holdsStaged = (key: Key): boolean => stagedOf(key)?.state === 'IMPORTED'

/** What a replica begins with: what is shared, and of its own what was asked for. It is used when its primary knows of it. */
export function replicaOf(
  primary: Key,
  region: string,
  given: Pick<Key, 'description' | 'policy' | 'principalIds' | 'tags'>,
  now: number,
): Key {
  const { imports, ...shared } = split(primary).shared
  const family = familyOf(primary)
  return {
    ...shared,
    ...given,
    // One behind, so that it has what its primary tells it next to learn from.
    multiRegion: { ...unannounced(family), replicas: withRegion(family, region), sequence: family.sequence - 1 },
    arn: arnIn(primary, region),
    revision: 1,
    createdAt: now,
    state: 'Creating',
    ...(imports && { imports: imports.map(waited) }),
  }
}

const waited = (each: MaterialImport): MaterialImport => ({ ...sharedImport(each), state: 'PENDING_IMPORT' })

const unannounced = ({ untold: _, ...family }: MultiRegion): MultiRegion => family

const withRegion = ({ replicas }: MultiRegion, region: string) => [...new Set([...replicas, region])].sort()

/** The primary key with one more replica, which is to hear of it. */
export function withReplica(primary: Key, region: string, now: number): Key {
  const family = familyOf(primary)
  const replicas = withRegion(family, region)
  const regions = [...new Set([...untoldOf(primary), region])].sort()
  return { ...primary, multiRegion: { ...family, replicas, untold: { regions, at: now } } }
}

/** Without one that is gone; its own deletion, which waited for that of the last one, begins then. */
export function withoutReplica(primary: Key, region: string, now: number): Key {
  const family = familyOf(primary)
  const without = (regions: readonly string[]) => regions.filter((each) => each !== region)
  const replicas = without(family.replicas)
  const holders = without(family.holders ?? [])
  const key = { ...primary, multiRegion: { ...family, replicas, holders } }
  if (replicas.length > 0 || !key.replicaDeletion || key.state !== 'PendingReplicaDeletion') return key
  const { replicaDeletion, ...left } = key
  return { ...left, state: 'PendingDeletion', deletion: { at: now + replicaDeletion.windowInDays * dayMs } }
}
const dayMs = 24 * 60 * 60 * 1000

/** The key that was the primary one; it is Updating until the new one knows. */
export function handedOver(key: Key, primary: string): Key {
  const family = familyOf(key)
  const others = (regions: readonly string[]) => regions.filter((region) => region !== primary)
  const replicas = [...others(family.replicas), regionOf(key)].sort()
  const holders = [...others(family.holders ?? []), ...(holdsStaged(key) ? [regionOf(key)] : [])].sort()
  return { ...key, state: 'Updating', multiRegion: { ...family, primary, replicas, holders } }
}

function familyOf({ multiRegion, arn }: Key): MultiRegion {
  // INVARIANT: asked of multi-Region keys only.
  if (!multiRegion) throw new TypeError(`${arn} is no multi-Region key`)
  return multiRegion
}

/**
 * A change of one key of a family, with what makes the others hear of it: what the primary key shares, and whether a
 * replica has imported what is staged.
 * @returns `after` itself where nobody else need hear
 */
export function announced(before: Key, after: Key, now: number): Key {
  const [was, is] = [familyOf(before), familyOf(after)]
  if (multiRegionTypeOf(before) === 'REPLICA') {
    if (holdsStaged(before) === holdsStaged(after)) return after
    return { ...after, multiRegion: { ...is, untold: { regions: [is.primary], at: now } } }
  }
  if (isDeepStrictEqual(sharedOf(before), sharedOf(after))) return after
  const regions = [is.primary, ...is.replicas].filter((region) => region !== regionOf(after)).sort()
  const kept = stagedOf(before)?.materialId === stagedOf(after)?.materialId ? is : { ...is, holders: [] }
  const family = { ...unannounced(kept), sequence: was.sequence + 1 }
  return {
    ...after,
    multiRegion: { ...family, ...(regions.length > 0 && { untold: { regions, at: now } }) },
  }
}

/**
 * After some were told. One that handed over its role has done so when nobody is left.
 * @param at when the others are to be told, if there are others
 */
export function withTold(key: Key, told: readonly string[], at: number): Key {
  const family = familyOf(key)
  const regions = untoldOf(key).filter((region) => !told.includes(region))
  const multiRegion = { ...unannounced(family), ...(regions.length > 0 && { untold: { regions, at } }) }
  const ended = regions.length === 0 && key.state === 'Updating'
  return { ...key, ...(ended && { state: isWaiting(key) ? 'PendingImport' : 'Enabled' }), multiRegion }
}

/**
 * A key after another of its family told what it is: the later account of what is shared holds, and a primary key takes
 * note of which replicas have imported what is staged.
 * @returns `own` itself where it has nothing to learn
 */
export const heard = (own: Key, other: Key): Key => withHolder(following(own, other), other)

function following(own: Key, other: Key): Key {
  const [mine, theirs] = [own.multiRegion, other.multiRegion]
  if (!mine || !theirs || theirs.sequence <= mine.sequence) return own
  const { imports, ...shared } = split(other).shared
  const present = new Map(own.imports?.map((each) => [each.materialId, each]))
  const merged = imports?.map((each): MaterialImport => {
    const here = present.get(each.materialId)
    const { state = 'PENDING_IMPORT', validTo } = here ?? {}
    return { ...sharedImport(each), state, ...(validTo !== undefined && { validTo }) }
  })
  const family = unannounced(theirs)
  // What one primary key was told, or was to be, its successor may not know.
  const knows = family.primary === mine.primary || !holdsStaged(own)
  const reports = family.primary !== regionOf(own) && (mine.untold || !knows)
  const key: Key = {
    ...shared,
    ...split(own).own,
    ...(merged && { imports: merged }),
    multiRegion: {
      ...family,
      ...(reports && { untold: { regions: [family.primary], at: mine.untold?.at ?? 0 } }),
    },
  }
  return { ...key, state: stateOf(key) }
}

/** A replica lives once its primary knows of it, and works with all of its material or not at all. */
function stateOf(key: Key): Key['state'] {
  if (!['Creating', 'Enabled', 'Disabled', 'PendingImport'].includes(key.state)) return key.state
  if (isWaiting(key)) return 'PendingImport'
  return key.state === 'Disabled' ? 'Disabled' : 'Enabled'
}

function withHolder(own: Key, other: Key): Key {
  const { multiRegion } = own
  const [staged, theirs] = [stagedOf(own), stagedOf(other)]
  const region = regionOf(other)
  if (!multiRegion || multiRegionTypeOf(own) !== 'PRIMARY' || !multiRegion.replicas.includes(region)) return own
  const holds = staged !== undefined && theirs?.materialId === staged.materialId && holdsStaged(other)
  const holders = multiRegion.holders ?? []
  if (holds === holders.includes(region)) return own
  const changed = holds ? [...holders, region].sort() : holders.filter((each) => each !== region)
  return { ...own, multiRegion: { ...multiRegion, holders: changed } }
}

import { AlreadyExistsException } from '../errors.ts'
import type { Key } from '../keys/key.ts'
import { noReplicaThere, withReplica } from '../keys/multi-region.ts'
import { multiRegionTypeOf, regionOf } from '../keys/regions.ts'
import type { Keys, Materials } from '../ports.ts'
import type { Peers } from './peers.ts'
import { versionsToShare } from './together.ts'

interface CreationInput {
  readonly ReplicaRegion: string
  readonly Tags?: readonly unknown[] | undefined
}

/** What is asked of the caller beside the primary key: to create such a key in the other Region, with its tags. */
export async function demandCreation(
  demand: (name: string, there: { region: string; input: Readonly<Record<string, unknown>> }) => Promise<void>,
  key: Key,
  input: CreationInput,
): Promise<void> {
  const kind = { KeySpec: key.spec, KeyUsage: key.usage, Origin: key.origin, MultiRegion: true }
  const there = { region: input.ReplicaRegion, input: { ...input, ...kind } }
  await demand('CreateKey', there)
  if (input.Tags?.length) await demand('TagResource', there)
}

interface ReplicationPorts {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly peers: Peers
}

/**
 * Makes a replica. It is stored there first, of use to nobody; the primary key's one write makes it one of the family,
 * and hearing of that it lives. What was cut short between the two is made good by doing it again.
 * @param replica as it is to be there
 * @throws AlreadyExistsException
 */
export async function replicate(
  { keyStore, materials, peers }: ReplicationPorts,
  primary: Key,
  replica: Key,
  now: number,
): Promise<void> {
  const region = regionOf(replica)
  const versions = await versionsToShare(materials, primary)
  const there = await peers.send(region, { kind: 'create', key: replica, materials: versions })
  if (there?.state !== 'Creating') {
    throw new AlreadyExistsException('You can create only one replica of each primary key in each AWS Region.')
  }
  await keyStore.replace(withReplica(primary, region, now))
}

/**
 * Tells the primary key that a replica is no more: its own deletion may wait for that.
 * @throws DependencyTimeoutException while it cannot be told: the deletion is finished another time
 */
export async function leaveFamily(peers: Peers, key: Key): Promise<void> {
  if (!key.multiRegion || multiRegionTypeOf(key) === 'PRIMARY') return
  let primary = key.multiRegion.primary
  // It may have moved since this one heard of it last; whoever it was knows where to, and so on.
  for (const asked = new Set([regionOf(key)]); !asked.has(primary); ) {
    asked.add(primary)
    const there = await peers.send(primary, { kind: 'leave', key, materials: [] })
    primary = there?.multiRegion?.primary ?? primary
  }
}

/**
 * The replica that is to be the primary key, as it is now.
 * @throws ValidationException when there is none
 */
export async function successorOf(peers: Peers, key: Key, region: string): Promise<Key> {
  const there = await peers.send(region, { kind: 'tell', key, materials: [] })
  if (!there) throw noReplicaThere(key)
  return there
}

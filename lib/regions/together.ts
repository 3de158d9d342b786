/** The keys of a family, kept together: what is changed in one Region is told to the others. */
import type { Key, Material } from '../keys/key.ts'
import { announced, withTold } from '../keys/multi-region.ts'
import { untoldOf } from '../keys/regions.ts'
import { newestFirst } from '../keys/versions.ts'
import { Conflict, type Keys, type Materials } from '../ports.ts'
import type { Peers } from './peers.ts'

const retryMs = 60_000

interface FamilyPorts {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly peers: Peers
  readonly now: () => number
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

/** Every version of a key, as it crosses: wrapped under the domain root. Imported material does not cross. */
export async function versionsToShare(materials: Materials, key: Key): Promise<readonly Material[]> {
  if (key.origin === 'EXTERNAL') return []
  const versions: Material[] = []
  for await (const version of newestFirst(materials, key)) versions.push(version)
  return versions
}

/**
 * The store's keys, so that a change of a multi-Region key is told to those that share it. New material is first stored
 * in every Region, where nothing names it yet, and only then is the change committed: what a new version encrypts here
 * opens there. So a rotation fails while a Region is out of reach; every other use of the key goes on.
 *
 * Who has not heard is noted in the same write, and told at once, or with the first change of the key from when it is
 * due on: a schedule makes one that changes nothing.
 */
export const together = (ports: FamilyPorts): Keys => ({
  ...ports.keyStore,
  async replace(key) {
    const before = key.multiRegion && (await ports.keyStore.find(key.id, { fresh: true }))
    if (!before?.multiRegion) return ports.keyStore.replace(key)
    const changed = announced(before, key, ports.now())
    await shareNewVersions(ports, before, changed)
    await ports.keyStore.replace(changed)
    const isDue = (changed.multiRegion?.untold?.at ?? Number.POSITIVE_INFINITY) <= ports.now()
    if (isDue) await tellOthers(ports, { ...changed, revision: changed.revision + 1 })
  },
})

async function shareNewVersions({ materials, peers }: FamilyPorts, before: Key, after: Key): Promise<void> {
  const newest = (key: Key) => key.newestMaterialId ?? key.currentMaterialId
  if (newest(before) === newest(after) || untoldOf(after).length === 0) return
  const versions = await versionsToShare(materials, after)
  if (versions.length === 0) return
  const send = (region: string) => peers.send(region, { kind: 'tell', key: before, materials: versions })
  await Promise.all(untoldOf(after).map(send))
}

/**
 * Tells those that have not heard of a key's last change; whoever cannot be reached, some time later. The change is
 * made, so nothing that goes wrong here is a failure of it: what is not noted as told is told again.
 */
async function tellOthers(ports: FamilyPorts, key: Key): Promise<void> {
  const failed = (what: string) => (error: unknown) => {
    ports.log({ level: 'warn', message: `${what} has not heard of a change of ${key.arn}`, cause: String(error) })
  }
  try {
    const materials = await versionsToShare(ports.materials, key)
    const tell = (region: string) =>
      ports.peers.send(region, { kind: 'tell', key, materials }).then(() => [region], failed(region))
    const told = (await Promise.all(untoldOf(key).map(tell))).flatMap((each) => each ?? [])
    await ports.keyStore.replace(withTold(key, told, ports.now() + retryMs))
  } catch (error) {
    // Somebody else has changed it meanwhile, and tells all of it.
    if (!(error instanceof Conflict)) failed('Somebody')(error)
  }
}

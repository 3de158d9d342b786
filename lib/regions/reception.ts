import { keyArn, type Place } from '../arn.ts'
import { ValidationException } from '../errors.ts'
import type { Directory } from '../identity/ports.ts'
import { isMultiRegionId } from '../keys/identifiers.ts'
import type { Key, Material } from '../keys/key.ts'
import { heard, withoutReplica } from '../keys/multi-region.ts'
import { withPolicyHere } from '../keys/policies.ts'
import { multiRegionTypeOf, regionOf } from '../keys/regions.ts'
import { Conflict, type Hsm, type Keys, type Materials } from '../ports.ts'
import type { Letter } from './peers.ts'

export interface ReceptionPorts {
  /** The store's own: what is heard is not told again. */
  readonly ownKeys: Keys
  /** What this change is to be told to others through. */
  readonly keyStore: Keys
  readonly materials: Materials
  readonly directory: Directory
}

/**
 * What a letter from another Region may be about: one family of multi-Region keys, and this Region's place in it. Its
 * material is what the tokens of the domain made: anything else is refused before it is stored.
 * @throws ValidationException, KeyUnavailableException
 */
export async function demandSound({ kind, key, materials }: Letter, place: Omit<Place, 'account'>, hsm: Hsm) {
  const from = kind === 'create' ? place.region : regionOf(key)
  const named = key.arn === keyArn({ ...place, region: from, account: key.account }, key.id)
  const own = kind !== 'create' && from === place.region
  const fits = ({ keyId, account, spec }: Material) => keyId === key.id && account === key.account && spec === key.spec
  const shareable = key.multiRegion !== undefined && isMultiRegionId(key.id) && !key.keyStore
  const begun = kind === 'create' && (key.state !== 'Creating' || key.multiRegion?.primary === place.region)
  if (!shareable || begun || !named || own || !materials.every(fits)) {
    throw new ValidationException('The letter is not about a multi-Region key of another Region.')
  }
  for (const material of materials) await hsm.assertBound(material)
}

/** What never changes of a key. */
const constants = ['account', 'spec', 'usage', 'origin'] as const

/**
 * Does what a sound letter says.
 * @returns the key here, as it is then; undefined when there is none
 * @throws Conflict when another writer was first
 */
export async function receive(letter: Letter, ports: ReceptionPorts, now: number): Promise<Key | undefined> {
  const { kind, key, materials } = letter
  const own = await ports.ownKeys.find(key.id, { fresh: true })
  if (own && constants.some((member) => own[member] !== key[member])) {
    throw new ValidationException('The key is another one here.')
  }
  if (kind === 'create') return create(letter, own, ports)
  if (!own) return undefined
  if (kind === 'leave') {
    if (multiRegionTypeOf(own) === 'PRIMARY' && own.multiRegion?.replicas.includes(regionOf(key))) {
      await ports.keyStore.replace(withoutReplica(own, regionOf(key), now))
    }
    return ports.ownKeys.find(key.id, { fresh: true })
  }
  await keep(materials, ports)
  const changed = heard(own, key)
  if (changed === own) return own
  await ports.ownKeys.replace(changed)
  return { ...changed, revision: own.revision + 1 }
}

/** A replica that waits for its primary to know of it may be made again; any other stays, and is answered. */
async function create({ key: asked, materials }: Letter, own: Key | undefined, ports: ReceptionPorts): Promise<Key> {
  if (own && own.state !== 'Creating') return own
  const key = await withPolicyHere(asked, ports.directory)
  await keep(materials, ports)
  if (own) await ports.ownKeys.replace({ ...key, revision: own.revision })
  else await ports.ownKeys.create(key)
  return key
}

/** What is here already stays as it is: material never changes. */
async function keep(materials: readonly Material[], ports: ReceptionPorts): Promise<void> {
  for (const material of materials) {
    if (await ports.materials.find(material.keyId, material.id)) continue
    try {
      await ports.materials.create(material)
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    }
  }
}

import { KMSInternalException, LimitExceededException, NotFoundException, ValidationException } from '../errors.ts'
import type { Hsm, Keys, Materials } from '../ports.ts'
import type { Key, Material } from './key.ts'
import { newMaterial } from './materials.ts'

/** Ours: each version is read whenever all are listed. */
const atMost = 1000

export interface VersionPorts {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly hsm: Hsm
}

const newestIdOf = (key: Key): string | undefined => key.newestMaterialId ?? key.currentMaterialId

/** The versions of a key, oldest first: its newest, and on the way back what each follows. */
export async function versionsOf(materials: Materials, key: Key): Promise<readonly Material[]> {
  const stored = new Map((await materials.list(key.id)).map((material) => [material.id, material]))
  const versions: Material[] = []
  for (let id = newestIdOf(key); id !== undefined; id = versions.at(-1)?.follows) {
    versions.push(versionIn(key, stored.get(id), versions.at(-1)?.number))
  }
  return versions.reverse()
}

/** The same, newest first, each read when it is asked for: warm, no version is read from the store. */
export async function* newestFirst(materials: Materials, key: Key): AsyncGenerator<Material, void> {
  let version: Material | undefined
  for (let id = newestIdOf(key); id !== undefined; id = version.follows) {
    version = versionIn(key, await materials.find(key.id, id), version?.number)
    yield version
  }
}

/** @throws NotFoundException */
export async function versionOf(materials: Materials, key: Key, id: string): Promise<Material> {
  const version = await materials.find(key.id, id)
  if (!version) throw new NotFoundException(`Key version '${id}' of key '${key.arn}' does not exist`)
  return version
}

/** @param before the number of the version that follows it */
function versionIn(key: Key, material: Material | undefined, before = Number.POSITIVE_INFINITY): Material {
  // INVARIANT: material is stored before the write that makes it a version, and goes only with its key. A number that
  // does not fall on the way back is somebody's change to the store, and could lead round in a circle.
  if (!material || material.number >= before)
    throw new KMSInternalException(undefined, { cause: new Error(`${key.arn} lacks one of its versions`) })
  return material
}

/**
 * Gives a key another version, which becomes the current one where `rotation` says how. The material is stored first;
 * the key's one conditional write makes it a version, together with whatever else was changed in `key`.
 * @param key as it is to become, but for its versions, at the revision that it was read at
 * @param announce called before that write, when everything else is done
 * @throws Conflict when another writer was first: then there is no new version
 */
export async function addVersion(
  { keyStore, materials, hsm }: VersionPorts,
  key: Key,
  now: number,
  rotation?: NonNullable<Material['rotation']>['type'],
  announce?: (version: Material) => Promise<void>,
): Promise<Material> {
  const follows = newestIdOf(key)
  const { number = 0 } = follows === undefined ? {} : versionIn(key, await materials.find(key.id, follows))
  const version: Material = {
    ...(await newMaterial(hsm, key, number + 1, now)),
    ...(follows !== undefined && { follows }),
    ...(rotation && { rotation: { type: rotation, at: now } }),
  }
  await materials.create(version)
  await announce?.(version)
  const { newestMaterialId: _, ...kept } = key
  await keyStore.replace(
    rotation ? { ...kept, currentMaterialId: version.id } : { ...key, newestMaterialId: version.id },
  )
  return version
}

/** @throws ValidationException, LimitExceededException when the key has all the versions that it may be given */
export async function demandNewVersion(materials: Materials, key: Key, primary: boolean): Promise<void> {
  if (!primary && key.spec === 'SYMMETRIC_DEFAULT') {
    throw new ValidationException('SetAsPrimary can only be false for asymmetric and HMAC keys.')
  }
  for await (const { number } of newestFirst(materials, key)) {
    if (number < atMost) return
    throw new LimitExceededException(`${key.arn} already has ${atMost} versions.`)
  }
}

/** Ascending with a version's number. */
export const versionSortValue = ({ number }: Material): string => String(number).padStart(9, '0')

type State = 'CURRENT' | 'NON_CURRENT' | 'PENDING_ROTATION'

/** Of versions after the current one: whether they wait to become it. */
export const materialStateOf = (key: Key, version: Material): State => {
  if (version.id === key.currentMaterialId) return 'CURRENT'
  return key.spec === 'SYMMETRIC_DEFAULT' && version.id === key.newestMaterialId ? 'PENDING_ROTATION' : 'NON_CURRENT'
}

/** What CreateKeyVersion and ListKeyVersions say of one. */
export const versionEntry = (version: Material, state: State) => ({
  KeyVersionId: version.id,
  VersionNumber: version.number,
  State: state,
  CreationDate: version.createdAt,
  RotationDate: version.rotation?.at,
  RotationType: version.rotation?.type,
  ProtectionLevel: version.protection,
  PublicKey: version.publicKey,
})

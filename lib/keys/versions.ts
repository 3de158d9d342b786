import {
  DisabledException,
  KMSInternalException,
  LimitExceededException,
  NotFoundException,
  UnsupportedOperationException,
  ValidationException,
} from '../errors.ts'
import type { Hsm, Keys, Materials } from '../ports.ts'
import type { Key, Material } from './key.ts'
import { currentMaterial, newMaterial } from './materials.ts'

/**
 * Ours. Each version is read whenever all are listed; and what an asymmetric or HMAC key may have made, each of its
 * versions is tried for.
 */
const atMost = { symmetric: 1000, other: 100 } as const
const isSymmetric = ({ spec }: Key): boolean => spec === 'SYMMETRIC_DEFAULT'

export interface VersionPorts {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly hsm: Hsm
}

const newestIdOf = (key: Key): string | undefined => key.newestMaterialId ?? key.currentMaterialId

/**
 * Imported material that was deleted, or has expired: no version until it is imported again, whatever is stored by then.
 */
const isForgotten = ({ imports = [] }: Key, id: string): boolean =>
  imports.some(({ materialId, state }) => materialId === id && state === 'PENDING_IMPORT')

/** The versions of a key, oldest first: its newest, and on the way back what each follows. */
export async function versionsOf(materials: Materials, key: Key): Promise<readonly Material[]> {
  const stored = new Map((await materials.list(key.id)).map((material) => [material.id, material]))
  const versions: Material[] = []
  for (let id = newestIdOf(key); id !== undefined; id = versions.at(-1)?.follows) {
    if (isForgotten(key, id)) break
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

const unknown = (key: Key, id: string) =>
  new NotFoundException(`Key version '${id}' of key '${key.arn}' does not exist`)

/**
 * Without a look at the versions between: material that never became one could be found, but its id was told to nobody.
 * @throws NotFoundException
 */
export async function versionOf(materials: Materials, key: Key, id: string): Promise<Material> {
  const version = await materials.find(key.id, id)
  if (!version) throw unknown(key, id)
  return version
}

/** The same for a change, which is made to nothing but a version. @throws NotFoundException */
export async function versionNamed(materials: Materials, key: Key, id: string): Promise<Material> {
  const version = (await versionsOf(materials, key)).find((each) => each.id === id)
  if (!version) throw unknown(key, id)
  return version
}

const isDisabled = ({ disabledVersionIds }: Key, { id }: Material): boolean => disabledVersionIds?.includes(id) ?? false

/** The version that is named, enabled or not, otherwise the current one. @throws NotFoundException */
export const versionToPublish = (materials: Materials, key: Key, id: string | undefined): Promise<Material> =>
  id === undefined ? currentMaterial(materials, key) : versionOf(materials, key, id)

/** The version that is named, otherwise the current one. @throws NotFoundException, DisabledException */
export async function versionToUse(materials: Materials, key: Key, id: string | undefined): Promise<Material> {
  const version = await versionToPublish(materials, key, id)
  if (isDisabled(key, version)) {
    throw new DisabledException(`Key version '${version.id}' of key '${key.arn}' is disabled`)
  }
  return version
}

/**
 * The versions that may have made something: the one that is named, otherwise every enabled one, newest first.
 * @throws NotFoundException, DisabledException
 */
export async function* versionsToTry(
  materials: Materials,
  key: Key,
  id: string | undefined,
): AsyncGenerator<Material, void> {
  if (id !== undefined) return yield await versionToUse(materials, key, id)
  for await (const version of newestFirst(materials, key)) if (!isDisabled(key, version)) yield version
}

/** The first version for which it holds. */
export async function firstOf(
  versions: AsyncIterable<Material>,
  holds: (version: Material) => boolean | Promise<boolean>,
): Promise<Material | undefined> {
  for await (const version of versions) if (await holds(version)) return version
  return undefined
}

/**
 * Which version something was done with: told where there are several, which AWS's keys of these specs never have. Of
 * symmetric keys AWS tells the key material itself.
 */
export const toldVersion = (key: Key, { id, number }: Material) =>
  !isSymmetric(key) && (number > 1 || newestIdOf(key) !== id) ? { KeyVersionId: id } : {}

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
): Promise<{ readonly key: Key; readonly version: Material }> {
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
  const changed = rotation ? { ...kept, currentMaterialId: version.id } : { ...key, newestMaterialId: version.id }
  await keyStore.replace(changed)
  return { key: changed, version }
}

/** @throws ValidationException, LimitExceededException when the key has all the versions that it may be given */
export async function demandNewVersion(materials: Materials, key: Key, primary: boolean): Promise<void> {
  if (!primary && isSymmetric(key)) {
    throw new ValidationException('SetAsPrimary can only be false for asymmetric and HMAC keys.')
  }
  const most = isSymmetric(key) ? atMost.symmetric : atMost.other
  for await (const { number } of newestFirst(materials, key)) {
    if (number < most) return
    throw new LimitExceededException(`${key.arn} already has ${most} versions.`)
  }
}

interface VersionChange {
  readonly SetAsPrimary?: boolean | undefined
  readonly Enabled?: boolean | undefined
}

/** The key with one of its versions changed. @throws UnsupportedOperationException, ValidationException */
export function withVersion(key: Key, { id }: Material, { SetAsPrimary, Enabled }: VersionChange): Key {
  // Whatever was encrypted would not open while its material is disabled, and the newest material is the only current one.
  if (isSymmetric(key))
    throw new UnsupportedOperationException('Only asymmetric and HMAC keys have versions to change.')
  const disabled = new Set(key.disabledVersionIds)
  if (Enabled) disabled.delete(id)
  if (Enabled === false) disabled.add(id)
  const currentId = SetAsPrimary ? id : key.currentMaterialId
  if (currentId !== undefined && disabled.has(currentId)) {
    throw new ValidationException('The primary version of a key cannot be disabled.')
  }
  const { newestMaterialId: _, disabledVersionIds: __, ...kept } = key
  const newestId = newestIdOf(key)
  return {
    ...kept,
    ...(currentId !== undefined && { currentMaterialId: currentId }),
    ...(newestId !== undefined && newestId !== currentId && { newestMaterialId: newestId }),
    ...(disabled.size > 0 && { disabledVersionIds: [...disabled] }),
  }
}

/** Ascending with a version's number. */
export const versionSortValue = ({ number }: Material): string => String(number).padStart(9, '0')

type State = 'CURRENT' | 'NON_CURRENT' | 'PENDING_ROTATION'

/** Of versions after the current one: whether they wait to become it. */
export const materialStateOf = (key: Key, version: Material): State => {
  if (version.id === key.currentMaterialId) return 'CURRENT'
  return isSymmetric(key) && version.id === key.newestMaterialId ? 'PENDING_ROTATION' : 'NON_CURRENT'
}

/** What is said of a version where it is listed or changed. */
export const versionEntry = (key: Key, version: Material) => ({
  KeyVersionId: version.id,
  VersionNumber: version.number,
  State: isDisabled(key, version) ? 'DISABLED' : materialStateOf(key, version),
  CreationDate: version.createdAt,
  RotationDate: version.rotation?.at,
  RotationType: version.rotation?.type,
  ProtectionLevel: version.protection,
  PublicKey: version.publicKey,
})

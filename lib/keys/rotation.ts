import {
  ConflictException,
  LimitExceededException,
  UnsupportedOperationException,
  ValidationException,
} from '../errors.ts'
import type { Materials } from '../ports.ts'
import { importEntry, withStagedCurrent } from './imports.ts'
import type { Key, Material } from './key.ts'
import { multiRegionTypeOf } from './regions.ts'
import { addVersion, materialStateOf, type VersionPorts, versionSortValue, versionsOf } from './versions.ts'

export const defaultPeriodInDays = 365
const dayMs = 24 * 60 * 60 * 1000
const onDemandAtMost = 25
/** How long before an automatic rotation none on demand is begun. */
const quietMs = 20 * 60 * 1000

const isSymmetric = (key: Key): boolean => key.spec === 'SYMMETRIC_DEFAULT'

const refuseOrigin = (key: Key): never => {
  throw new UnsupportedOperationException(`${key.arn} origin is ${key.origin} which is not valid for this operation.`)
}

/** Before its state: only what is made here can be rotated by schedule. @throws UnsupportedOperationException */
export function demandOwnMaterial(key: Key): void {
  if (key.origin !== 'AWS_KMS') refuseOrigin(key)
}

/** What is in a custom key store has no rotation to speak of. @throws UnsupportedOperationException */
export function refuseCustomStore(key: Key): void {
  if (key.origin === 'AWS_CLOUDHSM' || key.origin === 'EXTERNAL_KEY_STORE') refuseOrigin(key)
}

/** @throws UnsupportedOperationException without a message, as AWS */
function demandSymmetric(key: Key): void {
  if (!isSymmetric(key)) throw new UnsupportedOperationException()
}

/**
 * A key with automatic rotation on. One that has it on already keeps its schedule, unless the period changes.
 * @param versions whether the caller knows of key versions, which a key that AWS does not rotate gets
 * @throws UnsupportedOperationException
 */
export function withRotation(key: Key, periodInDays: number | undefined, versions: boolean, now: number): Key {
  if (!versions) demandSymmetric(key)
  if (key.rotation && (periodInDays === undefined || periodInDays === key.rotation.periodInDays)) return key
  const days = periodInDays ?? defaultPeriodInDays
  return { ...key, rotation: { periodInDays: days, nextAt: now + days * dayMs } }
}

export function withoutRotation({ rotation: _, ...key }: Key): Key {
  return key
}

/** Automatic rotation as it is shown: a key that waits for its deletion shows none, and has it back with its life. */
export const shownRotation = (key: Key): Key['rotation'] => (key.state === 'PendingDeletion' ? undefined : key.rotation)

/**
 * Rotates a key now, by itself and beside its schedule.
 * @throws UnsupportedOperationException, KMSInvalidStateException, LimitExceededException, ConflictException
 */
export async function rotateOnDemand(ports: VersionPorts, key: Key, now: number): Promise<Material | undefined> {
  demandSymmetric(key)
  const rotations = key.onDemandRotations ?? 0
  if (rotations >= onDemandAtMost) {
    throw new LimitExceededException(
      `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${key.arn}`,
    )
  }
  if (key.rotation && key.rotation.nextAt - now <= quietMs) {
    throw new ConflictException(
      'The request was rejected because an automatic rotation of this key is currently in progress or scheduled to begin within the next 20 minutes.',
    )
  }
  const counted = { ...key, onDemandRotations: rotations + 1 }
  if (key.origin !== 'EXTERNAL') return (await addVersion(ports, counted, now, 'ON_DEMAND')).version
  await ports.keyStore.replace(withStagedCurrent(counted, now))
  return undefined
}

/**
 * Rotates a key whose time has come; undefined when it has not, or the key is in no state for it, so that it may be
 * called for any key at any time. The next date is counted from the last one; dates that went by unused are left out.
 * @param key as it is in the store now
 * @throws Conflict when another writer was first
 */
export async function rotateIfDue(
  ports: VersionPorts,
  key: Key,
  now: number,
  announce?: (version: Material) => Promise<void>,
): Promise<Material | undefined> {
  const { rotation, state } = key
  if (state !== 'Enabled' || !rotation || rotation.nextAt > now) return undefined
  if (multiRegionTypeOf(key) === 'REPLICA') return undefined
  const periodMs = rotation.periodInDays * dayMs
  const periods = Math.floor((now - rotation.nextAt) / periodMs) + 1
  const next = { ...rotation, nextAt: rotation.nextAt + periods * periodMs }
  const made = await addVersion(ports, { ...key, rotation: next }, now, 'AUTOMATIC', announce)
  return made.version
}

type Entry = ReturnType<typeof importEntry>
interface ShownRotation {
  readonly at: string
  readonly entry: { readonly [K in keyof Entry]?: Entry[K] | undefined }
}

/** What ListKeyRotations shows, with the value it is sorted and paged by. */
export async function shownRotations(
  materials: Materials,
  key: Key,
  include: 'ALL_KEY_MATERIAL' | 'ROTATIONS_ONLY' | undefined,
): Promise<readonly ShownRotation[]> {
  if (key.origin === 'EXTERNAL' && isSymmetric(key)) {
    const imports = (key.imports ?? []).map((each, at) => ({ each, at: String(at).padStart(9, '0') }))
    const wanted = imports.filter(({ each }) => include === 'ALL_KEY_MATERIAL' || each.rotatedAt !== undefined)
    return wanted.map(({ each, at }) => ({ at, entry: importEntry(key, each) }))
  }
  const versions = rotationsAmong(key, await versionsOf(materials, key), include)
  return versions.map((version) => ({ at: versionSortValue(version), entry: rotationEntry(key, version) }))
}

/**
 * Which versions ListKeyRotations shows: those that became current by rotation, or all; of a key that AWS does not
 * rotate, none.
 * @throws ValidationException
 */
export function rotationsAmong(
  key: Key,
  versions: readonly Material[],
  include: 'ALL_KEY_MATERIAL' | 'ROTATIONS_ONLY' | undefined,
): readonly Material[] {
  if (isSymmetric(key)) return include === 'ALL_KEY_MATERIAL' ? versions : versions.filter(({ rotation }) => rotation)
  if (include === undefined) return []
  throw new ValidationException('Input parameter includeKeyMaterial can only be used with symmetric keys.')
}

/** What ListKeyRotations says of one (kms-api.md §5.3). */
export const rotationEntry = (key: Key, version: Material) => ({
  KeyId: key.arn,
  KeyMaterialId: version.id,
  KeyMaterialState: materialStateOf(key, version),
  RotationDate: version.rotation?.at,
  RotationType: version.rotation?.type,
})

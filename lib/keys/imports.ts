/** Imported key material: what a key of origin EXTERNAL holds, and how it changes (kms-api.md §5.4, §6). */
import {
  IncorrectKeyMaterialException,
  KMSInvalidStateException,
  UnsupportedOperationException,
  ValidationException,
} from '../errors.ts'
import type { Key, MaterialImport } from './key.ts'
import { lacksStaged, multiRegionTypeOf } from './regions.ts'

const dayMs = 24 * 60 * 60 * 1000

const isReplica = (key: Key): boolean => multiRegionTypeOf(key) === 'REPLICA'
const isSymmetric = (key: Key): boolean => key.spec === 'SYMMETRIC_DEFAULT'
const importsOf = (key: Key): readonly MaterialImport[] => key.imports ?? []

/** Before its state. @throws UnsupportedOperationException */
export function demandExternal(key: Key): void {
  if (key.origin === 'EXTERNAL') return
  throw new UnsupportedOperationException(`${key.arn} origin is ${key.origin} which is not valid for this operation.`)
}

/** A key works with all of its material, staged material aside, or not at all. */
const isWhole = (imports: readonly MaterialImport[]): boolean =>
  imports.some(({ pending }) => !pending) && imports.every(({ pending, state }) => pending || state === 'IMPORTED')

/** Whether a key wants material that it does not have. */
export const isWaiting = (key: Key): boolean => key.origin === 'EXTERNAL' && !isWhole(importsOf(key))

/** The key as it is at a time: with material that has expired, it waits for another import, whatever is stored. */
export function asOf(key: Key, now: number): Key {
  const expired = ({ pending, state, validTo }: MaterialImport) =>
    !pending && state === 'IMPORTED' && validTo !== undefined && validTo <= now
  if (!key.imports?.some(expired) || (key.state !== 'Enabled' && key.state !== 'Disabled')) return key
  return { ...key, state: 'PendingImport' }
}

interface Expiration {
  readonly ExpirationModel: string
  readonly ValidTo?: number | undefined
}

/** When material ends; undefined when it does not. Whole seconds. @throws ValidationException */
export function validToOf({ ExpirationModel, ValidTo }: Expiration, now: number): number | undefined {
  if (ExpirationModel === 'KEY_MATERIAL_DOES_NOT_EXPIRE') {
    if (ValidTo === undefined) return undefined
    throw new ValidationException('A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE')
  }
  if (ValidTo === undefined) {
    throw new ValidationException('A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES')
  }
  const validTo = Math.floor(ValidTo / 1000) * 1000
  if (validTo <= now) throw new ValidationException('ValidTo must be in the future')
  if (validTo > now + 365 * dayMs) throw new ValidationException('ValidTo must be less than 365 days in the future')
  return validTo
}

interface ImportInput {
  readonly ImportType?: string | undefined
  readonly KeyMaterialId?: string | undefined
  readonly KeyMaterialDescription?: string | undefined
}

/** Members that are for keys with several materials. @throws ValidationException */
export function demandImportMembers(key: Key, input: ImportInput): void {
  const { ImportType, KeyMaterialId, KeyMaterialDescription } = input
  const given = { importType: ImportType, keyMaterialId: KeyMaterialId, keyMaterialDescription: KeyMaterialDescription }
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !isSymmetric(key)) {
      throw new ValidationException(`Input parameter ${name} cannot be used with ${key.spec} imported keys.`)
    }
  }
  if (isReplica(key) && ImportType === 'NEW_KEY_MATERIAL') {
    throw new ValidationException(
      'Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys',
    )
  }
  if (isReplica(key) && KeyMaterialDescription !== undefined) {
    throw new ValidationException('Key material description can only be specified on primary Multi-Region keys')
  }
  if (ImportType === 'NEW_KEY_MATERIAL' && KeyMaterialId !== undefined) {
    throw new ValidationException('Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.')
  }
}

const unexpected = (expected: string | undefined) =>
  new IncorrectKeyMaterialException(
    expected === undefined ? undefined : `Imported key material does not have the expected identifier (${expected}).`,
  )

/** Whether material stands beside what the key has. @throws IncorrectKeyMaterialException, KMSInvalidStateException */
function isNew(key: Key, materialId: string, { ImportType, KeyMaterialId }: ImportInput): boolean {
  const imports = importsOf(key)
  const known = imports.some((each) => each.materialId === materialId)
  if (!isSymmetric(key)) {
    if (imports.length > 0 && !known) throw unexpected(undefined)
    return !known
  }
  const wanted = ImportType ?? (imports.length === 0 ? 'NEW_KEY_MATERIAL' : 'EXISTING_KEY_MATERIAL')
  if (wanted === 'EXISTING_KEY_MATERIAL') {
    const expected = KeyMaterialId ?? key.currentMaterialId ?? materialId
    if (!known || (KeyMaterialId !== undefined && KeyMaterialId !== materialId)) throw unexpected(expected)
    return false
  }
  if (known) {
    throw new IncorrectKeyMaterialException(
      `Key material (id: ${materialId}) being imported as NEW_KEY_MATERIAL is already associated with KMS key ${key.arn}.`,
    )
  }
  const staged = imports.find(({ pending }) => pending)
  if (staged) {
    throw new KMSInvalidStateException(
      `New key material (id: ${materialId}) cannot be imported into KMS key ${key.arn}, because another key material (id: ${staged.materialId}) is pending rotation.`,
    )
  }
  return true
}

interface Taken {
  readonly materialId: string
  readonly validTo: number | undefined
}

/** The key with material that was taken in: its first becomes current, a further one is staged, a known one is there again. */
export function withImported(key: Key, { materialId, validTo }: Taken, input: ImportInput): Key {
  const imports = importsOf(key)
  const first = imports.length === 0
  const before = imports.find((each) => each.materialId === materialId)
  const description = input.KeyMaterialDescription ?? before?.description
  const entry: MaterialImport = {
    materialId,
    state: 'IMPORTED',
    ...(isNew(key, materialId, input) ? !first && { pending: true } : before?.pending && { pending: true }),
    ...(before?.rotatedAt !== undefined && { rotatedAt: before.rotatedAt }),
    ...(validTo !== undefined && { validTo }),
    ...(description !== undefined && { description }),
  }
  const after = before ? imports.map((each) => (each === before ? entry : each)) : [...imports, entry]
  const state = isWhole(after) ? 'Enabled' : 'PendingImport'
  return { ...key, imports: after, state, currentMaterialId: key.currentMaterialId ?? materialId }
}

/** The id that DeleteImportedKeyMaterial is about; undefined where there is nothing. @throws ValidationException */
export function deletedId(key: Key, asked: string | undefined): string | undefined {
  if (asked !== undefined && !isSymmetric(key)) {
    throw new ValidationException(`Input parameter keyMaterialId cannot be used with ${key.spec} imported keys.`)
  }
  if (asked !== undefined && !importsOf(key).some(({ materialId }) => materialId === asked)) {
    throw new ValidationException(`Key material (id: ${asked}) has never been imported into KMS key ${key.arn}.`)
  }
  return asked ?? key.currentMaterialId
}

/** The key without one material: staged material is forgotten, by a replica only if its primary does; any other is waited for. */
export function withoutMaterial(key: Key, materialId: string): Key {
  const imports = importsOf(key)
  const gone = imports.find((each) => each.materialId === materialId)
  const staged = gone?.pending === true
  if (staged && !isReplica(key)) return { ...key, imports: imports.filter((each) => each !== gone) }
  const after = imports.map((each): MaterialImport => {
    if (each.materialId !== materialId) return each
    const { validTo: _, ...kept } = each
    return { ...kept, state: 'PENDING_IMPORT' }
  })
  const stays = staged || key.state === 'PendingDeletion' || key.state === 'PendingReplicaDeletion'
  return { ...key, imports: after, state: stays ? key.state : 'PendingImport' }
}

interface Expired {
  readonly materialId: string
  /** Milliseconds since the epoch. */
  readonly validTo: number
}

/** The key without what has expired of its material, staged material aside: that can be rotated in all the same. */
export function withoutExpired(key: Key, now: number): { changed: Key; expired: readonly Expired[] } {
  const expired = importsOf(key).flatMap(({ materialId, state, pending, validTo }) =>
    state === 'IMPORTED' && !pending && validTo !== undefined && validTo <= now ? [{ materialId, validTo }] : [],
  )
  return { changed: expired.reduce((rest, { materialId }) => withoutMaterial(rest, materialId), key), expired }
}

/** The key after its staged material became current. @throws KMSInvalidStateException when there is none */
export function withStagedCurrent(key: Key, now: number): Key {
  const staged = importsOf(key).find(({ pending }) => pending)
  if (!staged) throw new KMSInvalidStateException(`No available key material pending rotation for the key: ${key.arn}.`)
  if (lacksStaged(key)) {
    throw new KMSInvalidStateException(
      'Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.',
    )
  }
  const { pending: _, ...kept } = staged
  const imports = importsOf(key).map((each) => (each === staged ? { ...kept, rotatedAt: now } : each))
  return { ...key, imports, currentMaterialId: staged.materialId }
}

/** What KeyMetadata says of expiry: only of a key that has all of its material. */
export function expirationOf(key: Key): { ExpirationModel?: string; ValidTo?: number } {
  if (key.origin !== 'EXTERNAL' || key.state === 'PendingImport' || !isWhole(importsOf(key))) return {}
  const dates = importsOf(key).flatMap(({ pending, validTo }) => (pending || validTo === undefined ? [] : [validTo]))
  if (dates.length === 0) return { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }
  return { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: Math.min(...dates) }
}

const importState = (key: Key, { materialId, pending }: MaterialImport): string => {
  if (pending) return lacksStaged(key) ? 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION' : 'PENDING_ROTATION'
  return materialId === key.currentMaterialId ? 'CURRENT' : 'NON_CURRENT'
}

/** What ListKeyRotations says of one (kms-api.md §5.3). */
export const importEntry = (key: Key, each: MaterialImport) => ({
  KeyId: key.arn,
  KeyMaterialId: each.materialId,
  KeyMaterialDescription: each.description,
  ImportState: each.state,
  KeyMaterialState: importState(key, each),
  ...(each.state === 'IMPORTED' && {
    ExpirationModel: each.validTo === undefined ? 'KEY_MATERIAL_DOES_NOT_EXPIRE' : 'KEY_MATERIAL_EXPIRES',
    ValidTo: each.validTo,
  }),
  RotationDate: each.rotatedAt,
  RotationType: each.rotatedAt === undefined ? undefined : 'ON_DEMAND',
})

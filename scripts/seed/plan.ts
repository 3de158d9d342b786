import type { Place } from '../../lib/arn.ts'
import { KmsError } from '../../lib/errors.ts'
import { demandRoomForAlias, newAlias } from '../../lib/keys/aliases.ts'
import { creatable, newKey } from '../../lib/keys/creation.ts'
import {
  demandAliasName,
  isKeyId,
  isMultiRegionId,
  parseKeyIdentifier,
  refuseAliasOfAlias,
} from '../../lib/keys/identifiers.ts'
import { withImported } from '../../lib/keys/imports.ts'
import type { Alias, Key, Material } from '../../lib/keys/key.ts'
import { firstMaterial } from '../../lib/keys/materials.ts'
import { policyFor } from '../../lib/keys/policies.ts'
import { demandOwnMaterial, withRotation } from '../../lib/keys/rotation.ts'
import { withTags } from '../../lib/keys/tags.ts'
import { versionsOf } from '../../lib/keys/versions.ts'
import type { World } from '../../lib/perform.ts'
import type { PolicyDocument } from '../../lib/policy/document.ts'
import type { ImportedKey } from '../../lib/ports.ts'
import type { Path, SeedFile } from './file.ts'
import type { SeedAlias, SeedKey } from './format.ts'
import type { Importer } from './material.ts'

export interface PlannedKey {
  readonly seeded: SeedKey
  readonly key: Key
  readonly materials: readonly Material[]
}
export interface PlannedAlias {
  readonly seeded: SeedAlias
  readonly target: Key
  readonly alias: Alias
}

/** What planning needs: nothing here writes. */
export interface Ground {
  readonly world: World
  readonly file: SeedFile
  readonly place: Place
  readonly now: number
  readonly importer: Importer
  readonly permits: (key: SeedKey, action: string, policy: PolicyDocument) => boolean
}

/** What an operation refuses is told with the place in the file that it is about. */
async function placed<T>({ file }: Ground, path: Path, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof KmsError) || error.fault === 'server') throw error
    return file.fail(path, `is refused: ${error.message || error.name}`)
  }
}

const isSame = (a: readonly string[], b: readonly string[]): boolean => a.every((each, index) => each === b[index])

/**
 * A key that is there stays as it is, whatever the file says of its description, policy or tags: those are the API's
 * to change. That it is another key than the file's is no state to start in.
 */
async function demandSameKey(ground: Ground, seeded: SeedKey, key: Key, given: readonly ImportedKey[]): Promise<void> {
  const { file, world, place } = ground
  const { path, input } = seeded
  const { spec, usage, origin } = creatable(input)
  const facts = [
    ['account', key.account, place.account],
    ['KeySpec', key.spec, spec],
    ['KeyUsage', key.usage, usage],
    ['Origin', key.origin, origin],
  ] as const
  for (const [name, has, wanted] of facts) {
    if (has !== wanted) file.fail(path, `is there already, with ${name} ${has} where the file says ${wanted}`)
  }
  if (given.length === 0) return
  const ids =
    origin === 'EXTERNAL'
      ? (key.imports ?? []).map(({ materialId }) => materialId)
      : (await versionsOf(world.materials, key)).map(({ id }) => id)
  if (
    !isSame(
      given.map(({ materialId }) => materialId),
      ids,
    )
  ) {
    file.fail(path, 'is there already, with other key material: a key keeps its material, another needs another KeyId')
  }
}

async function materialsIn({ file, importer, place }: Ground, seeded: SeedKey): Promise<readonly ImportedKey[]> {
  const { id, input, material } = seeded
  const { spec } = creatable(input)
  const taken: ImportedKey[] = []
  for (const given of material) {
    const one = await importer.take({ account: place.account, id, spec }, given)
    if (taken.some(({ materialId }) => materialId === one.materialId)) file.fail(given.path, 'stands there twice')
    taken.push(one)
  }
  return taken
}

/** As if the key had been rotated by schedule from each to the next. */
function versionsFrom(key: Key, given: readonly ImportedKey[], now: number): readonly Material[] {
  return given.map(({ materialId: id, ...material }, index) => {
    const follows = given[index - 1]?.materialId
    const after = follows !== undefined && ({ follows, rotation: { type: 'AUTOMATIC', at: now } } as const)
    return {
      keyId: key.id,
      account: key.account,
      id,
      number: index + 1,
      spec: key.spec,
      createdAt: now,
      ...material,
      ...after,
    }
  })
}

async function withMaterial(ground: Ground, key: Key, given: readonly ImportedKey[]) {
  const { world, now } = ground
  if (given.length === 0) {
    const material = await firstMaterial(world.hsm, key, now)
    return material
      ? { key: { ...key, currentMaterialId: material.id }, materials: [material] }
      : { key, materials: [] }
  }
  const materials = versionsFrom(key, given, now)
  const current = materials.at(-1)?.id ?? ''
  if (key.origin !== 'EXTERNAL') return { key: { ...key, currentMaterialId: current }, materials }
  return { key: withImported(key, { materialId: current, validTo: undefined }, {}), materials }
}

function rotating(key: Key, nextAt: number | undefined, now: number): Key {
  if (nextAt === undefined) return key
  demandOwnMaterial(key)
  const { rotation, ...kept } = withRotation(key, undefined, true, now)
  return { ...kept, ...(rotation && { rotation: { ...rotation, nextAt } }) }
}

/** The key to make; undefined when it is there. @throws SeedError */
export async function plannedKey(ground: Ground, seeded: SeedKey): Promise<PlannedKey | undefined> {
  const { world, file, place, now } = ground
  const { path, id, input, material } = seeded
  if (!isKeyId(id)) file.fail([...path, 'KeyId'], 'must be a UUID in lower case, or mrk- and 32 hexadecimal digits')
  if (input.MultiRegion !== isMultiRegionId(id)) {
    file.fail([...path, 'KeyId'], 'begins with mrk- where MultiRegion is true, and only there')
  }
  if (input.Origin === 'EXTERNAL' && material.length > 1)
    file.fail(path, 'is of Origin EXTERNAL: give one key material')
  const kind = await placed(ground, path, () => creatable(input))
  if (kind.origin !== 'AWS_KMS' && kind.origin !== 'EXTERNAL') {
    file.fail([...path, 'Origin'], 'cannot be a custom key store: those are made after the start')
  }
  const given = await materialsIn(ground, seeded)
  const there = await world.keyStore.find(id, { fresh: true })
  if (there) return void (await demandSameKey(ground, seeded, there, given))
  return placed(ground, path, async () => {
    const permits = (action: string, document: PolicyDocument) => ground.permits(seeded, action, document)
    const policy = await policyFor(input, place, permits, world.directory)
    const tags = withTags({}, input.Tags ?? [])
    const key = newKey({ id, place, now, description: input.Description ?? '', tags, ...policy, ...kind })
    return { seeded, ...(await withMaterial(ground, rotating(key, seeded.nextRotationAt, now), given)) }
  })
}

/** The alias to make; undefined when the name is taken: it may have been moved on purpose. @throws SeedError */
export async function plannedAlias(
  ground: Ground,
  seeded: SeedAlias,
  planned: readonly PlannedKey[],
): Promise<PlannedAlias | undefined> {
  const { world, file, place, now } = ground
  const { path, input } = seeded
  const { AliasName: name, TargetKeyId } = input
  const id = await placed(ground, path, () => {
    demandAliasName(name)
    refuseAliasOfAlias(TargetKeyId)
    const named = parseKeyIdentifier(TargetKeyId, place)
    return named.kind === 'key' && named.account === place.account ? named.id : ''
  })
  if (await world.aliases.find(place.account, name, { fresh: true })) return undefined
  const target = planned.find(({ key }) => key.id === id)?.key ?? (await world.keyStore.find(id, { fresh: true }))
  if (!target) return file.fail([...path, 'TargetKeyId'], 'names a key that is neither in the file nor there')
  return {
    seeded,
    target,
    alias: newAlias(place, name, id, now),
  }
}

/** @throws SeedError */
export async function demandRoom(ground: Ground, planned: readonly PlannedAlias[]): Promise<void> {
  const byTarget = Map.groupBy(planned, ({ target }) => target.id)
  for (const aliases of byTarget.values()) {
    const [{ seeded, target }] = aliases as [PlannedAlias]
    await placed(ground, seeded.path, () => demandRoomForAlias(ground.world.aliases, target, aliases.length))
  }
}

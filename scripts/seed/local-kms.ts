/**
 * The seed files of local-kms (github.com/nsmithuk/local-kms): those of version 2 (internal/seed/seed_v2.go), and those
 * of before (README, "Seeding file format").
 */
import { createKey } from '../../functions/keys/create-key.ts'
import { keySpecs } from '../../lib/crypto/specs.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { description, keyId, keyOrigin, keySpec, keyUsage } from '../../lib/schema/members.ts'
import { boolean, string } from '../../lib/schema/scalars.ts'
import { type Of, required } from '../../lib/schema/shape.ts'
import { checked, isMapping } from './checked.ts'
import type { Path, SeedFile } from './file.ts'
import type { SeedKey } from './format.ts'
import { privateKeyIn, specOf } from './material.ts'

type Fail = SeedFile['fail']

/** Each is taken in at the start: as many as CreateKeyVersion makes of a key that is not symmetric. */
export const maxVersions = 100

/** Members of an alias that it reads, and works out itself. */
export const ignoredByLocalKms = ['AliasArn'] as const

const metadata = struct({
  KeyId: required(keyId),
  Description: description,
  KeyUsage: keyUsage,
  KeySpec: keySpec,
  Origin: keyOrigin,
  // It is read there too, and then every seeded key is enabled.
  Enabled: boolean,
})
const secretKey = struct({
  Metadata: required(metadata),
  BackingKeys: list(string({ sensitive: true }), { max: maxVersions }),
  NextKeyRotation: string(),
})
/** Of version 2, of keys of any kind. */
const keyOfTwo = struct({
  KeyId: required(keyId),
  Metadata: required(struct({ Description: description, KeySpec: required(keySpec), KeyUsage: keyUsage })),
  NextKeyRotation: string(),
  Material: required(
    struct({
      BackingKeys: list(string({ sensitive: true }), { max: maxVersions }),
      PrivateKeyPem: string({ sensitive: true }),
    }),
  ),
})
const keyPair = struct({ Metadata: required(metadata), PrivateKeyPem: required(string({ sensitive: true })) })

/** A list is its format of before 2019, and that of version 2: both have a key's metadata apart. */
export const isLocalKms = (keys: unknown): boolean =>
  isMapping(keys) || (Array.isArray(keys) && keys.some((each) => isMapping(each) && Object.hasOwn(each, 'Metadata')))

const time = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?)?$/

function timeOf(text: string, path: Path, fail: Fail): number {
  const at = time.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? fail(path, 'must be a time in ISO 8601') : at
}

const rotationOf = (text: string | undefined, path: Path, fail: Fail): Pick<SeedKey, 'nextRotationAt'> =>
  text === undefined ? {} : { nextRotationAt: timeOf(text, [...path, 'NextKeyRotation'], fail) }

type Metadata = Of<typeof metadata>

/** CreateKey's input, of what the metadata says and what follows from the key's kind. */
function inputOf(given: Metadata, kind: Pick<Metadata, 'KeySpec' | 'KeyUsage'>, path: Path, fail: Fail) {
  const { KeyId: id, Enabled: _, KeySpec: spec, ...more } = given
  if (spec !== undefined && spec !== kind.KeySpec) fail([...path, 'Metadata', 'KeySpec'], 'is not that of the key')
  return { id, input: checked(createKey.input, { ...more, ...kind }, [...path, 'Metadata'], fail) }
}

/** @param backing in the order in which the versions were made */
function secretOf(
  json: unknown,
  path: Path,
  fail: Fail,
  kindOf: (metadata: Metadata) => Pick<Metadata, 'KeySpec' | 'KeyUsage'>,
): SeedKey {
  const { Metadata, BackingKeys = [], NextKeyRotation } = checked(secretKey, json, path, fail)
  if (BackingKeys.length === 0 && Metadata.Origin !== 'EXTERNAL') fail([...path, 'BackingKeys'], 'is missing')
  return {
    path,
    ...inputOf(Metadata, kindOf(Metadata), path, fail),
    material: BackingKeys.map((text, index) => ({ path: [...path, 'BackingKeys', index], text })),
    ...rotationOf(NextKeyRotation, path, fail),
  }
}

const aes = (json: unknown, path: Path, fail: Fail): SeedKey =>
  secretOf(json, path, fail, () => ({ KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' }))

/** Its MACs are made with the first backing key and verified with any: here the newest is the one that makes them. */
function hmac(json: unknown, path: Path, fail: Fail): SeedKey {
  const key = secretOf(json, path, fail, ({ KeySpec = fail([...path, 'Metadata', 'KeySpec'], 'is missing') }) => ({
    KeySpec,
    KeyUsage: 'GENERATE_VERIFY_MAC',
  }))
  return { ...key, material: key.material.toReversed() }
}

function pair(json: unknown, path: Path, fail: Fail): SeedKey {
  const { Metadata, PrivateKeyPem: text } = checked(keyPair, json, path, fail)
  const material = { path: [...path, 'PrivateKeyPem'], text }
  const { KeyUsage = fail([...path, 'Metadata', 'KeyUsage'], 'is missing') } = Metadata
  const KeySpec = checked(keySpec, specOf(privateKeyIn(material, fail)) ?? '', material.path, fail)
  return { path, ...inputOf(Metadata, { KeySpec, KeyUsage }, path, fail), material: [material] }
}

/** @throws SeedError where a key has not the one kind of material that keys of its spec have */
function ofTwo(json: unknown, path: Path, fail: Fail): SeedKey {
  const { KeyId: id, Metadata, NextKeyRotation, Material } = checked(keyOfTwo, json, path, fail)
  const { KeySpec: spec } = Metadata
  const isPair = keySpecs[spec].family === 'asymmetric'
  const [wanted, other] = isPair
    ? (['PrivateKeyPem', 'BackingKeys'] as const)
    : (['BackingKeys', 'PrivateKeyPem'] as const)
  const at = [...path, 'Material', wanted]
  if (Material[other] !== undefined) fail([...path, 'Material', other], `is not for keys of ${spec}`)
  const texts = [Material[wanted] ?? []].flat()
  if (texts.length === 0) fail(at, 'is missing')
  if (texts.length > 1 && spec !== 'SYMMETRIC_DEFAULT') fail(at, `must be one (${spec})`)
  return {
    path,
    id,
    input: checked(createKey.input, Metadata, [...path, 'Metadata'], fail),
    material: texts.map((text, index) => ({ path: isPair ? at : [...at, index], text })),
    ...rotationOf(NextKeyRotation, path, fail),
  }
}

/** Version 2 has a key's id beside its metadata; the list of before 2019, in it. */
const inList = (json: unknown, path: Path, fail: Fail): SeedKey =>
  isMapping(json) && (Object.hasOwn(json, 'KeyId') || Object.hasOwn(json, 'Material'))
    ? ofTwo(json, path, fail)
    : aes(json, path, fail)

const groups = {
  Symmetric: { Aes: aes, Hmac: hmac },
  Asymmetric: { Rsa: pair, Ecc: pair },
} as const

function keysIn(
  json: unknown,
  path: Path,
  fail: Fail,
  read: (json: unknown, path: Path, fail: Fail) => SeedKey,
): readonly SeedKey[] {
  if (!Array.isArray(json)) return fail(path, 'must be a list')
  return json.map((each: unknown, index) => read(each, [...path, index], fail))
}

function mappingIn(json: unknown, path: Path, names: object, fail: Fail): Readonly<Record<string, unknown>> {
  if (!isMapping(json)) return fail(path, 'must be a mapping')
  const unknown = Object.keys(json).find((name) => !Object.hasOwn(names, name))
  return unknown === undefined ? json : fail([...path, unknown], 'is not known here')
}

/** @param version as the file says it. @throws SeedError */
export function localKmsKeys(keys: unknown, version: unknown, fail: Fail): readonly SeedKey[] {
  if (version !== undefined && version !== '2') fail(['Version'], 'must be 2')
  if (version !== undefined) return keysIn(keys, ['Keys'], fail, ofTwo)
  if (Array.isArray(keys)) return keysIn(keys, ['Keys'], fail, inList)
  const outer = mappingIn(keys, ['Keys'], groups, fail)
  return Object.entries(groups).flatMap(([group, kinds]) => {
    const inner = mappingIn(outer[group] ?? {}, ['Keys', group], kinds, fail)
    return Object.entries(kinds).flatMap(([kind, read]) => keysIn(inner[kind] ?? [], ['Keys', group, kind], fail, read))
  })
}

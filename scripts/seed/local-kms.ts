/** The seed file of local-kms (github.com/nsmithuk/local-kms, README, "Seeding file format"). */
import { createKey } from '../../functions/keys/create-key.ts'
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
const keyPair = struct({ Metadata: required(metadata), PrivateKeyPem: required(string({ sensitive: true })) })

/** A list is its format of before 2019, and today's where a key has its metadata apart. */
export const isLocalKms = (keys: unknown): boolean =>
  isMapping(keys) || (Array.isArray(keys) && keys.some((each) => isMapping(each) && Object.hasOwn(each, 'Metadata')))

const time = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)?)?$/

function timeOf(text: string, path: Path, fail: Fail): number {
  const at = time.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? fail(path, 'must be a time in ISO 8601') : at
}

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
    ...(NextKeyRotation !== undefined && {
      nextRotationAt: timeOf(NextKeyRotation, [...path, 'NextKeyRotation'], fail),
    }),
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

/** @throws SeedError */
export function localKmsKeys(keys: unknown, fail: Fail): readonly SeedKey[] {
  if (Array.isArray(keys)) return keysIn(keys, ['Keys'], fail, aes)
  const outer = mappingIn(keys, ['Keys'], groups, fail)
  return Object.entries(groups).flatMap(([group, kinds]) => {
    const inner = mappingIn(outer[group] ?? {}, ['Keys', group], kinds, fail)
    return Object.entries(kinds).flatMap(([kind, read]) => keysIn(inner[kind] ?? [], ['Keys', group, kind], fail, read))
  })
}

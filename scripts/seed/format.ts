import { createAlias } from '../../functions/aliases/create-alias.ts'
import { createKey } from '../../functions/keys/create-key.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { string } from '../../lib/schema/scalars.ts'
import { type Of, required } from '../../lib/schema/shape.ts'
import { checked, isMapping } from './checked.ts'
import type { Path, SeedFile } from './file.ts'
import { ignoredByLocalKms, isLocalKms, localKmsKeys, maxVersions } from './local-kms.ts'

type KeyInput = Of<typeof createKey.input>

/** Key material as it stands in the file: hexadecimal, or a private key in PEM. */
export interface GivenMaterial {
  readonly path: Path
  readonly text: string
}

export interface SeedKey {
  readonly path: Path
  readonly id: string
  readonly input: KeyInput
  /** Oldest first. None: it is made in the HSM, or waits to be imported. */
  readonly material: readonly GivenMaterial[]
  /** When it is rotated next, milliseconds since the epoch. */
  readonly nextRotationAt?: number
}

export interface SeedAlias {
  readonly path: Path
  readonly input: Of<typeof createAlias.input>
}

export interface Seed {
  readonly keys: readonly SeedKey[]
  readonly aliases: readonly SeedAlias[]
}

const materialTexts = list(string({ sensitive: true }), { min: 1, max: maxVersions })

/** Beside the members of CreateKey. */
const ours = struct({ KeyId: required(keyId), KeyMaterial: materialTexts })

/** A policy is text to KMS; as a mapping it is easier to read. */
const policyText = (policy: unknown): unknown => (isMapping(policy) ? JSON.stringify(policy) : policy)

function ownKeys(json: unknown, fail: SeedFile['fail']): readonly SeedKey[] {
  if (!Array.isArray(json)) return fail(['Keys'], 'must be a list')
  return json.map((each: unknown, index) => {
    const path = ['Keys', index]
    if (!isMapping(each)) return fail(path, 'must be a mapping')
    const { KeyId, KeyMaterial, Policy, ...others } = each
    const { KeyId: id, KeyMaterial: texts = [] } = checked(ours, { KeyId, KeyMaterial }, path, fail)
    const input = checked(createKey.input, { ...others, Policy: policyText(Policy) }, path, fail)
    return { path, id, input, material: texts.map((text, at) => ({ path: [...path, 'KeyMaterial', at], text })) }
  })
}

function aliasesIn(json: unknown, ignored: readonly string[], fail: SeedFile['fail']): readonly SeedAlias[] {
  if (!Array.isArray(json)) return fail(['Aliases'], 'must be a list')
  return json.map((each: unknown, index) => {
    const path = ['Aliases', index]
    const known = isMapping(each)
      ? Object.fromEntries(Object.entries(each).filter(([name]) => !ignored.includes(name)))
      : each
    return { path, input: checked(createAlias.input, known, path, fail) }
  })
}

/** What a file asks for, in either format, found to be sound by the schemas. @throws SeedError */
export function seedIn({ json, fail }: SeedFile): Seed {
  if (!isMapping(json)) return fail([], 'must be a mapping with Keys and Aliases')
  const unknown = Object.keys(json).find((name) => name !== 'Keys' && name !== 'Aliases' && name !== 'Version')
  if (unknown !== undefined) fail([unknown], 'is not known here')
  const keys = json.Keys ?? []
  const foreign = isLocalKms(keys) || json.Version !== undefined
  return {
    keys: foreign ? localKmsKeys(keys, json.Version, fail) : ownKeys(keys, fail),
    aliases: aliasesIn(json.Aliases ?? [], foreign ? ignoredByLocalKms : [], fail),
  }
}

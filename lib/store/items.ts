/** Records as items of the table, and back. The layout is design.md's; names are constant, values are the callers'. */
import { keyOrigins, keySpecs, keyUsages } from '../crypto/specs.ts'
import { KMSInternalException } from '../errors.ts'
import type { AccessKey } from '../identity/caller.ts'
import { accessKeyStatuses } from '../identity/entities.ts'
import { type DueKind, type DueShard, dueSortValue, dueWorkOf } from '../keys/due.ts'
import {
  type Alias,
  type Key,
  keyStates,
  type Material,
  type MaterialImport,
  type MultiRegion,
  protectionLevels,
  type WrappedKey,
} from '../keys/key.ts'
import type { KeyUse } from '../keys/usage.ts'
import { bytes, type Field, flag, list, oneOf, optional, pairs, record, text, whole } from './fields.ts'

export interface ItemKey {
  readonly PK: string
  readonly SK: string
}
type IndexKeys = { readonly [K in 'GSI1PK' | 'GSI1SK' | 'GSI2PK' | 'GSI2SK']?: string }
export type Item = ItemKey & IndexKeys & Readonly<Record<string, unknown>>

const version = 1
const bookkeeping = new Set(['PK', 'SK', 'GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK', 'TTL', 'type', 'v', 'write'])

/** One kind of item. */
export interface Kind<T> {
  readonly type: string
  readonly fields: Field<T> & { readonly optional?: never }
  /** Where it is, and what finds it. */
  readonly at: (value: T) => ItemKey & IndexKeys
}

/** @throws KMSInternalException when a value cannot be stored */
export function toItem<T>(kind: Kind<T>, value: T): Item {
  try {
    return { ...(kind.fields.encode(value) as object), ...kind.at(value), type: kind.type, v: version }
  } catch (cause) {
    throw new KMSInternalException(undefined, { cause })
  }
}

/** @throws KMSInternalException for an item that is not wholly understood: nothing is ever half read */
export function fromItem<T>(kind: Kind<T>, item: Item): T {
  const members = Object.entries(item).filter(([name]) => !bookkeeping.has(name))
  const known = item.type === kind.type && item.v === version
  const value = known ? kind.fields.decode(Object.fromEntries(members)) : undefined
  const at = value === undefined ? undefined : kind.at(value)
  if (value === undefined || at?.PK !== item.PK || at.SK !== item.SK) {
    const what = `${String(item.PK)} ${String(item.SK)} is not a ${kind.type} that this version understands`
    throw new KMSInternalException(undefined, { cause: new Error(what) })
  }
  return value
}

export const wrappedKey = record<WrappedKey>({ rootId: text, blob: bytes, binding: bytes })
const specNames = Object.keys(keySpecs) as readonly (keyof typeof keySpecs)[]

export const keyAt = (id: string) => ({ PK: `KEY#${id}`, SK: 'KEY' })
export const keysOf = (account: string) => ({ index: 'GSI1', partition: `KEYS#${account}`, prefix: '' }) as const

export const dueOf = (kind: DueKind, shard: DueShard) =>
  ({ index: 'GSI2', partition: `DUE#${kind}#${shard}`, prefix: '' }) as const

function dueWork(key: Key): IndexKeys {
  const work = dueWorkOf(key)
  if (!work) return {}
  const { partition } = dueOf(work.kind, key.id.slice(-1) as DueShard)
  return { GSI2PK: partition, GSI2SK: dueSortValue(key, work) }
}

const materialImport = record<MaterialImport>({
  materialId: text,
  state: oneOf(['IMPORTED', 'PENDING_IMPORT']),
  validTo: optional(whole),
  description: optional(text),
  pending: optional(flag),
  rotatedAt: optional(whole),
})

const multiRegion = record<MultiRegion>({
  primary: text,
  replicas: list(text),
  sequence: whole,
  holders: optional(list(text)),
  untold: optional(record<NonNullable<MultiRegion['untold']>>({ regions: list(text), at: whole })),
})

export const keyKind: Kind<Key> = {
  type: 'key',
  fields: record<Key>({
    id: text,
    arn: text,
    account: text,
    revision: whole,
    createdAt: whole,
    description: text,
    spec: oneOf(specNames),
    usage: oneOf(keyUsages),
    origin: oneOf(keyOrigins),
    state: oneOf(keyStates),
    policy: text,
    principalIds: optional(pairs),
    tags: pairs,
    currentMaterialId: optional(text),
    newestMaterialId: optional(text),
    disabledVersionIds: optional(list(text)),
    rotation: optional(record<NonNullable<Key['rotation']>>({ periodInDays: whole, nextAt: whole })),
    onDemandRotations: optional(whole),
    keyStore: optional(record<NonNullable<Key['keyStore']>>({ id: text, externalKeyId: optional(text) })),
    imports: optional(list(materialImport)),
    deletion: optional(record<NonNullable<Key['deletion']>>({ at: whole, begun: optional(flag) })),
    replicaDeletion: optional(record<NonNullable<Key['replicaDeletion']>>({ windowInDays: whole })),
    multiRegion: optional(multiRegion),
  }),
  at: (key) => ({
    ...keyAt(key.id),
    GSI1PK: keysOf(key.account).partition,
    GSI1SK: key.id,
    ...dueWork(key),
  }),
}

export const materialAt = (keyId: string, id: string) => ({ PK: `KEY#${keyId}`, SK: `MATERIAL#${id}` })
export const materialsOf = (keyId: string) => ({ partition: `KEY#${keyId}`, prefix: 'MATERIAL#' }) as const

export const materialKind: Kind<Material> = {
  type: 'material',
  fields: record<Material>({
    keyId: text,
    account: text,
    id: text,
    number: whole,
    spec: oneOf(specNames),
    createdAt: whole,
    wrapped: wrappedKey,
    protection: oneOf(protectionLevels),
    publicKey: optional(bytes),
    follows: optional(text),
    rotation: optional(
      record<NonNullable<Material['rotation']>>({ type: oneOf(['AUTOMATIC', 'ON_DEMAND']), at: whole }),
    ),
  }),
  at: (material) => materialAt(material.keyId, material.id),
}

/** Apart from its key: who uses a key may write this and nothing else. */
export const useAt = (keyId: string) => ({ PK: `USE#${keyId}`, SK: 'USE' })

export const useKind: Kind<KeyUse> = {
  type: 'use',
  fields: record<KeyUse>({ keyId: text, operation: text, at: whole, eventId: text, requestId: text }),
  at: (use) => useAt(use.keyId),
}

export const aliasAt = (account: string, name: string) => ({ PK: `ALIAS#${account}#${name}`, SK: 'ALIAS' })
export const aliasesOf = (account: string) => ({ index: 'GSI2', partition: `ALIASES#${account}`, prefix: '' }) as const
export const aliasesOfKey = (keyId: string) => ({ index: 'GSI1', partition: `KEY#${keyId}`, prefix: 'ALIAS#' }) as const

export const aliasKind: Kind<Alias> = {
  type: 'alias',
  fields: record<Alias>({
    name: text,
    arn: text,
    account: text,
    targetKeyId: text,
    createdAt: whole,
    updatedAt: whole,
    revision: whole,
  }),
  at: (alias) => ({
    ...aliasAt(alias.account, alias.name),
    GSI1PK: aliasesOfKey(alias.targetKeyId).partition,
    GSI1SK: `ALIAS#${alias.name}`,
    GSI2PK: aliasesOf(alias.account).partition,
    GSI2SK: alias.name,
  }),
}

export const accessKeyAt = (id: string) => ({ PK: `ACCESSKEY#${id}`, SK: 'ACCESSKEY' })

export const accessKeyKind: Kind<AccessKey> = {
  type: 'access-key',
  fields: record<AccessKey>({
    id: text,
    account: text,
    createdAt: whole,
    wrapped: wrappedKey,
    userId: optional(text),
    principal: optional(
      record<NonNullable<AccessKey['principal']>>({
        type: oneOf(['Root']),
        account: text,
        arn: text,
        principalId: text,
      }),
    ),
    status: optional(oneOf(accessKeyStatuses)),
  }),
  at: (accessKey) => accessKeyAt(accessKey.id),
}

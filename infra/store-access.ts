/** Capabilities as what they do with the store: the part of the roles that follows from the table's layout (lib/store). */
import type { Capability } from '../lib/operation.ts'

/** What is done with the store: partitions by what is done with their items. */
export interface Access {
  /** Items are read one by one. */
  readonly reads: readonly string[]
  /** Items of one partition are listed. */
  readonly lists: readonly string[]
  /** Indexes, and partitions of theirs, that list. */
  readonly finds: readonly (readonly [index: string, partition: string])[]
  readonly puts: readonly string[]
  readonly deletes: readonly string[]
}

/** The one item that seals the tokens of sessions. */
const sealing = 'ACCESSKEY#session-sealing'
export const keys = ['KEY#*']
export const aliases = ['ALIAS#*']
export const stores = ['STORE#*']
export const aliasesOfKeys = [['GSI1', 'KEY#*']] as const
const allKeys = [['GSI1', 'KEYS#*']] as const
const entities = ['GROUP#*', 'NAME#*', 'OIDC#*', 'POLICY#*', 'ROLE#*', 'USER#*']

/** design.md's table layout; materials and grants are in their key's partition. What is written, is by what changes something. */
export const access: Readonly<Record<Capability, Partial<Access>>> = {
  keyStore: { reads: keys, puts: keys },
  materials: { reads: keys, puts: keys },
  lastUsage: { reads: ['USE#*'] },
  aliases: { reads: aliases, finds: aliasesOfKeys, puts: aliases, deletes: aliases },
  grants: { reads: keys, lists: keys, puts: keys, deletes: keys },
  grantTokens: {},
  accessKeys: { reads: ['ACCESSKEY#*'], puts: ['ACCESSKEY#*'], deletes: ['ACCESSKEY#*'] },
  sessions: { reads: [sealing], puts: [sealing] },
  directory: { reads: ['NAME#*', 'ROLE#*', 'USER#*'] },
  principals: {
    reads: [...entities, 'LINK#*'],
    lists: ['LINK#*'],
    finds: [
      ['GSI1', 'NAMES#*'],
      ['GSI1', 'OIDCS#*'],
    ],
    puts: [...entities, 'LINK#*'],
    deletes: [...entities, 'LINK#*'],
  },
  issuers: {},
  hsm: {},
  keyStores: { reads: stores, puts: stores },
  clusters: {},
  xks: {},
  trail: {},
  peers: {},
}

/** Of a principal, as far as somebody is to be it. */
const lookedUp = { reads: entities, lists: [], finds: [], puts: [], deletes: [] } satisfies Access

/** Where one does other things with what it needs than most: test/roles.test.ts runs each under its role. */
const apart: Readonly<Record<string, Partial<Record<Capability, Partial<Access>>>>> = {
  CreateAlias: { aliases: { deletes: [] } },
  UpdateAlias: { aliases: { deletes: [] } },
  DeleteAlias: { aliases: { puts: [] } },
  ListAliases: { aliases: { reads: [], finds: [...aliasesOfKeys, ['GSI2', 'ALIASES#*']] } },
  CreateGrant: { grants: { deletes: [] } },
  RetireGrant: { grants: { lists: [], puts: [] }, keyStore: { puts: [] } },
  RevokeGrant: { grants: { lists: [], puts: [] } },
  ListRetirableGrants: { grants: { reads: [], lists: [], finds: [['GSI1', 'RETIRE#*']] } },
  CreateKey: { keyStores: { puts: [] } },
  ListKeys: { keyStore: { reads: [], finds: allKeys } },
  DeleteCustomKeyStore: { keyStore: { reads: [], finds: allKeys, puts: [] } },
  GetKeyPolicy: { directory: { reads: [] } },
  ListKeyRotations: { materials: { lists: keys } },
  ListKeyVersions: { materials: { lists: keys } },
  UpdateKeyVersion: { materials: { lists: keys } },
  AssumeRole: { principals: lookedUp },
  AssumeRoleWithWebIdentity: { principals: lookedUp },
  GetFederationToken: { principals: lookedUp },
  GetAccessKeyInfo: { accessKeys: { puts: [], deletes: [] } },
  DeleteImportedKeyMaterial: { materials: { deletes: keys } },
  DeleteExpiredKeyMaterial: { materials: { deletes: keys } },
  DeleteKey: {
    keyStore: { deletes: keys },
    materials: { lists: keys, deletes: keys },
    aliases: { puts: [] },
    grants: { puts: [] },
  },
  SealAuditLog: { materials: { reads: ['KEY#audit-seal'], puts: ['KEY#audit-seal'] } },
}

/** What is done with the store by what is given, in the hands of one that has it. */
export const accessOf = (name: string, need: Capability): Partial<Access> => ({
  ...access[need],
  ...apart[name]?.[need],
})

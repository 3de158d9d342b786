import type { KeyOrigin, KeySpec, KeyUsage } from '../crypto/specs.ts'

export const keyStates = [
  'Creating',
  'Enabled',
  'Disabled',
  'PendingDeletion',
  'PendingReplicaDeletion',
  'PendingImport',
  'Unavailable',
  'Updating',
] as const
export type KeyState = (typeof keyStates)[number]

/** A KMS key: what is known of it, without the key material itself. Times are milliseconds since the epoch. */
export interface Key {
  /** Lower-case UUID, or `mrk-` and 32 hex digits. */
  readonly id: string
  readonly arn: string
  readonly account: string
  /** Grows by one with each change; a change is written only over the revision it was made from. */
  readonly revision: number
  readonly createdAt: number
  readonly description: string
  readonly spec: KeySpec
  readonly usage: KeyUsage
  readonly origin: KeyOrigin
  readonly state: KeyState
  /** The key policy's text, as it was put. */
  readonly policy: string
  /** Unique ids of the users and roles that it names, by its texts, as they were when it was put. */
  readonly principalIds?: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** Key material that new ciphertexts are made with. */
  readonly currentMaterialId?: string
  /** The last version made, where that is not the current one: from it, each version names the one before. */
  readonly newestMaterialId?: string
  /** Versions that nothing is done with, and that prove nothing. */
  readonly disabledVersionIds?: readonly string[]
  /** While it is rotated automatically. */
  readonly rotation?: { readonly periodInDays: number; readonly nextAt: number }
  /** How often it was rotated on demand, which AWS limits for its lifetime. */
  readonly onDemandRotations?: number
  /** The custom key store that it is in; with the external key, where that store is external. */
  readonly keyStore?: { readonly id: string; readonly externalKeyId?: string }
  /** Of origin EXTERNAL: everything that was ever imported, oldest first. */
  readonly imports?: readonly MaterialImport[]
  /** While PendingDeletion; once it has begun, there is no way back, and the key is there for nobody. */
  readonly deletion?: { readonly at: number; readonly begun?: boolean }
  /** While PendingReplicaDeletion. */
  readonly replicaDeletion?: { readonly windowInDays: number }
  /** Of a multi-Region key. */
  readonly multiRegion?: MultiRegion
}

/** The family of a multi-Region key: the keys of one id, one in each of several Regions. */
export interface MultiRegion {
  /** The Region of the key that decides for all. */
  readonly primary: string
  /** The Regions of the others, ascending. */
  readonly replicas: readonly string[]
  /** Grows with each change of what they share: of two accounts of it, the one with the higher number holds. */
  readonly sequence: number
  /** Of a primary key: the replicas that have imported what is staged. */
  readonly holders?: readonly string[]
  /** The Regions that have not heard of the last change, and when they are to be told. */
  readonly untold?: { readonly regions: readonly string[]; readonly at: number }
}

/** One imported material, as its key knows it. */
export interface MaterialImport {
  readonly materialId: string
  /** Deleted or expired material is waited for: the same can be imported again. */
  readonly state: 'IMPORTED' | 'PENDING_IMPORT'
  /** When it expires. */
  readonly validTo?: number
  readonly description?: string
  /** Staged: RotateKeyOnDemand will make it current. */
  readonly pending?: boolean
  /** When it became current, unless it was the first. */
  readonly rotatedAt?: number
}

/** A key of the HSM, wrapped under a root key and bound to its owner: safe to store, useless elsewhere. */
export interface WrappedKey {
  readonly rootId: string
  readonly blob: Uint8Array
  /** MAC over owner, root and blob under the HSM's binding key; checked before every unwrap. */
  readonly binding: Uint8Array
}

/**
 * Where private material is in clear when it is used: in the HSM only; or `SEALED`, where the token cannot use the spec:
 * encrypted by the HSM, opened in this process for the one operation, and wiped.
 */
export const protectionLevels = ['HSM', 'SEALED'] as const
export type ProtectionLevel = (typeof protectionLevels)[number]

/** Key material as the HSM hands it out when it is made. */
export interface NewKey {
  readonly wrapped: WrappedKey
  readonly protection: ProtectionLevel
  /** SPKI DER, of asymmetric specs. */
  readonly publicKey?: Uint8Array
}

/** One version of a key's material. */
export interface Material {
  readonly keyId: string
  readonly account: string
  /** 64 lower-case hex digits. */
  readonly id: string
  /** 1 for the first, growing by one with each rotation. */
  readonly number: number
  readonly spec: KeySpec
  readonly createdAt: number
  readonly wrapped: WrappedKey
  readonly protection: ProtectionLevel
  /** SPKI DER, of asymmetric specs: for GetPublicKey, Verify and RSA Encrypt, which need no HSM. */
  readonly publicKey?: Uint8Array
  /**
   * The version before this one; absent on the first. Material that is not on the way back from its key's newest was
   * made by a writer that another overtook, and is no version.
   */
  readonly follows?: string
  /** How it became current; absent on the first. */
  readonly rotation?: { readonly type: 'AUTOMATIC' | 'ON_DEMAND'; readonly at: number }
}

export interface Alias {
  /** With its prefix: `alias/x`. */
  readonly name: string
  readonly arn: string
  readonly account: string
  readonly targetKeyId: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly revision: number
}

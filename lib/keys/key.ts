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
  readonly tags: Readonly<Record<string, string>>
  /** Key material that new ciphertexts are made with. */
  readonly currentMaterialId?: string
  /** While PendingDeletion. */
  readonly deletion?: { readonly at: number }
}

/** A key of the HSM, wrapped under a root key and bound to its owner: safe to store, useless elsewhere. */
export interface WrappedKey {
  readonly rootId: string
  readonly blob: Uint8Array
  /** MAC over owner, root and blob under the HSM's binding key; checked before every unwrap. */
  readonly binding: Uint8Array
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

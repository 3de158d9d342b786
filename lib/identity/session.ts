/** A session that somebody was given temporary credentials for: what its token says, sealed (kms-authz.md §9.5). */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { textOf, utf8 } from '../bytes.ts'
import type { PolicyReference } from './entities.ts'

/** Whose session it is. Who is deleted is not found by the id any more, and the session is over. */
export type SessionOf =
  | { readonly type: 'Root' }
  | { readonly type: 'User'; readonly userId: string }
  | { readonly type: 'AssumedRole'; readonly roleId: string; readonly name: string }
  /** Without a user: made by the root user. */
  | { readonly type: 'FederatedUser'; readonly name: string; readonly userId?: string }

export interface Session {
  readonly accessKeyId: string
  readonly secret: string
  readonly account: string
  readonly of: SessionOf
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Text of the session policy that was sent. */
  readonly policy?: string
  readonly managedPolicies?: readonly PolicyReference[]
  readonly tags?: Readonly<Record<string, string>>
  /** Names of the tags that a role assumed from this session gets too. */
  readonly transitiveTags?: readonly string[]
  readonly sourceIdentity?: string
  /** ARN of the OIDC provider. */
  readonly provider?: string
}

/** Longer than any session lasts: how long what it was sealed with must be known (kms-authz.md §9.5). */
export const longestSessionMs = 36 * 3_600_000

/** A token goes over the wire in a header with each request. */
export const maxPackedBytes = 3072

/** Longer is no token of ours. */
export const maxTokenChars = 8192

export const packed = (session: Session): Uint8Array => deflateRawSync(utf8(JSON.stringify(session)))

/** @param bytes what `packed` made, as its seal has shown */
export const unpacked = (bytes: Uint8Array): Session =>
  JSON.parse(textOf(inflateRawSync(bytes, { maxOutputLength: 1_000_000 })))

import type { WrappedKey } from '../keys/key.ts'
import type { PolicyCaller } from '../policy/principals.ts'

/** The text of a policy that is attached to somebody, under the name that reasons call it by. */
export interface AttachedPolicy {
  /** Name of an inline policy, or ARN of a managed one. */
  readonly name: string
  /** What cannot be read denies everything: so does '', for one that should be there and is not. */
  readonly text: string
}

/** Who asks, once the signature has been verified. What is optional is absent for a root user. */
export type Caller = PolicyCaller & {
  readonly accessKeyId: string
  /** User's tags, or role's overlaid by the session's. */
  readonly tags?: Readonly<Record<string, string>>
  readonly policies?: {
    /** Inline, managed and the groups'. */
    readonly identity: readonly AttachedPolicy[]
    readonly boundary?: AttachedPolicy
    /** All that the session was given, one of which must allow. */
    readonly session?: readonly AttachedPolicy[]
  }
  /** Of temporary credentials, and absent for others. */
  readonly session?: {
    /** Milliseconds since the epoch. */
    readonly issuedAt: number
    /** When the caller showed a second factor, if it did. */
    readonly mfaAt?: number
    readonly sourceIdentity?: string
    /** ARN of the OIDC provider that a web identity came from, or its host where AWS names it so. */
    readonly federatedProvider?: string
    /** Names of the tags that a role assumed from this session gets too. */
    readonly transitiveTags?: readonly string[]
  }
}

/**
 * A long-lived access key. Its secret is HMAC key material of the HSM: `wrapped` holds "AWS4" + secret. It is a user's,
 * whose record then says whether it is active, or else the root user's.
 */
export interface AccessKey {
  readonly id: string
  readonly account: string
  readonly createdAt: number
  readonly wrapped: WrappedKey
  /** Unique id of the user. */
  readonly userId?: string
  readonly principal?: Extract<PolicyCaller, { type: 'Root' }>
  readonly status?: 'Active' | 'Inactive'
}

import type { WrappedKey } from '../keys/key.ts'

/** Who asks, once the signature has been verified. */
export interface Caller {
  readonly type: 'Root'
  readonly account: string
  /** As AWS names the caller in messages and records: `arn:aws:iam::<account>:root`, … */
  readonly arn: string
  /** What `aws:userid` gives; the account id for the root user. */
  readonly principalId: string
  readonly accessKeyId: string
}

/** A long-lived access key. Its secret is HMAC key material of the HSM: `wrapped` holds "AWS4" + secret. */
export interface AccessKey {
  readonly id: string
  readonly account: string
  readonly status: 'Active' | 'Inactive'
  readonly principal: Omit<Caller, 'accessKeyId'>
  readonly createdAt: number
  readonly wrapped: WrappedKey
}

/** Secrets of custom key stores: the HSM wraps them as HMAC keys, so they can be compared and signed with, not read. */
import { createHash, createHmac } from 'node:crypto'
import { equal, utf8, wipedAfter } from '../bytes.ts'
import { ownerOfSecret } from '../identity/signing-keys.ts'
import type { WrappedKey } from '../keys/key.ts'
import type { Hsm } from '../ports.ts'
import type { ProxyCredential } from './key-store.ts'
import type { PasswordProof } from './ports.ts'

/** HMAC's own rule: a key longer than the hash's block stands for its hash. */
const blockBytes = 64

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

interface NewCredential {
  /** Of this secret, never used for another. */
  readonly id: string
  readonly account: string
  readonly now: number
}

interface CredentialInput {
  readonly AccessKeyId: string
  readonly RawSecretAccessKey: string
}

export async function proxyCredential(
  hsm: Pick<Hsm, 'wrapSecret'>,
  { AccessKeyId: accessKeyId, RawSecretAccessKey }: CredentialInput,
  { id, account, now }: NewCredential,
): Promise<ProxyCredential> {
  const wrapped = await wipedAfter(utf8(`AWS4${RawSecretAccessKey}`), async (secret) =>
    secret.length > blockBytes
      ? wipedAfter(sha256(secret), (hashed) => hsm.wrapSecret(ownerOfSecret({ account, id }), hashed))
      : hsm.wrapSecret(ownerOfSecret({ account, id }), secret),
  )
  return { accessKeyId, id, account, createdAt: now, wrapped }
}

/** @param storeId an id that no access key can have, so that neither secret opens as the other */
export const wrappedPassword = (
  hsm: Pick<Hsm, 'wrapSecret'>,
  account: string,
  storeId: string,
  password: string,
): Promise<WrappedKey> =>
  wipedAfter(utf8(password), (bytes) =>
    wipedAfter(sha256(bytes), (hashed) => hsm.wrapSecret(ownerOfSecret({ account, id: storeId }), hashed)),
  )

/** Proves the password to whoever knows it, without opening it. @param wrapped as `wrappedPassword` gave it */
export async function proofOf(
  hsm: Pick<Hsm, 'mac' | 'random'>,
  account: string,
  storeId: string,
  wrapped: WrappedKey,
): Promise<PasswordProof> {
  const challenge = await hsm.random(32)
  return { challenge, response: await hsm.mac(ownerOfSecret({ account, id: storeId }), wrapped, challenge) }
}

export const isProven = (password: string, { challenge, response }: PasswordProof): Promise<boolean> =>
  wipedAfter(utf8(password), (bytes) =>
    wipedAfter(sha256(bytes), async (key) =>
      equal(new Uint8Array(createHmac('sha256', key).update(challenge).digest()), response),
    ),
  )

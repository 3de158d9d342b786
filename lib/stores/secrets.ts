/** Secrets of custom key stores: the HSM wraps them as HMAC keys, so they can be compared and signed with, not read. */
import { createHash } from 'node:crypto'
import { utf8, wipedAfter } from '../bytes.ts'
import { ownerOfSecret } from '../identity/signing-keys.ts'
import type { WrappedKey } from '../keys/key.ts'
import type { Hsm } from '../ports.ts'
import type { ProxyCredential } from './key-store.ts'

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

/**
 * What the procedure needs from the world, as contracts. The edges (store/, hsm/, sinks/) keep them; tests keep them
 * in memory. Every promise may also reject with a KmsError: DependencyTimeoutException when the edge cannot be reached
 * in time and the request may be tried again, KMSInternalException otherwise.
 */
import type { AuditRecord } from './audit/record.ts'
import type { Ciphertext } from './crypto/ciphertext.ts'
import type { EncryptionContext } from './crypto/context.ts'
import type { AccessKey } from './identity/caller.ts'
import type { Alias, Key, Material, WrappedKey } from './keys/key.ts'

/** A conditional write found another revision (or presence) than the one it was made from. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

export interface PageRequest {
  readonly limit: number
  /** The sort value of the last item of the page before: an id or a name. */
  readonly after?: string
}
export interface Page<T> {
  readonly items: readonly T[]
  /** Whether there are items after the last of these. */
  readonly more: boolean
}

/** `fresh: true` reads the store itself; otherwise an answer may be as old as the configured cache bound. */
export interface Read {
  readonly fresh?: boolean
}

export interface Keys {
  find(id: string, read?: Read): Promise<Key | undefined>
  /**
   * Stores a new key: first its material, unreachable as yet, then the key in one conditional write.
   * @throws Conflict when a key with this id exists
   */
  create(key: Key, material?: Material): Promise<void>
  /**
   * Writes a changed key over the revision it was made from; the stored revision is then `key.revision + 1`.
   * @throws Conflict when the stored revision is not `key.revision`
   */
  replace(key: Key): Promise<void>
  /** Ascending by id, each account apart. */
  list(account: string, page: PageRequest): Promise<Page<Key>>
}

export interface Materials {
  find(keyId: string, materialId: string): Promise<Material | undefined>
}

export interface Aliases {
  /** @param name with its prefix */
  find(account: string, name: string, read?: Read): Promise<Alias | undefined>
  /** @throws Conflict when the name is taken */
  create(alias: Alias): Promise<void>
  /** @throws Conflict when the stored revision is not `alias.revision` */
  replace(alias: Alias): Promise<void>
  /** @throws Conflict when the stored revision is not `alias.revision` */
  remove(alias: Alias): Promise<void>
  /** Ascending by name. */
  list(account: string, page: PageRequest): Promise<Page<Alias>>
  /** Ascending by name: the aliases of one key. */
  ofKey(keyId: string, page: PageRequest): Promise<Page<Alias>>
}

export interface AccessKeys {
  find(id: string, read?: Read): Promise<AccessKey | undefined>
  /** @throws Conflict when the id is taken */
  create(accessKey: AccessKey): Promise<void>
}

/** What a wrapped key belongs to. Its MAC covers every member: a blob moved to another owner does not open. */
export interface Owner {
  readonly purpose: 'key-material' | 'access-key'
  readonly account: string
  /** Key id, or access key id. */
  readonly id: string
  /** Key material id; empty for an access key. */
  readonly materialId: string
  readonly spec: string
}

export interface Hsm {
  /** From the HSM's generator. @param length 1…1024 bytes */
  random(length: number): Promise<Uint8Array>
  /** Makes key material in the HSM for `owner.spec` and returns it wrapped; it is never outside in clear. */
  generate(owner: Owner): Promise<WrappedKey>
  /**
   * The whole ciphertext blob (crypto/ciphertext.ts) for 1…4096 bytes of plaintext.
   * @throws KeyUnavailableException when the material's binding does not verify (someone changed the store)
   */
  encrypt(material: Material, plaintext: Uint8Array, context: EncryptionContext): Promise<Uint8Array>
  /** @throws InvalidCiphertextException, always the same, when anything about the ciphertext or context is wrong */
  decrypt(material: Material, ciphertext: Ciphertext, context: EncryptionContext): Promise<Uint8Array>
  /** Takes a secret into the HSM as an HMAC-SHA-256 key and returns it wrapped. The caller wipes `secret`. */
  wrapSecret(owner: Owner, secret: Uint8Array): Promise<WrappedKey>
  /** HMAC-SHA-256 under a secret taken in by `wrapSecret`. */
  mac(owner: Owner, wrapped: WrappedKey, data: Uint8Array): Promise<Uint8Array>
  /** Resolves when the HSM answers. */
  check(): Promise<void>
}

export interface AuditSink {
  /** Resolves when the record is durable. */
  write(record: AuditRecord): Promise<void>
}

/** Everything an operation may be given, by the name it asks for in `needs`. */
export interface Ports {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly aliases: Aliases
  readonly accessKeys: AccessKeys
  readonly hsm: Hsm
}

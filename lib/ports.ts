/**
 * What the procedure needs from the world, as contracts. The edges (store/, hsm/, sinks/) keep them; tests keep them
 * in memory. Every promise may also reject with a KmsError: DependencyTimeoutException when the edge cannot be reached
 * in time and the request may be tried again, KMSInternalException otherwise.
 */
import type { AuditRecord } from './audit/record.ts'
import type { Trail } from './audit/trail.ts'
import type { Ciphertext } from './crypto/ciphertext.ts'
import type { EncryptionContext } from './crypto/context.ts'
import type { WrappingAlgorithmName } from './crypto/import-wrapping.ts'
import type { GrantPorts } from './grants/ports.ts'
import type { AccessKey } from './identity/caller.ts'
import type { Directory, Issuers, Principals } from './identity/ports.ts'
import type { Sessions } from './identity/sessions.ts'
import type { DueKind, DueShard } from './keys/due.ts'
import type { Alias, Key, Material, NewKey, WrappedKey } from './keys/key.ts'
import type { KeyUse } from './keys/usage.ts'
import type { Peers } from './regions/peers.ts'
import type { Clusters, KeyStores, Xks } from './stores/ports.ts'

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
  /** @throws Conflict when the stored revision is not `key.revision` */
  remove(key: Key): Promise<void>
  /**
   * Keys that something is to be done with by `until`, longest due first, paged by `dueSortValue`. A key that has
   * changed lately may be missing, or be as it was: find it fresh.
   */
  due(kind: DueKind, shard: DueShard, until: number, page: PageRequest): Promise<Page<Key>>
}

export interface Materials {
  find(keyId: string, materialId: string): Promise<Material | undefined>
  /**
   * Stores new material, unreachable until a write of its key names it.
   * @throws Conflict when there is one with this id
   */
  create(material: Material): Promise<void>
  /** Stores material over what may be there: material that is imported again. */
  put(material: Material): Promise<void>
  /** Destroys stored material, unless it was stored anew since. */
  remove(material: Material): Promise<void>
  /** Whatever was stored for a key, in no order, also what no write of the key made reachable. Never from memory. */
  list(keyId: string): Promise<readonly Material[]>
}

/** The last use of each key, as the store has it. */
export interface Uses {
  find(keyId: string): Promise<KeyUse | undefined>
  /** Keeps a use, unless a later one is kept already. */
  keep(use: KeyUse): Promise<void>
}

/** The last use of each key, as far as this process knows. */
export interface LastUsage {
  /** Takes note of a use at once; it is stored later, together with others. */
  book(use: KeyUse): void
  find(keyId: string): Promise<KeyUse | undefined>
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
  /** Removes an access key that no user's record lists any more. */
  remove(accessKey: AccessKey): Promise<void>
}

/** What a wrapped key belongs to. Its MAC covers every member: a blob moved to another owner does not open. */
export interface Owner {
  readonly purpose: 'key-material' | 'access-key' | 'import-key'
  readonly account: string
  /** Key id, or access key id. */
  readonly id: string
  /** Key material id; empty for an access key; of an import key, what else it is bound to. */
  readonly materialId: string
  readonly spec: string
}

/** Key material that somebody sends, wrapped for an import key of ours. */
export interface ImportRequest {
  /** The owner's `spec` is the wrapping key spec. */
  readonly importKey: { readonly owner: Owner; readonly wrapped: WrappedKey }
  readonly algorithm: WrappingAlgorithmName
  readonly encrypted: Uint8Array
  /** The KMS key that it is for. */
  readonly target: Pick<Owner, 'account' | 'id' | 'spec'>
}

export interface ImportedKey extends NewKey {
  /** Follows from key and material: the same material has the same id whenever it is imported. */
  readonly materialId: string
}

export const messageTypes = ['RAW', 'DIGEST', 'EXTERNAL_MU'] as const
export type MessageType = (typeof messageTypes)[number]

export type DerivedKeyPurpose = 'backup' | 'grant-token' | 'lineage'

export interface Hsm {
  /** From the HSM's generator. @param length 1…1024 bytes */
  random(length: number): Promise<Uint8Array>
  /**
   * Makes key material for `owner.spec` and returns it wrapped.
   * @throws UnsupportedOperationException for a spec that this token cannot protect as configured
   */
  generate(owner: Owner): Promise<NewKey>
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
  /**
   * Signs with asymmetric material. ECDSA signatures are DER.
   * @param message for `RAW`, up to 4096 bytes, hashed here as the algorithm says; for `DIGEST`, a digest of the
   *   algorithm's length; for `EXTERNAL_MU`, the 64 bytes of mu (ML-DSA)
   */
  sign(material: Material, algorithm: string, type: MessageType, message: Uint8Array): Promise<Uint8Array>
  /** HMAC with the hash of the material's spec. */
  generateMac(material: Material, message: Uint8Array): Promise<Uint8Array>
  /**
   * RSA-OAEP.
   * @throws InvalidCiphertextException, always the same and in the same time, when anything about the ciphertext is wrong
   */
  decryptAsymmetric(material: Material, algorithm: string, ciphertext: Uint8Array): Promise<Uint8Array>
  /** ECDH: the x-coordinate, as long as the curve's field. @param peer 0x04 ‖ X ‖ Y, found to be on the curve */
  deriveSharedSecret(material: Material, peer: Uint8Array): Promise<Uint8Array>
  /** ML-KEM, 32 bytes. A ciphertext of the right length always gives a secret (FIPS 203 implicit rejection). */
  decapsulate(material: Material, ciphertext: Uint8Array): Promise<Uint8Array>
  /**
   * Takes key material in.
   * @throws InvalidImportTokenException when the import key is not its owner's; InvalidCiphertextException, always the
   *   same, when the material is not what it should be
   */
  importMaterial(request: ImportRequest): Promise<ImportedKey>
  /** @throws KeyUnavailableException when this is not material that could be used here: its binding does not verify */
  assertBound(material: Material): Promise<void>
  /**
   * HMAC-SHA-256 under a key that the tokens of all Regions of the domain hold.
   * @throws UnsupportedOperationException when this one has no domain root
   */
  macForPeers(data: Uint8Array): Promise<Uint8Array>
  /** 32 bytes that every process of this HSM gets alike, of no use for another purpose or for the HSM's own keys. */
  deriveKey(purpose: DerivedKeyPurpose): Promise<Uint8Array>
  /** Resolves when the HSM answers. */
  check(): Promise<void>
}

export interface AuditSink {
  /** Resolves when the record is durable. */
  write(record: AuditRecord): Promise<void>
}

/** Everything an operation may be given, by the name it asks for in `needs`. */
export interface Ports extends GrantPorts {
  readonly keyStore: Keys
  readonly materials: Materials
  readonly aliases: Aliases
  readonly accessKeys: AccessKeys
  readonly sessions: Sessions
  readonly issuers: Issuers
  readonly principals: Principals
  readonly directory: Directory
  readonly lastUsage: LastUsage
  readonly hsm: Hsm
  readonly keyStores: KeyStores
  readonly clusters: Clusters
  readonly xks: Xks
  readonly trail: Trail
  readonly peers: Peers
}

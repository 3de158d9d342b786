/** What custom key stores need from the world; part of `Ports`, and kept as its contracts are. */
import type { Hsm, Read } from '../ports.ts'
import type { AccountKeyStores, ConnectionErrorCode, XksProxy } from './key-store.ts'

/** Custom key stores. */
export interface KeyStores {
  of(account: string, read?: Read): Promise<AccountKeyStores>
  /**
   * Writes them over the revision they were made from; the stored revision is then `all.revision + 1`.
   * @throws Conflict when the stored revision is not `all.revision`
   */
  replace(all: AccountKeyStores): Promise<void>
}

/** That whoever gave a password knew it, without the password: HMAC-SHA-256 of the challenge under its SHA-256. */
export interface PasswordProof {
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

/** The tokens that are configured as CloudHSM clusters. */
export interface Clusters {
  /** Whether there is one of this id, and it is this account's. */
  has(clusterId: string, account: string): boolean
  /**
   * Opens the token anew for this process.
   * @param proof of the crypto user's password
   * @returns undefined when it is open; otherwise why not
   */
  connect(clusterId: string, proof: PasswordProof): Promise<ConnectionErrorCode | undefined>
  /** The token of a cluster that is connected, opened on its first use; undefined when it cannot be opened. */
  hsmOf(clusterId: string): Promise<Hsm | undefined>
  /** What clusters with the same root keys have alike, and no others; undefined when it cannot be opened. */
  lineageOf(clusterId: string): Promise<string | undefined>
  /** Ends the login of this process; those of others end when they see that the store is not connected. */
  disconnect(clusterId: string): Promise<void>
}

/** What a proxy is told about the request that it is asked for. */
export interface ProxyCall {
  readonly principalArn: string
  readonly operation: string
  readonly requestId: string
  /** Of the KMS key, where there is one. */
  readonly keyArn?: string
}

/** A key of an external key manager, in its words. */
export interface ExternalKey {
  readonly spec: string
  readonly usages: readonly string[]
  readonly status: string
}

/** What an external key has encrypted. */
export interface ExternalCiphertext {
  readonly ciphertext: Uint8Array
  /** 12 or 16 bytes. */
  readonly iv: Uint8Array
  /** 16 bytes. */
  readonly tag: Uint8Array
  /** The proxy's own, at most 20 bytes. */
  readonly metadata: Uint8Array
}

/** External key store proxies. Each promise rejects with ProxyFailure when a proxy does not give what it is asked for. */
export interface Xks {
  /** Resolves when the proxy knows us and has an external key manager at work. */
  checkHealth(proxy: XksProxy, call: ProxyCall): Promise<void>
  describeKey(proxy: XksProxy, externalKeyId: string, call: ProxyCall): Promise<ExternalKey>
  encrypt(
    proxy: XksProxy,
    externalKeyId: string,
    plaintext: Uint8Array,
    aad: Uint8Array,
    call: ProxyCall,
  ): Promise<ExternalCiphertext>
  decrypt(
    proxy: XksProxy,
    externalKeyId: string,
    ciphertext: ExternalCiphertext,
    aad: Uint8Array,
    call: ProxyCall,
  ): Promise<Uint8Array>
}

import type { AccessKey } from '../identity/caller.ts'
import type { WrappedKey } from '../keys/key.ts'

export const keyStoreTypes = ['AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE'] as const
export type KeyStoreType = (typeof keyStoreTypes)[number]

export const connectivities = ['PUBLIC_ENDPOINT', 'VPC_ENDPOINT_SERVICE'] as const
export type Connectivity = (typeof connectivities)[number]

export const connectionStates = ['CONNECTED', 'CONNECTING', 'FAILED', 'DISCONNECTED', 'DISCONNECTING'] as const
export type ConnectionState = (typeof connectionStates)[number]

/** Of AWS's codes, those that can come up where a cluster is a configured token and a proxy is a host. */
export const connectionErrorCodes = [
  'CLUSTER_NOT_FOUND',
  'INTERNAL_ERROR',
  'INVALID_CREDENTIALS',
  'USER_LOCKED_OUT',
  'USER_LOGGED_IN',
  'USER_NOT_FOUND',
  'XKS_PROXY_ACCESS_DENIED',
  'XKS_PROXY_INVALID_CONFIGURATION',
  'XKS_PROXY_INVALID_RESPONSE',
  'XKS_PROXY_INVALID_TLS_CONFIGURATION',
  'XKS_PROXY_NOT_REACHABLE',
  'XKS_PROXY_TIMED_OUT',
] as const
export type ConnectionErrorCode = (typeof connectionErrorCodes)[number]

/** What the store signs its requests to its proxy with: `wrapped` holds "AWS4" + secret, as an access key's does. */
export interface ProxyCredential extends Pick<AccessKey, 'id' | 'account' | 'createdAt' | 'wrapped'> {
  /** By which the proxy knows it. `id` is ours, and another with each secret. */
  readonly accessKeyId: string
}

/** An external key store proxy. */
export interface XksProxy {
  readonly connectivity: Connectivity
  /** `https://` and a host name. */
  readonly endpoint: string
  /** Ends in `/kms/xks/v1`. */
  readonly path: string
  readonly credential: ProxyCredential
  /** With VPC_ENDPOINT_SERVICE. */
  readonly service?: { readonly name: string; readonly owner: string }
}

/** A CloudHSM cluster: another token, known by its cluster id in the configuration. */
export interface Cluster {
  readonly id: string
  /** PEM. */
  readonly trustAnchor: string
  /** Of the crypto user: its SHA-256, as an HMAC key of the HSM, to compare with and never to be read again. */
  readonly password: WrappedKey
  /** Of the token that it was first connected to: another with other root keys does not open its keys. */
  readonly lineage?: string
}

/** A custom key store: either member says of which type. */
export interface KeyStore {
  /** `cks-` and 17 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly state: ConnectionState
  /** When it was connected last. */
  readonly connectedAt?: number
  /** While FAILED. */
  readonly error?: ConnectionErrorCode
  readonly cluster?: Cluster
  readonly proxy?: XksProxy
}

/**
 * The custom key stores of an account, at most ten. They are one record, because their names, clusters and proxies must
 * differ: what is written over the revision it was decided on cannot break that, whoever else writes.
 */
export interface AccountKeyStores {
  readonly account: string
  /** 0 where nothing is stored. */
  readonly revision: number
  readonly stores: readonly KeyStore[]
}

export const noKeyStores = (account: string): AccountKeyStores => ({ account, revision: 0, stores: [] })

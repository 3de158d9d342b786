/** What can go wrong between a KMS and an external key store proxy, and how each operation answers it. */
import {
  CustomKeyStoreInvalidStateException,
  KMSInvalidStateException,
  type KmsError,
  XksKeyInvalidConfigurationException,
  XksKeyNotFoundException,
  XksProxyIncorrectAuthenticationCredentialException,
  XksProxyInvalidConfigurationException,
  XksProxyInvalidResponseException,
  XksProxyUriUnreachableException,
} from '../errors.ts'
import type { ConnectionErrorCode } from './key-store.ts'

type ErrorClass = new (message?: string, options?: ErrorOptions) => KmsError

interface Row {
  /** The same in all operations (kms-api.md §9; completed from the XKS proxy API specification 1.0.3). */
  readonly message: string
  /** CreateCustomKeyStore and UpdateCustomKeyStore. */
  readonly configuring: ErrorClass
  readonly creatingKey: ErrorClass
  readonly connecting: ConnectionErrorCode
}

const unreachable = { configuring: XksProxyUriUnreachableException, creatingKey: CustomKeyStoreInvalidStateException }
const uninterpretable = {
  configuring: XksProxyInvalidResponseException,
  creatingKey: CustomKeyStoreInvalidStateException,
  connecting: 'XKS_PROXY_INVALID_RESPONSE',
} as const
/** Of errors that are about a key, and so make no sense in answer to a health check. */
const ofKey = { configuring: XksProxyInvalidResponseException, connecting: 'XKS_PROXY_INVALID_RESPONSE' } as const

const rejected = 'The external key store proxy rejected the request because'
const ifRepeated = 'If you see this error repeatedly, report it to your external key store proxy administrator.'
const garbled = `AWS KMS cannot interpret the response from the external key store proxy. ${ifRepeated}`

/** By the proxy's `errorName`, then by what happened to the call. */
export const failures = {
  AccessDeniedException: {
    ...uninterpretable,
    connecting: 'XKS_PROXY_ACCESS_DENIED',
    message:
      'The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and try the request again.',
  },
  AuthenticationFailedException: {
    configuring: XksProxyIncorrectAuthenticationCredentialException,
    creatingKey: CustomKeyStoreInvalidStateException,
    connecting: 'INVALID_CREDENTIALS',
    message: `${rejected} it could not authenticate AWS KMS. Verify the credentials for your external key store and update if necessary.`,
  },
  DependencyTimeoutException: {
    ...unreachable,
    connecting: 'XKS_PROXY_TIMED_OUT',
    message: `The external key store proxy did not respond to the request in the time allotted. Retry the request. ${ifRepeated}`,
  },
  InternalException: {
    ...uninterpretable,
    message: `${rejected} it cannot communicate with the external key manager. Verify that the external key store proxy configuration is correct and that the external key manager is available.`,
  },
  InvalidCiphertextException: {
    ...uninterpretable,
    message: `${rejected} the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid.`,
  },
  InvalidKeyUsageException: {
    ...ofKey,
    creatingKey: XksKeyInvalidConfigurationException,
    message: `${rejected} the external key does not support the requested operation.`,
  },
  InvalidStateException: {
    ...ofKey,
    creatingKey: XksKeyInvalidConfigurationException,
    message: `${rejected} the external key is not enabled in the external key manager.`,
  },
  InvalidUriPathException: {
    configuring: XksProxyInvalidConfigurationException,
    creatingKey: CustomKeyStoreInvalidStateException,
    connecting: 'XKS_PROXY_INVALID_CONFIGURATION',
    message: `${rejected} of an invalid URI path. Verify the URI path for your external key store and update if necessary.`,
  },
  KeyNotFoundException: {
    ...ofKey,
    creatingKey: XksKeyNotFoundException,
    message: `${rejected} it could not find the external key.`,
  },
  ThrottlingException: {
    ...unreachable,
    connecting: 'XKS_PROXY_NOT_REACHABLE',
    message:
      'The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of your calls using KMS keys in this external key store.',
  },
  UnsupportedOperationException: {
    ...uninterpretable,
    message: `${rejected} it does not support the requested cryptographic operation.`,
  },
  ValidationException: { ...uninterpretable, message: garbled },

  uninterpretable: { ...uninterpretable, message: garbled },
  unavailable: {
    ...unreachable,
    connecting: 'XKS_PROXY_NOT_REACHABLE',
    message: 'The external key store proxy reports that all external key manager instances are unavailable.',
  },
  'no connection': {
    ...unreachable,
    connecting: 'XKS_PROXY_NOT_REACHABLE',
    message:
      'AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see this error repeatedly, verify that your external key store proxy is active and is connected to the network, and that its endpoint URI is correct in your external key store.',
  },
  'no TLS': {
    ...unreachable,
    connecting: 'XKS_PROXY_INVALID_TLS_CONFIGURATION',
    message:
      'AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, including its certificate.',
  },
  'no answer in time': {
    ...unreachable,
    connecting: 'XKS_PROXY_TIMED_OUT',
    message: `AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. ${ifRepeated}`,
  },
} as const satisfies Record<string, Row>

export type FailureReason = keyof typeof failures

/** A call to a proxy that did not give what it was for. What the proxy says of it is not repeated. */
export class ProxyFailure extends Error {
  override readonly name = 'ProxyFailure'
  readonly reason: FailureReason

  constructor(reason: FailureReason, options?: ErrorOptions) {
    super(failures[reason].message, options)
    this.reason = reason
  }
}

async function answering<T>(call: Promise<T>, answer: (row: Row) => ErrorClass): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof ProxyFailure)) throw error
    const row: Row = failures[error.reason]
    throw new (answer(row))(row.message, { cause: error })
  }
}

/** Each with the exceptions that its operations have for a failure. */
export const whileConfiguring = <T>(call: Promise<T>): Promise<T> => answering(call, (row) => row.configuring)
export const whileCreatingKey = <T>(call: Promise<T>): Promise<T> => answering(call, (row) => row.creatingKey)
export const whileUsingKey = <T>(call: Promise<T>): Promise<T> => answering(call, () => KMSInvalidStateException)

/** What connecting came to: nothing, or why not. */
export async function connectionError(call: Promise<void>): Promise<ConnectionErrorCode | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    if (error instanceof ProxyFailure) return failures[error.reason].connecting
    throw error
  }
}

/**
 * A failure with a name on the wire. The class name is what AWS puts in `__type`; an absent message means
 * that AWS sends the body without a `message` member (kms-api.md §10.2), which some clients depend on.
 */
export class KmsError extends Error {
  readonly fault: 'client' | 'server'
  /** HTTP status: AWS KMS answers 400 to every client error, whatever the SDK's model says (kms-api.md §10.3). */
  readonly status: number

  constructor(name: string, message: string | undefined, options: ErrorOptions & { status: number }) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = name
    this.status = options.status
    this.fault = options.status >= 500 ? 'server' : 'client'
  }
}

const named = (name: string, status = 400) =>
  class extends KmsError {
    constructor(message?: string, options?: ErrorOptions) {
      super(name, message, { ...options, status })
    }
  }

/* Modelled by AWS KMS. */
export class AlreadyExistsException extends named('AlreadyExistsException') {}
export class CloudHsmClusterInUseException extends named('CloudHsmClusterInUseException') {}
export class CloudHsmClusterInvalidConfigurationException extends named(
  'CloudHsmClusterInvalidConfigurationException',
) {}
export class CloudHsmClusterNotActiveException extends named('CloudHsmClusterNotActiveException') {}
export class CloudHsmClusterNotFoundException extends named('CloudHsmClusterNotFoundException') {}
export class CloudHsmClusterNotRelatedException extends named('CloudHsmClusterNotRelatedException') {}
export class ConflictException extends named('ConflictException') {}
export class CustomKeyStoreHasCMKsException extends named('CustomKeyStoreHasCMKsException') {}
export class CustomKeyStoreInvalidStateException extends named('CustomKeyStoreInvalidStateException') {}
export class CustomKeyStoreNameInUseException extends named('CustomKeyStoreNameInUseException') {}
export class CustomKeyStoreNotFoundException extends named('CustomKeyStoreNotFoundException') {}
export class DependencyTimeoutException extends named('DependencyTimeoutException', 503) {}
export class DisabledException extends named('DisabledException') {}
export class DryRunOperationException extends named('DryRunOperationException') {}
export class ExpiredImportTokenException extends named('ExpiredImportTokenException') {}
export class InvalidImportTokenException extends named('InvalidImportTokenException') {}
export class IncorrectKeyMaterialException extends named('IncorrectKeyMaterialException') {}
export class IncorrectKeyException extends named('IncorrectKeyException') {}
export class IncorrectTrustAnchorException extends named('IncorrectTrustAnchorException') {}
export class InvalidAliasNameException extends named('InvalidAliasNameException') {}
export class InvalidArnException extends named('InvalidArnException') {}
export class InvalidCiphertextException extends named('InvalidCiphertextException') {}
export class InvalidGrantIdException extends named('InvalidGrantIdException') {}
export class InvalidGrantTokenException extends named('InvalidGrantTokenException') {}
export class InvalidKeyUsageException extends named('InvalidKeyUsageException') {}
export class InvalidMarkerException extends named('InvalidMarkerException') {}
export class KeyUnavailableException extends named('KeyUnavailableException', 500) {}
export class KMSInternalException extends named('KMSInternalException', 500) {}
export class KMSInvalidMacException extends named('KMSInvalidMacException') {}
export class KMSInvalidSignatureException extends named('KMSInvalidSignatureException') {}
export class KMSInvalidStateException extends named('KMSInvalidStateException') {}
export class LimitExceededException extends named('LimitExceededException') {}
export class MalformedPolicyDocumentException extends named('MalformedPolicyDocumentException') {}
export class NotFoundException extends named('NotFoundException') {}
export class TagException extends named('TagException') {}
export class UnsupportedOperationException extends named('UnsupportedOperationException') {}
export class XksKeyAlreadyInUseException extends named('XksKeyAlreadyInUseException') {}
export class XksKeyInvalidConfigurationException extends named('XksKeyInvalidConfigurationException') {}
export class XksKeyNotFoundException extends named('XksKeyNotFoundException') {}
export class XksProxyIncorrectAuthenticationCredentialException extends named(
  'XksProxyIncorrectAuthenticationCredentialException',
) {}
export class XksProxyInvalidConfigurationException extends named('XksProxyInvalidConfigurationException') {}
export class XksProxyInvalidResponseException extends named('XksProxyInvalidResponseException') {}
export class XksProxyUriEndpointInUseException extends named('XksProxyUriEndpointInUseException') {}
export class XksProxyUriInUseException extends named('XksProxyUriInUseException') {}
export class XksProxyUriUnreachableException extends named('XksProxyUriUnreachableException') {}
export class XksProxyVpcEndpointServiceInUseException extends named('XksProxyVpcEndpointServiceInUseException') {}
export class XksProxyVpcEndpointServiceInvalidConfigurationException extends named(
  'XksProxyVpcEndpointServiceInvalidConfigurationException',
) {}
export class XksProxyVpcEndpointServiceNotFoundException extends named('XksProxyVpcEndpointServiceNotFoundException') {}

/* Of CloudTrail's LookupEvents. */
export class InvalidEventCategoryException extends named('InvalidEventCategoryException') {}
export class InvalidLookupAttributesException extends named('InvalidLookupAttributesException') {}
export class InvalidMaxResultsException extends named('InvalidMaxResultsException') {}
export class InvalidNextTokenException extends named('InvalidNextTokenException') {}
export class InvalidTimeRangeException extends named('InvalidTimeRangeException') {}

/* Not modelled, yet on the wire (kms-api.md §10.4, kms-authz.md §1.6). */
export class AccessDeniedException extends named('AccessDeniedException') {}
export class ExpiredTokenException extends named('ExpiredTokenException') {}
export class IncompleteSignatureException extends named('IncompleteSignatureException') {}
export class InvalidSignatureException extends named('InvalidSignatureException') {}
/** IAM's and STS's name of what KMS calls MalformedPolicyDocumentException. */
export class MalformedPolicyDocument extends named('MalformedPolicyDocument') {}
export class MissingAuthenticationTokenException extends named('MissingAuthenticationTokenException') {}
export class NotAuthorizedException extends named('NotAuthorizedException') {}
export class RequestEntityTooLargeException extends named('RequestEntityTooLargeException', 413) {}
export class SerializationException extends named('SerializationException') {}
export class ThrottlingException extends named('ThrottlingException') {}
export class UnknownOperationException extends named('UnknownOperationException') {}
export class UnrecognizedClientException extends named('UnrecognizedClientException') {}
export class ValidationException extends named('ValidationException') {}

/* IAM's own (kms-authz.md §9.2). */
export class DeleteConflict extends named('DeleteConflict', 409) {}
export class EntityAlreadyExists extends named('EntityAlreadyExists', 409) {}
export class InvalidInput extends named('InvalidInput') {}
export class LimitExceeded extends named('LimitExceeded', 409) {}
export class NoSuchEntity extends named('NoSuchEntity', 404) {}
export class ValidationError extends named('ValidationError') {}

/* Modelled by AWS STS. */
export class ExpiredWebIdentityToken extends named('ExpiredTokenException') {}
export class IDPCommunicationError extends named('IDPCommunicationError') {}
export class InvalidIdentityToken extends named('InvalidIdentityToken') {}
export class PackedPolicyTooLarge extends named('PackedPolicyTooLarge') {}

/**
 * What this deployment is to its clients: several of AWS's services at one endpoint, each with its own signature, clock
 * and names of errors. The procedure is the same for all of them.
 */
import {
  AccessDeniedException,
  DependencyTimeoutException,
  ExpiredTokenException,
  IncompleteSignatureException,
  InvalidSignatureException,
  KMSInternalException,
  KmsError,
  LimitExceededException,
  MalformedPolicyDocumentException,
  MissingAuthenticationTokenException,
  RequestEntityTooLargeException,
  SerializationException,
  ThrottlingException,
  UnknownOperationException,
  UnrecognizedClientException,
  ValidationException,
} from './errors.ts'
import { parseBody } from './schema/parse.ts'

interface Served {
  readonly region: string
  readonly partition: string
}

export interface Service {
  /** In signatures and, before a colon, in IAM actions. */
  readonly name: 'kms' | 'iam' | 'sts' | 'cloudtrail'
  readonly eventSource: string
  /** What `X-Amz-Target` begins with, where an operation is named by it: one way of several. */
  readonly targets: readonly string[]
  /** The Region that requests are signed for and recorded under. */
  readonly regionOf: (at: Served) => string
  /** How far a client's clock may be off. */
  readonly skewMs: number
  /** A signature may be in the query string, too. */
  readonly presigned: boolean
  /** The members that are in the body before anything of the operation is known. @throws SerializationException */
  readonly membersOf: (body: Uint8Array) => Readonly<Record<string, unknown>>
  /** The failure as this service calls it. */
  readonly named: (error: KmsError) => KmsError
}

/** A service of the Query protocol: a form in, XML out (kms-authz.md §9.1). */
export interface QueryService extends Service {
  readonly version: string
  readonly namespace: string
}

export const kms: Service = {
  name: 'kms',
  eventSource: 'kms.amazonaws.com',
  targets: ['TrentService.'],
  regionOf: ({ region }) => region,
  skewMs: 5 * 60_000,
  presigned: false,
  membersOf: parseBody,
  named: (error) => error,
}

/** The audit trail, as AWS CloudTrail's clients look it up: some SDKs name the operation in full. */
export const cloudTrail: Service = {
  ...kms,
  name: 'cloudtrail',
  eventSource: 'cloudtrail.amazonaws.com',
  targets: ['CloudTrail_20131101.', 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.'],
  skewMs: 15 * 60_000,
  named: (error) => (error instanceof ThrottlingException ? new ThrottlingException('Rate exceeded') : error),
}

interface Name {
  readonly code: string
  readonly status: number
  readonly message?: string
}

/** What the services of the Query protocol call the failures that every service has (kms-authz.md §1.6). */
const queryNames: ReadonlyMap<unknown, Name> = new Map<unknown, Name>([
  [AccessDeniedException, { code: 'AccessDenied', status: 403 }],
  [DependencyTimeoutException, { code: 'ServiceUnavailable', status: 503 }],
  [ExpiredTokenException, { code: 'ExpiredToken', status: 403 }],
  [IncompleteSignatureException, { code: 'IncompleteSignature', status: 400 }],
  [InvalidSignatureException, { code: 'SignatureDoesNotMatch', status: 403 }],
  [LimitExceededException, { code: 'LimitExceeded', status: 409 }],
  [MalformedPolicyDocumentException, { code: 'MalformedPolicyDocument', status: 400 }],
  [
    MissingAuthenticationTokenException,
    { code: 'MissingAuthenticationToken', status: 403, message: 'Request is missing Authentication Token' },
  ],
  [RequestEntityTooLargeException, { code: 'RequestEntityTooLarge', status: 413 }],
  [SerializationException, { code: 'MalformedInput', status: 400 }],
  [ThrottlingException, { code: 'Throttling', status: 400, message: 'Rate exceeded' }],
  [UnknownOperationException, { code: 'InvalidAction', status: 400 }],
  [UnrecognizedClientException, { code: 'InvalidClientTokenId', status: 403 }],
  [ValidationException, { code: 'ValidationError', status: 400 }],
])

function queryService(
  own: Pick<QueryService, 'name' | 'version' | 'regionOf' | 'presigned'> & { readonly internalFailure: string },
): QueryService {
  const { internalFailure, ...rest } = own
  const internal: Name = { code: internalFailure, status: 500 }
  return {
    ...rest,
    eventSource: `${own.name}.amazonaws.com`,
    targets: [],
    namespace: `https://${own.name}.amazonaws.com/doc/${own.version}/`,
    skewMs: 15 * 60_000,
    // They are in a form, which only the shape of the input gives a meaning to.
    membersOf: () => ({}),
    named(error) {
      const name = error.constructor === KMSInternalException ? internal : queryNames.get(error.constructor)
      if (!name) return error
      return new KmsError(name.code, name.message ?? error.message, { status: name.status, cause: error.cause })
    },
  }
}

/** IAM is one for a partition: its requests are signed for one Region, whichever is served. */
const iamRegions: Readonly<Record<string, string>> = { 'aws-cn': 'cn-north-1', 'aws-us-gov': 'us-gov-west-1' }

export const iam = queryService({
  name: 'iam',
  version: '2010-05-08',
  regionOf: ({ partition }) => iamRegions[partition] ?? 'us-east-1',
  presigned: false,
  internalFailure: 'ServiceFailure',
})

export const sts = queryService({
  name: 'sts',
  version: '2011-06-15',
  regionOf: ({ region }) => region,
  presigned: true,
  internalFailure: 'InternalFailure',
})

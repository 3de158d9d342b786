import {
  ExpiredTokenException,
  InvalidSignatureException,
  KMSInternalException,
  MissingAuthenticationTokenException,
  UnrecognizedClientException,
} from './errors.ts'
import type { AccessKey, Caller } from './identity/caller.ts'
import type { User } from './identity/entities.ts'
import { gatewayCaller } from './identity/gateway-callers.ts'
import type { Principals } from './identity/ports.ts'
import { callerOf } from './identity/principals.ts'
import { sessionCaller } from './identity/session-callers.ts'
import type { Sessions } from './identity/sessions.ts'
import type { Signer, SigningKeys } from './identity/signing-keys.ts'
import { readSignature, type Signature, signatureMatches } from './identity/sigv4.ts'
import type { Request } from './operation.ts'
import type { AccessKeys } from './ports.ts'
import type { Service } from './services.ts'

export interface Authentication {
  readonly region: string
  readonly partition: string
  readonly accessKeys: AccessKeys
  readonly principals: Principals
  readonly signingKeys: SigningKeys
  readonly sessions: Sessions
  /** Who says who signed a request of a RESTful route: we, or the authorizer of the gateway before us. */
  readonly auth: 'sigv4' | 'aws-iam'
}

/**
 * Who signed this request. An access key that is unknown or inactive costs what a known one costs and says the same
 * (kms-authz.md §1.4); what is wrong with a signature is never said in a way that helps to forge one.
 *
 * @throws MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException,
 *   UnrecognizedClientException, ExpiredTokenException in the order of kms-authz.md §1.6
 */
export async function authenticate(
  request: Request,
  service: Service,
  at: Authentication,
  now: number,
): Promise<Caller> {
  if (at.auth === 'aws-iam' && request.authorizer) return authorized(request.authorizer, at)
  const { name, skewMs, presigned } = service
  const expected = { service: name, region: service.regionOf(at), now, skewMs, presigned }
  const signature = readSignature(request, expected)
  const bearer = await (isTemporary(signature) ? bearerOfSession(signature, at, now) : bearerOfKey(signature, at))
  const key = await at.signingKeys.of(bearer?.signer, signature)
  // Both paths name the same members, so it is the same request whichever of them was signed.
  const { strictPath: path } = request
  const matches =
    signatureMatches(signature, key) ||
    (path !== undefined &&
      path !== request.path &&
      signatureMatches(readSignature({ ...request, path }, expected), key))
  if (!bearer) throw unrecognized()
  if (!matches) {
    throw new InvalidSignatureException(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access ' +
        'Key and signing method. Consult the service documentation for details.',
    )
  }
  if (bearer.expiresAt <= now) {
    throw new ExpiredTokenException('The security token included in the request is expired')
  }
  const caller = await bearer.caller()
  if (!caller || !mayUse(service, caller)) throw unrecognized()
  return caller
}

/** A request without what the authorizer says has not come by the way that is configured. */
function authorized({ iam }: NonNullable<Request['authorizer']>, { partition }: Authentication): Caller {
  if (iam === undefined || iam === null) throw new MissingAuthenticationTokenException('Missing Authentication Token')
  const caller = gatewayCaller(iam, partition)
  if (!caller) throw unrecognized()
  return caller
}

const unrecognized = () => new UnrecognizedClientException('The security token included in the request is invalid.')

/** Whose credentials sign, as far as it must be known before the signature is. */
interface Bearer {
  readonly signer: Signer
  readonly expiresAt: number
  /** Undefined when who it was is gone. */
  readonly caller: () => Promise<Caller | undefined>
}

const isTemporary = ({ accessKeyId }: Signature): boolean => accessKeyId.startsWith('ASIA')

async function bearerOfSession(signature: Signature, at: Authentication, now: number): Promise<Bearer | undefined> {
  const { accessKeyId, sessionToken = '' } = signature
  const session = await at.sessions.open(sessionToken, accessKeyId, now)
  return session && { signer: session, expiresAt: session.expiresAt, caller: () => sessionCaller(session, at) }
}

/** Only temporary credentials come with a token: one beside a long-lived key is refused. */
async function bearerOfKey(signature: Signature, at: Authentication): Promise<Bearer | undefined> {
  const found = await at.accessKeys.find(signature.accessKeyId)
  const user = await ownerOf(found, signature.accessKeyId, at)
  if (!found || !isActive(found, user) || signature.sessionToken !== undefined) return
  const caller = async (): Promise<Caller> => {
    if (user) return callerOf(user, found.id, at.principals)
    // INVARIANT: an access key that is no user's is the root user's.
    if (!found.principal) throw new KMSInternalException()
    return { ...found.principal, accessKeyId: found.id }
  }
  return { signer: found, expiresAt: Number.POSITIVE_INFINITY, caller }
}

/** As AWS has it: IAM is for long-lived credentials and for roles, unless somebody showed a second factor. */
const mayUse = ({ name }: Service, { type, session }: Caller): boolean =>
  name !== 'iam' || !session || type === 'AssumedRole' || session.mfaAt !== undefined

/** The user that an access key says it is of. One that does not exist is looked for all the same, for as long. */
async function ownerOf(found: AccessKey | undefined, id: string, at: Authentication): Promise<User | undefined> {
  if (found && found.userId === undefined) return
  return at.principals.users.find(found?.userId ?? id)
}

/** A user's record alone says which access keys it has; the root user's say it themselves. */
const isActive = (found: AccessKey, user: User | undefined): boolean =>
  found.userId === undefined
    ? found.status === 'Active'
    : user?.accessKeys.some(({ id, status }) => id === found.id && status === 'Active') === true

import { InvalidSignatureException, KMSInternalException, UnrecognizedClientException } from './errors.ts'
import type { AccessKey, Caller } from './identity/caller.ts'
import type { User } from './identity/entities.ts'
import type { Principals } from './identity/ports.ts'
import { callerOf } from './identity/principals.ts'
import type { SigningKeys } from './identity/signing-keys.ts'
import { readSignature, signatureMatches } from './identity/sigv4.ts'
import type { Request } from './operation.ts'
import type { AccessKeys } from './ports.ts'
import type { Service } from './services.ts'

export interface Authentication {
  readonly region: string
  readonly partition: string
  readonly accessKeys: AccessKeys
  readonly principals: Principals
  readonly signingKeys: SigningKeys
}

/**
 * Who signed this request. An access key that is unknown or inactive costs what a known one costs and says the same
 * (kms-authz.md §1.4); what is wrong with a signature is never said in a way that helps to forge one.
 *
 * @throws MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException,
 *   UnrecognizedClientException in the order of kms-authz.md §1.6
 */
export async function authenticate(
  request: Request,
  service: Service,
  at: Authentication,
  now: number,
): Promise<Caller> {
  const { name, skewMs, presigned } = service
  const expected = { service: name, region: service.regionOf(at), now, skewMs, presigned }
  const signature = readSignature(request, expected)
  const found = await at.accessKeys.find(signature.accessKeyId)
  const user = await ownerOf(found, signature.accessKeyId, at)
  // Only temporary credentials come with a token, and there are none yet: one beside a long-lived key is refused.
  const accessKey = found && isActive(found, user) && signature.sessionToken === undefined ? found : undefined
  const key = await at.signingKeys.of(accessKey, signature)
  // Both paths name the same members, so it is the same request whichever of them was signed.
  const { strictPath: path } = request
  const matches =
    signatureMatches(signature, key) ||
    (path !== undefined &&
      path !== request.path &&
      signatureMatches(readSignature({ ...request, path }, expected), key))
  if (!accessKey) throw new UnrecognizedClientException('The security token included in the request is invalid.')
  if (!matches) {
    throw new InvalidSignatureException(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access ' +
        'Key and signing method. Consult the service documentation for details.',
    )
  }
  if (user) return callerOf(user, accessKey.id, at.principals)
  // INVARIANT: an access key that is no user's is the root user's.
  if (!accessKey.principal) throw new KMSInternalException()
  return { ...accessKey.principal, accessKeyId: accessKey.id }
}

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

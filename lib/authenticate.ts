import { InvalidSignatureException, UnrecognizedClientException } from './errors.ts'
import type { Caller } from './identity/caller.ts'
import type { SigningKeys } from './identity/signing-keys.ts'
import { readSignature, signatureMatches } from './identity/sigv4.ts'
import type { Request } from './operation.ts'
import type { AccessKeys } from './ports.ts'

export interface Authentication {
  readonly region: string
  readonly accessKeys: AccessKeys
  readonly signingKeys: SigningKeys
}

/**
 * Who signed this request. An access key that is unknown or inactive costs what a known one costs and says the same
 * (kms-authz.md §1.4); what is wrong with a signature is never said in a way that helps to forge one.
 *
 * @throws MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException,
 *   UnrecognizedClientException in the order of kms-authz.md §1.6
 */
export async function authenticate(request: Request, at: Authentication, now: number): Promise<Caller> {
  const expected = { service: 'kms', region: at.region, now }
  const signature = readSignature(request, expected)
  const found = await at.accessKeys.find(signature.accessKeyId)
  // Only temporary credentials come with a token, and there are none yet: one beside a long-lived key is refused.
  const accessKey = found?.status === 'Active' && signature.sessionToken === undefined ? found : undefined
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
  return { ...accessKey.principal, accessKeyId: accessKey.id }
}

/** Tokens of OIDC providers, as AssumeRoleWithWebIdentity takes them (kms-authz.md §9.3). */
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { ExpiredWebIdentityToken, IDPCommunicationError, InvalidIdentityToken, KmsError } from '../errors.ts'
import { struct } from '../schema/collections.ts'
import { validated } from '../schema/parse.ts'
import { sessionName, tagNames, tags } from '../schema/sts-members.ts'
import type { OidcProvider } from './entities.ts'
import type { Issuers, OidcProviders } from './ports.ts'

export interface VerifiedToken {
  readonly provider: OidcProvider
  readonly subject: string
  /** The client that it is for. */
  readonly audience: string
  readonly claims: JWTPayload
}

/** Signatures that AWS takes. None is symmetric: a provider's public key could be passed off as a secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']

const clockToleranceSeconds = 60

const notAToken = () =>
  new InvalidIdentityToken(
    'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
  )

function issuerOf(token: string): string {
  try {
    const { iss } = decodeJwt(token)
    if (typeof iss === 'string') return iss
  } catch {
    // Not a JWT: said below.
  }
  throw notAToken()
}

/**
 * @param account the one that the role is of: its OIDC providers are the ones that count
 * @throws InvalidIdentityToken, ExpiredWebIdentityToken, IDPCommunicationError
 */
export async function verifiedToken(
  token: string,
  account: string,
  at: { readonly oidcProviders: OidcProviders; readonly issuers: Issuers },
  now: number,
): Promise<VerifiedToken> {
  const issuer = issuerOf(token)
  const url = at.issuers.urlOf(issuer)
  const provider = url === undefined ? undefined : await at.oidcProviders.find(account, url)
  if (!provider) {
    throw new InvalidIdentityToken(`No OpenIDConnect provider found in your account for ${issuer.slice(0, 256)}`)
  }
  const claims = await claimsOf(token, issuer, provider.url, at.issuers, now)
  return { provider, subject: String(claims.sub), audience: audienceOf(claims, provider), claims }
}

async function claimsOf(
  token: string,
  issuer: string,
  url: string,
  issuers: Issuers,
  now: number,
): Promise<JWTPayload> {
  const verify = async (unknownKey: boolean): Promise<JWTPayload> => {
    const keys = (await issuers.keysOf(url, unknownKey)) as JSONWebKeySet['keys']
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys }), {
      algorithms,
      issuer,
      currentDate: new Date(now),
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
    })
    if (typeof payload.sub !== 'string') throw notAToken()
    return payload
  }
  try {
    return await verify(false).catch((error: unknown) => {
      // The provider may have changed its keys since they were fetched.
      if (error instanceof errors.JWKSNoMatchingKey) return verify(true)
      throw error
    })
  } catch (error) {
    throw refusalOf(error, now)
  }
}

/** Nothing is told of a token whose signature is not right: that is checked before its claims. */
function refusalOf(error: unknown, now: number): Error {
  if (error instanceof InvalidIdentityToken || error instanceof IDPCommunicationError) return error
  if (error instanceof errors.JWTExpired) {
    const times = `${Math.floor(now / 1000)} must be before the expiration date/time ${error.payload.exp}`
    return new ExpiredWebIdentityToken(`Token expired: current date/time ${times}`)
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return new InvalidIdentityToken(
      "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
    )
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error
    return new InvalidIdentityToken(
      reason === 'missing' ? `Missing a required claim: ${claim}` : `The claim ${claim} of the token does not hold`,
    )
  }
  return notAToken()
}

/** A token that says whom it was issued to (azp) is for that client alone. */
function audienceOf({ aud, azp }: JWTPayload, { clientIds }: OidcProvider): string {
  const named = azp === undefined ? [aud].flat() : [azp]
  const audience = named.find((each) => typeof each === 'string' && clientIds.includes(each))
  if (typeof audience !== 'string') throw new InvalidIdentityToken('Incorrect token audience')
  return audience
}

const tagsClaim = 'https://aws.amazon.com/tags'
const sourceIdentityClaim = 'https://aws.amazon.com/source_identity'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const sessionMembers = struct({ Tags: tags, TransitiveTagKeys: tagNames, SourceIdentity: sessionName })

/** What a token says the session is to carry, as AssumeRole's caller would ask for it. @throws InvalidIdentityToken */
export function membersIn({ claims }: VerifiedToken) {
  const said = claims[tagsClaim]
  const { principal_tags: pairs = {}, transitive_tag_keys: TransitiveTagKeys } = isObject(said) ? said : {}
  const Tags = isObject(pairs) ? Object.entries(pairs).map(([Key, value]) => ({ Key, Value: [value].flat()[0] })) : []
  try {
    const members = { Tags, TransitiveTagKeys, SourceIdentity: claims[sourceIdentityClaim] }
    const { SourceIdentity, ...rest } = validated(sessionMembers, members)
    return { ...rest, ...(SourceIdentity !== undefined && { sourceIdentity: { sourceIdentity: SourceIdentity } }) }
  } catch (error) {
    if (error instanceof KmsError) throw new InvalidIdentityToken(`A claim about the session: ${error.message}`)
    throw error
  }
}

/** Condition keys that are called after the provider. */
export function contextIn({ provider: { url, arn: provider }, audience, subject, claims }: VerifiedToken) {
  const { azp, amr, aud } = claims
  const texts = (value: unknown): readonly string[] | undefined =>
    Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined
  return [
    [`${url}:aud`, audience],
    [`${url}:oaud`, typeof aud === 'string' ? aud : undefined],
    [`${url}:azp`, typeof azp === 'string' ? azp : undefined],
    [`${url}:amr`, texts(amr)],
    [`${url}:sub`, subject],
    ['aws:FederatedProvider', provider],
  ] as const
}

export const askerIn = ({ provider, audience, subject }: VerifiedToken, account: string) => ({
  asker: { type: 'WebIdentity', account, provider: provider.arn } as const,
  record: {
    principalId: `${provider.arn}:${audience}:${subject}`,
    userName: subject,
    identityProvider: provider.arn,
  },
})

/** OIDC providers as IAM's actions know them: by ARN. */
import { parseArn } from '../arn.ts'
import { NoSuchEntity } from '../errors.ts'
import type { OidcProvider } from './entities.ts'
import type { Asked } from './holders.ts'
import { type On, resourceTags } from './resources.ts'

const prefix = 'oidc-provider/'

/** The account's provider of that ARN. */
export async function findProvider(text: string, { principals, place }: Asked): Promise<OidcProvider | undefined> {
  const named = parseArn(text)
  const issuer = named?.resource.startsWith(prefix) ? named.resource.slice(prefix.length) : ''
  const found = await principals.oidcProviders.find(place.account, issuer, { fresh: true })
  return found?.arn === text ? found : undefined
}

/** @throws NoSuchEntity */
export async function demandProvider(text: string, asked: Asked): Promise<OidcProvider> {
  const found = await findProvider(text, asked)
  if (!found) throw new NoSuchEntity(`OpenIDConnect Provider not found for arn ${text}`)
  return found
}

/** What policies are asked about: its ARN, and its tags. */
export async function providerResource(text: string, asked: Asked): Promise<On> {
  const found = await findProvider(text, asked)
  return { arns: [text], context: resourceTags(found?.tags) }
}

import { EntityAlreadyExists, InvalidInput, LimitExceeded } from '../../../lib/errors.ts'
import { iamArn } from '../../../lib/identity/entities.ts'
import { demandProvider, findProvider, providerResource } from '../../../lib/identity/oidc-providers.ts'
import { alsoTags, sorted, withTags } from '../../../lib/identity/tags.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { arn, tags } from '../../../lib/schema/iam.ts'
import { string, timestamp } from '../../../lib/schema/scalars.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const url = string({ min: 1, max: 255 })
const clientId = string({ min: 1, max: 255 })
const atMost = 100
const clientIds = list(clientId, { max: atMost })
const thumbprints = list(string({ min: 40, max: 40 }), { max: 5 })
const byArn = struct({ OpenIDConnectProviderArn: required(arn) })

/** The issuer without its scheme; a query or a fragment is in no issuer's name. */
function issuerOf(text: string): string {
  const issuer = /^https:\/\/([a-z0-9.-]+(?::\d{1,5})?(?:\/[\w.~%+=@,-]+)*\/?)$/i.exec(text)?.[1]
  if (issuer === undefined) throw new InvalidInput('Invalid Open ID Connect Provider URL')
  return issuer
}

const create = iamAction({
  name: 'CreateOpenIDConnectProvider',
  readOnly: false,
  summary: 'Trusts an issuer of OpenID Connect tokens, for roles whose trust policies name it.',
  input: struct({
    Url: required(url),
    ClientIDList: withDefault(clientIds, []),
    ThumbprintList: withDefault(thumbprints, []),
    Tags: tags,
  }),
  output: struct({ OpenIDConnectProviderArn: required(arn), Tags: tags }),
  needs: ['principals'],
  resource: ({ input, place }) => iamArn(place, 'oidc-provider', `/${input.Url.replace(/^https:\/\//i, '')}`),
  also: alsoTags('iam:TagOpenIDConnectProvider'),
  async run({ input, place, now, principals }) {
    const issuer = issuerOf(input.Url)
    const { account } = place
    if (await principals.oidcProviders.find(account, issuer, { fresh: true })) {
      throw new EntityAlreadyExists(`Provider with url ${input.Url} already exists.`)
    }
    if ((await principals.oidcProviders.list(account, { limit: atMost })).items.length >= atMost) {
      throw new LimitExceeded(`Cannot exceed quota for OpenIdConnectProvidersPerAccount: ${atMost}`)
    }
    const provider = {
      account,
      url: issuer,
      arn: iamArn(place, 'oidc-provider', `/${issuer}`),
      clientIds: [...new Set(input.ClientIDList)],
      thumbprints: [...new Set(input.ThumbprintList)],
      tags: withTags({}, input.Tags ?? []),
      createdAt: now,
      revision: 1,
    }
    await principals.oidcProviders.create(provider)
    return { OpenIDConnectProviderArn: provider.arn, Tags: sorted(provider.tags) }
  },
})

const get = iamAction({
  name: 'GetOpenIDConnectProvider',
  readOnly: true,
  summary: 'Shows an OpenID Connect provider.',
  input: byArn,
  output: struct({
    Url: required(url),
    ClientIDList: required(clientIds),
    ThumbprintList: required(thumbprints),
    CreateDate: required(timestamp),
    Tags: tags,
  }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => providerResource(input.OpenIDConnectProviderArn, asked),
  async run({ input, place, principals }) {
    const found = await demandProvider(input.OpenIDConnectProviderArn, { principals, place })
    const { url: Url, clientIds: ClientIDList, thumbprints: ThumbprintList, createdAt: CreateDate } = found
    return { Url, ClientIDList, ThumbprintList, CreateDate, Tags: sorted(found.tags) }
  },
})

const remove = iamAction({
  name: 'DeleteOpenIDConnectProvider',
  readOnly: false,
  summary: 'Ends the trust in an OpenID Connect provider.',
  input: byArn,
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => providerResource(input.OpenIDConnectProviderArn, asked),
  async run({ input, place, principals }) {
    // One that is not there is deleted, as AWS has it.
    const found = await findProvider(input.OpenIDConnectProviderArn, { principals, place })
    if (found) await principals.oidcProviders.remove(found)
    return {}
  },
})

const listAll = iamAction({
  name: 'ListOpenIDConnectProviders',
  readOnly: true,
  summary: 'Lists the OpenID Connect providers.',
  input: struct({}),
  output: struct({ OpenIDConnectProviderList: required(list(struct({ Arn: required(arn) }))) }),
  needs: ['principals'],
  resource: ({ place }) => iamArn(place, 'oidc-provider', '/*'),
  async run({ place, principals }) {
    const { items } = await principals.oidcProviders.list(place.account, { limit: 1000 })
    return { OpenIDConnectProviderList: items.map((each) => ({ Arn: each.arn })) }
  },
})

const clientIdActions = (
  [
    [
      'AddClientIDToOpenIDConnectProvider',
      'Takes tokens for one more audience.',
      (ids, id) => [...new Set([...ids, id])],
    ],
    [
      'RemoveClientIDFromOpenIDConnectProvider',
      'No longer takes tokens for an audience.',
      (ids, id) => ids.filter((each) => each !== id),
    ],
  ] as const satisfies readonly (readonly [string, string, (ids: readonly string[], id: string) => readonly string[]])[]
).map(([name, summary, changed]) =>
  iamAction({
    name,
    readOnly: false,
    summary,
    input: struct({ OpenIDConnectProviderArn: required(arn), ClientID: required(clientId) }),
    output: struct({}),
    needs: ['principals'],
    resource: ({ input, ...asked }) => providerResource(input.OpenIDConnectProviderArn, asked),
    async run({ input, place, principals }) {
      const found = await demandProvider(input.OpenIDConnectProviderArn, { principals, place })
      const clientIds = changed(found.clientIds, input.ClientID)
      if (clientIds.length > atMost) {
        throw new LimitExceeded(`Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${atMost}`)
      }
      await principals.oidcProviders.replace({ ...found, clientIds })
      return {}
    },
  }),
)

const updateThumbprint = iamAction({
  name: 'UpdateOpenIDConnectProviderThumbprint',
  readOnly: false,
  summary: 'Replaces the thumbprints of an OpenID Connect provider.',
  input: struct({ OpenIDConnectProviderArn: required(arn), ThumbprintList: required(thumbprints) }),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => providerResource(input.OpenIDConnectProviderArn, asked),
  async run({ input, place, principals }) {
    const found = await demandProvider(input.OpenIDConnectProviderArn, { principals, place })
    await principals.oidcProviders.replace({ ...found, thumbprints: [...new Set(input.ThumbprintList)] })
    return {}
  },
})

export const oidcProviderActions = [create, get, remove, listAll, ...clientIdActions, updateThumbprint] as const

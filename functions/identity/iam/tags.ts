import type { Place } from '../../../lib/arn.ts'
import type { Role, User } from '../../../lib/identity/entities.ts'
import { demandHolder, type HolderKind, holderNamed, roles, users } from '../../../lib/identity/holders.ts'
import { demandOwnPolicy, demandPolicy, policyResource } from '../../../lib/identity/managed-policies.ts'
import { demandProvider, providerResource } from '../../../lib/identity/oidc-providers.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import type { Principals } from '../../../lib/identity/ports.ts'
import type { On } from '../../../lib/identity/resources.ts'
import { sorted, withoutTags, withTags } from '../../../lib/identity/tags.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { type AnyOperation, iamAction } from '../../../lib/operation.ts'
import { struct } from '../../../lib/schema/collections.ts'
import { arn, page, pageEnd, tagKeys, tags } from '../../../lib/schema/iam.ts'
import { type AnyShape, required } from '../../../lib/schema/shape.ts'

type Tags = Readonly<Record<string, string>>
interface Asked {
  readonly input: object
  readonly place: Place
  readonly principals: Principals
}

/** Something that has tags, and how an action names it. */
interface Tagged {
  readonly title: string
  readonly called: string
  readonly members: Readonly<Record<never, AnyShape>>
  readonly resource: (asked: Asked) => On | Promise<On>
  readonly read: (asked: Asked) => Promise<Tags>
  readonly change: (asked: Asked, changed: (tags: Tags) => Tags) => Promise<void>
}

/** The same three actions for whatever has tags. */
function tagActionsOf({ title, called, members, resource, read, change }: Tagged): readonly AnyOperation[] {
  const tag = iamAction({
    name: `Tag${title}`,
    readOnly: false,
    summary: `Adds tags to a ${called}.`,
    input: struct({ ...members, Tags: required(tags) }),
    output: struct({}),
    needs: ['principals'],
    resource: (asked) => resource(asked),
    async run({ input, place, principals }) {
      await change({ input, place, principals }, (present) => withTags(present, input.Tags))
      return {}
    },
  })
  const untag = iamAction({
    name: `Untag${title}`,
    readOnly: false,
    summary: `Removes tags from a ${called}.`,
    input: struct({ ...members, TagKeys: required(tagKeys) }),
    output: struct({}),
    needs: ['principals'],
    resource: (asked) => resource(asked),
    async run({ input, place, principals }) {
      await change({ input, place, principals }, (present) => withoutTags(present, input.TagKeys))
      return {}
    },
  })
  const listTags = iamAction({
    name: `List${title}Tags`,
    readOnly: true,
    summary: `Lists the tags of a ${called}.`,
    input: struct({ ...members, ...page }),
    output: struct({ Tags: required(tags), ...pageEnd }),
    needs: ['principals'],
    resource: (asked) => resource(asked),
    async run({ input, place, principals }) {
      const all = sorted(await read({ input, place, principals }))
      const found = slice(all, ({ Key }) => Key, pageOf(input))
      return { Tags: found.items, ...endOf(found, ({ Key }) => Key) }
    },
  })
  return [tag, untag, listTags]
}

function taggedHolder<T extends User | Role>(kind: HolderKind<T>): Tagged {
  const { members, nameIn, resource } = holderNamed(kind)
  const find = ({ input, ...asked }: Asked) => demandHolder(kind, nameIn(input), asked)
  return {
    title: kind.title,
    called: kind.type,
    members,
    resource,
    read: async (asked) => (await find(asked)).tags,
    async change(asked, changed) {
      const found = await find(asked)
      await kind.entitiesOf(asked.principals).replace({ ...found, tags: changed(found.tags) })
    },
  }
}

const arnIn = (input: object): string => String((input as { readonly PolicyArn?: string }).PolicyArn)
const taggedPolicy: Tagged = {
  title: 'Policy',
  called: 'managed policy',
  members: { PolicyArn: required(arn) },
  resource: ({ input, ...asked }) => policyResource(arnIn(input), asked),
  read: async ({ input, place, principals }) => (await demandPolicy(arnIn(input), place.account, principals)).tags,
  async change({ input, place, principals }, changed) {
    const found = await demandOwnPolicy(arnIn(input), place.account, principals)
    await principals.managedPolicies.replace({ ...found, tags: changed(found.tags) })
  },
}

const providerIn = (input: object): string =>
  String((input as { readonly OpenIDConnectProviderArn?: string }).OpenIDConnectProviderArn)
const taggedProvider: Tagged = {
  title: 'OpenIDConnectProvider',
  called: 'OpenID Connect provider',
  members: { OpenIDConnectProviderArn: required(arn) },
  resource: ({ input, ...asked }) => providerResource(providerIn(input), asked),
  read: async ({ input, ...asked }) => (await demandProvider(providerIn(input), asked)).tags,
  async change({ input, ...asked }, changed) {
    const found = await demandProvider(providerIn(input), asked)
    await asked.principals.oidcProviders.replace({ ...found, tags: changed(found.tags) })
  },
}

export const tagActions = [taggedHolder(users), taggedHolder(roles), taggedPolicy, taggedProvider].flatMap(tagActionsOf)

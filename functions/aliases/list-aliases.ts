import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging } from '../../lib/keys/pages.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { aliasName, arn, keyId, page, pageEnd } from '../../lib/schema/members.ts'
import { timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

const entry = struct({
  AliasName: aliasName,
  AliasArn: arn,
  TargetKeyId: keyId,
  CreationDate: timestamp,
  LastUpdatedDate: timestamp,
})

export const listAliases = operation({
  name: 'ListAliases',
  readOnly: true,
  route: 'GET /aliases',
  summary: 'Lists the aliases of the account, or of one key.',
  input: struct({ KeyId: keyId, ...page }),
  output: struct({ Aliases: required(list(entry)), ...pageEnd }),
  on: { KeyId: { by: 'key', states: states.present, optional: true, filter: true } },
  needs: ['aliases'],
  async run({ input, keys, place, aliases }) {
    const wanted = pageOf(input, paging.aliases)
    const key = keys.KeyId
    const { items, more } = await (key ? aliases.ofKey(key.id, wanted) : aliases.list(place.account, wanted))
    return {
      Aliases: items.map((alias) => ({
        AliasName: alias.name,
        AliasArn: alias.arn,
        TargetKeyId: alias.targetKeyId,
        CreationDate: alias.createdAt,
        LastUpdatedDate: alias.updatedAt,
      })),
      ...endOf(paging.aliases, more, items.at(-1)?.name),
    }
  },
})

export const handler = serve(listAliases)

import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging, slice } from '../../lib/keys/pages.ts'
import { states } from '../../lib/keys/states.ts'
import { sorted } from '../../lib/keys/tags.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, page, pageEnd, tags } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const listResourceTags = operation({
  name: 'ListResourceTags',
  readOnly: true,
  route: 'GET /keys/{KeyId}/tags',
  summary: 'The tags of a key.',
  input: struct({ KeyId: required(keyId), ...page }),
  output: struct({ Tags: required(tags), ...pageEnd }),
  on: { KeyId: { by: 'key', states: states.present } },
  needs: [],
  async run({ input, keys }) {
    const { items, more } = slice(sorted(keys.KeyId.tags), (tag) => tag.TagKey, pageOf(input, paging.tags))
    return { Tags: items, ...endOf(paging.tags, more, items.at(-1)?.TagKey) }
  },
})

export const handler = serve(listResourceTags)

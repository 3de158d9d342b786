import { serve } from '../../lib/http/serve.ts'
import { isGone } from '../../lib/keys/deletion.ts'
import { endOf, pageOf, paging } from '../../lib/keys/pages.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { arn, keyId, page, pageEnd } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const listKeys = operation({
  name: 'ListKeys',
  readOnly: true,
  route: 'GET /keys',
  summary: 'Lists the keys of the account, in every state.',
  input: struct(page),
  output: struct({ Keys: required(list(struct({ KeyId: keyId, KeyArn: arn }))), ...pageEnd }),
  on: {},
  needs: ['keyStore'],
  async run({ input, place, keyStore }) {
    const { items, more } = await keyStore.list(place.account, pageOf(input, paging.keys))
    return {
      Keys: items.filter((key) => !isGone(key)).map((key) => ({ KeyId: key.id, KeyArn: key.arn })),
      ...endOf(paging.keys, more, items.at(-1)?.id),
    }
  },
})

export const handler = serve(listKeys)

import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { withoutTags } from '../../lib/keys/tags.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, tagKeys } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const untagResource = operation({
  name: 'UntagResource',
  readOnly: false,
  route: 'DELETE /keys/{KeyId}/tags',
  summary: 'Removes tags from a key.',
  input: struct({ KeyId: required(keyId), TagKeys: required(tagKeys) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.changeable } },
  needs: ['keyStore'],
  async run({ input, keys, keyStore }) {
    await keyStore.replace({ ...keys.KeyId, tags: withoutTags(keys.KeyId.tags, input.TagKeys) })
    return {}
  },
})

export const handler = serve(untagResource)

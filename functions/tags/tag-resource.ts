import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { withTags } from '../../lib/keys/tags.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, tags } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const tagResource = operation({
  name: 'TagResource',
  readOnly: false,
  route: 'POST /keys/{KeyId}/tags',
  summary: 'Adds tags to a key, or gives them new values.',
  input: struct({ KeyId: required(keyId), Tags: required(tags) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.changeable } },
  needs: ['keyStore'],
  async run({ input, keys, keyStore }) {
    await keyStore.replace({ ...keys.KeyId, tags: withTags(keys.KeyId.tags, input.Tags) })
    return {}
  },
})

export const handler = serve(tagResource)

import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { description, keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const updateKeyDescription = operation({
  name: 'UpdateKeyDescription',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/description',
  summary: 'Describes a key anew.',
  input: struct({ KeyId: required(keyId), Description: required(description) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.changeable } },
  needs: ['keyStore'],
  async run({ input, keys, keyStore }) {
    await keyStore.replace({ ...keys.KeyId, description: input.Description })
    return {}
  },
})

export const handler = serve(updateKeyDescription)

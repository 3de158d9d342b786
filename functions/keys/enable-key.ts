import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const enableKey = operation({
  name: 'EnableKey',
  readOnly: false,
  route: 'POST /keys/{KeyId}/enable',
  summary: 'Lets a disabled key be used again.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.switchable } },
  needs: ['keyStore'],
  async run({ keys, keyStore }) {
    await keyStore.replace({ ...keys.KeyId, state: 'Enabled' })
    return {}
  },
})

export const handler = serve(enableKey)

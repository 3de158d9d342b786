import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const disableKey = operation({
  name: 'DisableKey',
  readOnly: false,
  route: 'POST /keys/{KeyId}/disable',
  summary: 'Stops every use of a key until it is enabled again.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.switchable, lastUse: true } },
  needs: ['keyStore'],
  async run({ keys, keyStore }) {
    await keyStore.replace({ ...keys.KeyId, state: 'Disabled' })
    return {}
  },
})

export const handler = serve(disableKey)

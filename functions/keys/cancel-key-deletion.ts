import { serve } from '../../lib/http/serve.ts'
import { withoutDeletion } from '../../lib/keys/deletion.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const cancelKeyDeletion = operation({
  name: 'CancelKeyDeletion',
  readOnly: false,
  route: 'POST /keys/{KeyId}/cancel-deletion',
  summary: 'Takes back a scheduled deletion; the key stays disabled until it is enabled.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({ KeyId: required(keyId) }),
  on: { KeyId: { by: 'key', states: states.pendingDeletion } },
  needs: ['keyStore'],
  async run({ keys, keyStore }) {
    await keyStore.replace(withoutDeletion(keys.KeyId))
    return { KeyId: keys.KeyId.arn }
  },
})

export const handler = serve(cancelKeyDeletion)

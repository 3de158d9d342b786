import { serve } from '../../lib/http/serve.ts'
import { demandNoReplica } from '../../lib/keys/regions.ts'
import { demandOwnMaterial, withoutRotation } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const disableKeyRotation = operation({
  name: 'DisableKeyRotation',
  readOnly: false,
  route: 'DELETE /keys/{KeyId}/rotation',
  summary: 'Ends the automatic rotation of a key; the versions it has stay.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({}),
  on: { KeyId: { by: 'key', demands: demandOwnMaterial, states: states.usable } },
  needs: ['keyStore'],
  async run({ keys, keyStore }) {
    demandNoReplica(keys.KeyId, 'DisableKeyRotation')
    await keyStore.replace(withoutRotation(keys.KeyId))
    return {}
  },
})

export const handler = serve(disableKeyRotation)

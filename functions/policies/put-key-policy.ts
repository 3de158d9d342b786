import { serve } from '../../lib/http/serve.ts'
import { demandDefaultName, policyFor } from '../../lib/keys/policies.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, policy, policyName } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const putKeyPolicy = operation({
  name: 'PutKeyPolicy',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/policy',
  summary: 'Replaces the policy document of a key.',
  input: struct({
    KeyId: required(keyId),
    PolicyName: withDefault(policyName, 'default'),
    Policy: required(policy),
    BypassPolicyLockoutSafetyCheck: withDefault(boolean, false),
  }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.present } },
  demands: demandDefaultName,
  needs: ['keyStore', 'directory'],
  async run({ input, keys, place, keyStore, directory, permits }) {
    await keyStore.replace({ ...keys.KeyId, ...(await policyFor(input, place, permits, directory)) })
    return {}
  },
})

export const handler = serve(putKeyPolicy)

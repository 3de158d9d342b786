import { serve } from '../../lib/http/serve.ts'
import { demandDefaultName, shownPolicy } from '../../lib/keys/policies.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, policy, policyName } from '../../lib/schema/members.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const getKeyPolicy = operation({
  name: 'GetKeyPolicy',
  readOnly: true,
  route: 'GET /keys/{KeyId}/policy',
  summary: "The key's policy document.",
  input: struct({ KeyId: required(keyId), PolicyName: withDefault(policyName, 'default') }),
  output: struct({ Policy: policy, PolicyName: policyName }),
  on: { KeyId: { by: 'key', states: states.present } },
  demands: demandDefaultName,
  needs: ['directory'],
  async run({ keys, directory }) {
    return { Policy: await shownPolicy(keys.KeyId, directory), PolicyName: 'default' }
  },
})

export const handler = serve(getKeyPolicy)

import { serve } from '../../lib/http/serve.ts'
import { demandOwnMaterial, withRotation } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, rotationPeriod } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const enableKeyRotation = operation({
  name: 'EnableKeyRotation',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/rotation',
  summary: 'Has a key rotated automatically, every so many days.',
  input: struct({ KeyId: required(keyId), RotationPeriodInDays: rotationPeriod }),
  output: struct({}),
  on: { KeyId: { by: 'key', demands: demandOwnMaterial, states: states.usable } },
  needs: ['keyStore'],
  async run({ input, keys, now, keyStore }) {
    await keyStore.replace(withRotation(keys.KeyId, input.RotationPeriodInDays, now))
    return {}
  },
})

export const handler = serve(enableKeyRotation)

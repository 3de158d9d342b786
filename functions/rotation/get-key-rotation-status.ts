import { serve } from '../../lib/http/serve.ts'
import { refuseCustomStore, shownRotation } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, rotationPeriod } from '../../lib/schema/members.ts'
import { boolean, timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const getKeyRotationStatus = operation({
  name: 'GetKeyRotationStatus',
  readOnly: true,
  route: 'GET /keys/{KeyId}/rotation',
  summary: 'Whether a key is rotated automatically, and when next.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({
    KeyRotationEnabled: required(boolean),
    KeyId: required(keyId),
    RotationPeriodInDays: rotationPeriod,
    NextRotationDate: timestamp,
    // Never answered: a rotation on demand is done by the time that it is answered.
    OnDemandRotationStartDate: timestamp,
  }),
  on: { KeyId: { by: 'key', demands: refuseCustomStore, states: states.present, foreign: true } },
  needs: [],
  async run({ keys }) {
    const rotation = shownRotation(keys.KeyId)
    return {
      KeyRotationEnabled: rotation !== undefined,
      KeyId: keys.KeyId.arn,
      RotationPeriodInDays: rotation?.periodInDays,
      NextRotationDate: rotation?.nextAt,
    }
  },
})

export const handler = serve(getKeyRotationStatus)

import { serve } from '../../lib/http/serve.ts'
import { demandNoReplica } from '../../lib/keys/regions.ts'
import { refuseCustomStore, rotateOnDemand } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const rotateKeyOnDemand = operation({
  name: 'RotateKeyOnDemand',
  readOnly: false,
  route: 'POST /keys/{KeyId}/rotations',
  summary: 'Gives a key new material now, up to 25 times; what the old material encrypted still opens.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({ KeyId: required(keyId) }),
  on: { KeyId: { by: 'key', demands: refuseCustomStore, states: states.usable } },
  needs: ['keyStore', 'materials', 'hsm'],
  async run({ keys, now, keyStore, materials, hsm }) {
    demandNoReplica(keys.KeyId, 'RotateKeyOnDemand')
    await rotateOnDemand({ keyStore, materials, hsm }, keys.KeyId, now)
    return { KeyId: keys.KeyId.arn }
  },
})

export const handler = serve(rotateKeyOnDemand)

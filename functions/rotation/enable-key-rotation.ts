import { serve } from '../../lib/http/serve.ts'
import { demandNoReplica } from '../../lib/keys/regions.ts'
import { demandOwnMaterial, withRotation } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, rotationPeriod } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

/** `CreateKeyVersions` is an extension: AWS KMS rotates symmetric keys only, and without it every other key is refused. */
export const enableKeyRotation = operation({
  name: 'EnableKeyRotation',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/rotation',
  summary: 'Has a key rotated automatically, every so many days.',
  input: struct({
    KeyId: required(keyId),
    RotationPeriodInDays: rotationPeriod,
    CreateKeyVersions: withDefault(boolean, false),
  }),
  output: struct({}),
  on: { KeyId: { by: 'key', demands: demandOwnMaterial, states: states.usable } },
  needs: ['keyStore'],
  async run({ input, keys, now, keyStore }) {
    demandNoReplica(keys.KeyId, 'EnableKeyRotation')
    const { RotationPeriodInDays, CreateKeyVersions } = input
    await keyStore.replace(withRotation(keys.KeyId, RotationPeriodInDays, CreateKeyVersions, now))
    return {}
  },
})

export const handler = serve(enableKeyRotation)

import { serve } from '../../lib/http/serve.ts'
import { demandNoReplica } from '../../lib/keys/regions.ts'
import { demandOwnMaterial } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { versionEntry, versionNamed, withVersion } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, keyVersion, keyVersionId } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

/** An extension: AWS KMS has no versions of asymmetric and HMAC keys. */
export const updateKeyVersion = operation({
  name: 'UpdateKeyVersion',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/versions/{KeyVersionId}',
  summary: 'Makes a version of an asymmetric or HMAC key the one it is used with, or disables or enables it.',
  input: struct({
    KeyId: required(keyId),
    KeyVersionId: required(keyVersionId),
    SetAsPrimary: boolean,
    Enabled: boolean,
  }),
  output: struct({ KeyId: required(keyId), KeyVersion: required(keyVersion) }),
  on: { KeyId: { by: 'key', demands: demandOwnMaterial, states: states.changeable } },
  needs: ['keyStore', 'materials'],
  async run({ input, keys, keyStore, materials }) {
    demandNoReplica(keys.KeyId, 'UpdateKeyVersion')
    const version = await versionNamed(materials, keys.KeyId, input.KeyVersionId)
    const key = withVersion(keys.KeyId, version, input)
    await keyStore.replace(key)
    return { KeyId: key.arn, KeyVersion: versionEntry(key, version) }
  },
})

export const handler = serve(updateKeyVersion)

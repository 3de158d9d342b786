import { serve } from '../../lib/http/serve.ts'
import { demandNoReplica } from '../../lib/keys/regions.ts'
import { demandOwnMaterial } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { addVersion, demandNewVersion, versionEntry } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, keyVersion } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

/** An extension: AWS KMS has no versions of asymmetric and HMAC keys. */
export const createKeyVersion = operation({
  name: 'CreateKeyVersion',
  readOnly: false,
  route: 'POST /keys/{KeyId}/versions',
  summary: 'Gives a key of any spec another version, which it is used with from now on unless told otherwise.',
  input: struct({ KeyId: required(keyId), SetAsPrimary: withDefault(boolean, true) }),
  output: struct({ KeyId: required(keyId), KeyVersion: required(keyVersion) }),
  on: { KeyId: { by: 'key', demands: demandOwnMaterial, states: states.usable } },
  needs: ['keyStore', 'materials', 'hsm'],
  async run({ input, keys: { KeyId: key }, now, keyStore, materials, hsm }) {
    demandNoReplica(key, 'CreateKeyVersion')
    await demandNewVersion(materials, key, input.SetAsPrimary)
    const rotation = input.SetAsPrimary ? 'ON_DEMAND' : undefined
    const made = await addVersion({ keyStore, materials, hsm }, key, now, rotation)
    return { KeyId: key.arn, KeyVersion: versionEntry(made.key, made.version) }
  },
})

export const handler = serve(createKeyVersion)

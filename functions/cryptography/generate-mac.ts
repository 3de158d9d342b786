import { serve } from '../../lib/http/serve.ts'
import { macs } from '../../lib/keys/rules.ts'
import { toldVersion, versionToUse } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { dryRun, grantTokens, keyId, keyVersionId, mac, macAlgorithm, message } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const generateMac = operation({
  name: 'GenerateMac',
  readOnly: true,
  route: 'POST /keys/{KeyId}/mac',
  summary: 'Makes the HMAC of a message of up to 4096 bytes.',
  input: struct({
    Message: required(message),
    KeyId: required(keyId),
    MacAlgorithm: required(macAlgorithm),
    GrantTokens: grantTokens,
    DryRun: dryRun,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    Mac: required(mac),
    MacAlgorithm: required(macAlgorithm),
    KeyId: required(keyId),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: macs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const version = await versionToUse(materials, keys.KeyId, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    return {
      Mac: await hsm.generateMac(version, input.Message),
      MacAlgorithm: input.MacAlgorithm,
      KeyId: keys.KeyId.arn,
      ...toldVersion(keys.KeyId, version),
    }
  },
})

export const handler = serve(generateMac)

import { serve } from '../../lib/http/serve.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { macs } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { dryRun, grantTokens, keyId, mac, macAlgorithm, message } from '../../lib/schema/members.ts'
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
  }),
  output: struct({ Mac: required(mac), MacAlgorithm: required(macAlgorithm), KeyId: required(keyId) }),
  on: { KeyId: macs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm }) {
    const material = await currentMaterial(materials, keys.KeyId)
    return {
      Mac: await hsm.generateMac(material, input.Message),
      MacAlgorithm: input.MacAlgorithm,
      KeyId: keys.KeyId.arn,
    }
  },
})

export const handler = serve(generateMac)

import { equal } from '../../lib/bytes.ts'
import { KMSInvalidMacException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { macs } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { dryRun, grantTokens, keyId, mac, macAlgorithm, message } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const verifyMac = operation({
  name: 'VerifyMac',
  readOnly: true,
  route: 'POST /keys/{KeyId}/verify-mac',
  summary: 'Verifies an HMAC; one that is not right is an error, never an answer.',
  input: struct({
    Message: required(message),
    KeyId: required(keyId),
    MacAlgorithm: required(macAlgorithm),
    Mac: required(mac),
    GrantTokens: grantTokens,
    DryRun: dryRun,
  }),
  output: struct({ KeyId: required(keyId), MacValid: required(boolean), MacAlgorithm: required(macAlgorithm) }),
  on: { KeyId: macs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm }) {
    const material = await currentMaterial(materials, keys.KeyId)
    if (!equal(await hsm.generateMac(material, input.Message), input.Mac)) throw new KMSInvalidMacException()
    return { KeyId: keys.KeyId.arn, MacValid: true, MacAlgorithm: input.MacAlgorithm }
  },
})

export const handler = serve(verifyMac)

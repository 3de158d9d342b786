import { serve } from '../../lib/http/serve.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { signing } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  dryRun,
  grantTokens,
  keyId,
  message,
  messageType,
  signature,
  signingAlgorithm,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const sign = operation({
  name: 'Sign',
  readOnly: true,
  route: 'POST /keys/{KeyId}/sign',
  summary: 'Signs a message of up to 4096 bytes, or the digest of a longer one.',
  input: struct({
    KeyId: required(keyId),
    Message: required(message),
    MessageType: messageType,
    GrantTokens: grantTokens,
    SigningAlgorithm: required(signingAlgorithm),
    DryRun: dryRun,
  }),
  output: struct({
    KeyId: required(keyId),
    Signature: required(signature),
    SigningAlgorithm: required(signingAlgorithm),
  }),
  on: { KeyId: signing },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm }) {
    const material = await currentMaterial(materials, keys.KeyId)
    return {
      KeyId: keys.KeyId.arn,
      Signature: await hsm.sign(material, input.SigningAlgorithm, input.MessageType, input.Message),
      SigningAlgorithm: input.SigningAlgorithm,
    }
  },
})

export const handler = serve(sign)

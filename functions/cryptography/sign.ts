import { serve } from '../../lib/http/serve.ts'
import { signing } from '../../lib/keys/rules.ts'
import { toldVersion, versionToUse } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  dryRun,
  grantTokens,
  keyId,
  keyVersionId,
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
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    Signature: required(signature),
    SigningAlgorithm: required(signingAlgorithm),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: signing },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const version = await versionToUse(materials, keys.KeyId, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    return {
      KeyId: keys.KeyId.arn,
      Signature: await hsm.sign(version, input.SigningAlgorithm, input.MessageType, input.Message),
      SigningAlgorithm: input.SigningAlgorithm,
      ...toldVersion(keys.KeyId, version),
    }
  },
})

export const handler = serve(sign)

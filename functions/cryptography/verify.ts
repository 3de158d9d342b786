import { isSignature } from '../../lib/crypto/signing.ts'
import { KMSInvalidSignatureException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { currentMaterial, publicKeyOf } from '../../lib/keys/materials.ts'
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
import { boolean } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const verify = operation({
  name: 'Verify',
  readOnly: true,
  route: 'POST /keys/{KeyId}/verify',
  summary: 'Verifies a signature; one that is not right is an error, never an answer.',
  input: struct({
    KeyId: required(keyId),
    Message: required(message),
    MessageType: messageType,
    Signature: required(signature),
    SigningAlgorithm: required(signingAlgorithm),
    GrantTokens: grantTokens,
    DryRun: dryRun,
  }),
  output: struct({
    KeyId: required(keyId),
    SignatureValid: required(boolean),
    SigningAlgorithm: required(signingAlgorithm),
  }),
  on: { KeyId: signing },
  needs: ['materials'],
  async run({ input, keys, materials }) {
    const spki = publicKeyOf(await currentMaterial(materials, keys.KeyId))
    const { SigningAlgorithm, MessageType, Message, Signature } = input
    if (!isSignature(SigningAlgorithm, MessageType, spki, Message, Signature)) throw new KMSInvalidSignatureException()
    return { KeyId: keys.KeyId.arn, SignatureValid: true, SigningAlgorithm }
  },
})

export const handler = serve(verify)

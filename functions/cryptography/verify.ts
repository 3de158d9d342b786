import { isSignature } from '../../lib/crypto/signing.ts'
import { KMSInvalidSignatureException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { publicKeyOf } from '../../lib/keys/materials.ts'
import { signing } from '../../lib/keys/rules.ts'
import { firstOf, toldVersion, versionsToTry } from '../../lib/keys/versions.ts'
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
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    SignatureValid: required(boolean),
    SigningAlgorithm: required(signingAlgorithm),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: signing },
  needs: ['materials'],
  async run({ input, keys, materials, note }) {
    const { SigningAlgorithm, MessageType, Message, Signature } = input
    const signer = await firstOf(versionsToTry(materials, keys.KeyId, input.KeyVersionId), (version) =>
      isSignature(SigningAlgorithm, MessageType, publicKeyOf(version), Message, Signature),
    )
    if (!signer) throw new KMSInvalidSignatureException()
    note({ keyMaterialId: signer.id })
    return { KeyId: keys.KeyId.arn, SignatureValid: true, SigningAlgorithm, ...toldVersion(keys.KeyId, signer) }
  },
})

export const handler = serve(verify)

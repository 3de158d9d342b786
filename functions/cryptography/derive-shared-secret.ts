import { peerPoint } from '../../lib/crypto/agreement.ts'
import { serve } from '../../lib/http/serve.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
import { agreement } from '../../lib/keys/rules.ts'
import { toldVersion, versionToUse } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dryRun,
  grantTokens,
  keyAgreementAlgorithm,
  keyId,
  keyOrigin,
  keyVersionId,
  publicKey,
  recipient,
  sharedSecret,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const deriveSharedSecret = operation({
  name: 'DeriveSharedSecret',
  readOnly: true,
  route: 'POST /keys/{KeyId}/derive-shared-secret',
  summary: "Agrees on a secret with the holder of another key on the same curve, by that key's public half.",
  input: struct({
    KeyId: required(keyId),
    KeyAgreementAlgorithm: required(keyAgreementAlgorithm),
    PublicKey: required(publicKey),
    GrantTokens: grantTokens,
    DryRun: dryRun,
    Recipient: recipient,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    SharedSecret: sharedSecret,
    CiphertextForRecipient: ciphertext,
    KeyAgreementAlgorithm: required(keyAgreementAlgorithm),
    KeyOrigin: required(keyOrigin),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: agreement },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note, recipient: to }) {
    const key = keys.KeyId
    const peer = peerPoint(input.PublicKey, key.spec)
    const version = await versionToUse(materials, key, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    const secret = await hsm.deriveSharedSecret(version, peer)
    return {
      KeyId: key.arn,
      ...(await answerTo(to, hsm, 'SharedSecret', secret)),
      KeyAgreementAlgorithm: input.KeyAgreementAlgorithm,
      KeyOrigin: key.origin,
      ...toldVersion(key, version),
    }
  },
})

export const handler = serve(deriveSharedSecret)

import { serve } from '../../lib/http/serve.ts'
import { demandCiphertext } from '../../lib/keys/demands.ts'
import { open, toldMaterialId } from '../../lib/keys/encryption.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
import { encryption } from '../../lib/keys/rules.ts'
import { toldVersion } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dryRun,
  dryRunModifiers,
  encryptionAlgorithm,
  encryptionContext,
  grantTokens,
  keyId,
  keyVersionId,
  materialId,
  plaintext,
  recipient,
} from '../../lib/schema/members.ts'

export const decrypt = operation({
  name: 'Decrypt',
  readOnly: true,
  route: 'POST /decrypt',
  summary: 'Decrypts a ciphertext; it names its own key.',
  input: struct({
    CiphertextBlob: ciphertext,
    EncryptionContext: encryptionContext,
    GrantTokens: grantTokens,
    KeyId: keyId,
    EncryptionAlgorithm: encryptionAlgorithm,
    Recipient: recipient,
    DryRun: dryRun,
    DryRunModifiers: dryRunModifiers,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: keyId,
    Plaintext: plaintext,
    EncryptionAlgorithm: encryptionAlgorithm,
    CiphertextForRecipient: ciphertext,
    KeyMaterialId: materialId,
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: encryption('', 'CiphertextBlob') },
  demands: demandCiphertext,
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note, recipient: to }) {
    const { EncryptionAlgorithm: algorithm, CiphertextBlob: blob = new Uint8Array() } = input
    const { EncryptionContext: context, KeyVersionId: versionId } = input
    const opened = await open({ materials, hsm }, keys.KeyId, { algorithm, blob, context, versionId })
    const { material } = opened
    note({ keyMaterialId: material.id })
    const answer = await answerTo(to, hsm, 'Plaintext', opened.plaintext)
    return {
      KeyId: keys.KeyId.arn,
      ...answer,
      EncryptionAlgorithm: algorithm,
      KeyMaterialId: to ? undefined : toldMaterialId(material),
      ...toldVersion(keys.KeyId, material),
    }
  },
})

export const handler = serve(decrypt)

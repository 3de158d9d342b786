import { serve } from '../../lib/http/serve.ts'
import { demandCiphertext, refuseRecipient } from '../../lib/keys/demands.ts'
import { openerOf } from '../../lib/keys/materials.ts'
import { encryption } from '../../lib/keys/rules.ts'
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
  }),
  output: struct({
    KeyId: keyId,
    Plaintext: plaintext,
    EncryptionAlgorithm: encryptionAlgorithm,
    CiphertextForRecipient: ciphertext,
    KeyMaterialId: materialId,
  }),
  on: { KeyId: encryption('', 'CiphertextBlob') },
  demands(input) {
    refuseRecipient(input)
    demandCiphertext(input)
  },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const { material, ciphertext: blob } = await openerOf(
      materials,
      keys.KeyId,
      input.CiphertextBlob ?? new Uint8Array(),
    )
    note({ keyMaterialId: material.id })
    return {
      KeyId: keys.KeyId.arn,
      Plaintext: await hsm.decrypt(material, blob, input.EncryptionContext ?? {}),
      EncryptionAlgorithm: input.EncryptionAlgorithm,
      KeyMaterialId: material.id,
    }
  },
})

export const handler = serve(decrypt)

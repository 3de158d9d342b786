import { wipedAfter } from '../../lib/bytes.ts'
import { serve } from '../../lib/http/serve.ts'
import { demandCiphertext } from '../../lib/keys/demands.ts'
import { currentMaterial, openerOf } from '../../lib/keys/materials.ts'
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
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const reEncrypt = operation({
  name: 'ReEncrypt',
  readOnly: true,
  route: 'POST /re-encrypt',
  summary: 'Decrypts and encrypts again under another key or context, without showing the plaintext.',
  input: struct({
    CiphertextBlob: ciphertext,
    SourceEncryptionContext: encryptionContext,
    SourceKeyId: keyId,
    DestinationKeyId: required(keyId),
    DestinationEncryptionContext: encryptionContext,
    SourceEncryptionAlgorithm: encryptionAlgorithm,
    DestinationEncryptionAlgorithm: encryptionAlgorithm,
    GrantTokens: grantTokens,
    DryRun: dryRun,
    DryRunModifiers: dryRunModifiers,
  }),
  output: struct({
    CiphertextBlob: ciphertext,
    SourceKeyId: keyId,
    KeyId: keyId,
    SourceEncryptionAlgorithm: encryptionAlgorithm,
    DestinationEncryptionAlgorithm: encryptionAlgorithm,
    SourceKeyMaterialId: materialId,
    DestinationKeyMaterialId: materialId,
  }),
  on: {
    SourceKeyId: { ...encryption('Source', 'CiphertextBlob'), action: 'kms:ReEncryptFrom' },
    DestinationKeyId: { ...encryption('Destination'), action: 'kms:ReEncryptTo' },
  },
  demands: demandCiphertext,
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const source = await openerOf(materials, keys.SourceKeyId, input.CiphertextBlob ?? new Uint8Array())
    const destination = await currentMaterial(materials, keys.DestinationKeyId)
    note({ sourceKeyMaterialId: source.material.id, destinationKeyMaterialId: destination.id })
    const opened = await hsm.decrypt(source.material, source.ciphertext, input.SourceEncryptionContext ?? {})
    const context = input.DestinationEncryptionContext ?? {}
    return {
      CiphertextBlob: await wipedAfter(opened, (plaintext) => hsm.encrypt(destination, plaintext, context)),
      SourceKeyId: keys.SourceKeyId.arn,
      KeyId: keys.DestinationKeyId.arn,
      SourceEncryptionAlgorithm: input.SourceEncryptionAlgorithm,
      DestinationEncryptionAlgorithm: input.DestinationEncryptionAlgorithm,
      SourceKeyMaterialId: source.material.id,
      DestinationKeyMaterialId: destination.id,
    }
  },
})

export const handler = serve(reEncrypt)

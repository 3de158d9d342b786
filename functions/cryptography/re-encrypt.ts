import { serve } from '../../lib/http/serve.ts'
import { demandCiphertext } from '../../lib/keys/demands.ts'
import { openAndSeal, toldMaterialId } from '../../lib/keys/encryption.ts'
import { reEncryption } from '../../lib/keys/rules.ts'
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
    SourceKeyVersionId: keyVersionId,
  }),
  output: struct({
    CiphertextBlob: ciphertext,
    SourceKeyId: keyId,
    KeyId: keyId,
    SourceEncryptionAlgorithm: encryptionAlgorithm,
    DestinationEncryptionAlgorithm: encryptionAlgorithm,
    SourceKeyMaterialId: materialId,
    DestinationKeyMaterialId: materialId,
    SourceKeyVersionId: keyVersionId,
  }),
  on: reEncryption,
  demands: demandCiphertext,
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const { source, destination, blob } = await openAndSeal({ materials, hsm }, keys, input)
    note({ sourceKeyMaterialId: source.id, destinationKeyMaterialId: destination.id })
    return {
      CiphertextBlob: blob,
      SourceKeyId: keys.SourceKeyId.arn,
      KeyId: keys.DestinationKeyId.arn,
      SourceEncryptionAlgorithm: input.SourceEncryptionAlgorithm,
      DestinationEncryptionAlgorithm: input.DestinationEncryptionAlgorithm,
      SourceKeyMaterialId: toldMaterialId(source),
      DestinationKeyMaterialId: toldMaterialId(destination),
      SourceKeyVersionId: toldVersion(keys.SourceKeyId, source).KeyVersionId,
    }
  },
})

export const handler = serve(reEncrypt)

import { serve } from '../../lib/http/serve.ts'
import { seal } from '../../lib/keys/encryption.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { encryption } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dryRun,
  encryptionAlgorithm,
  encryptionContext,
  grantTokens,
  keyId,
  plaintext,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const encrypt = operation({
  name: 'Encrypt',
  readOnly: true,
  route: 'POST /keys/{KeyId}/encrypt',
  summary: 'Encrypts up to 4096 bytes under a key.',
  input: struct({
    KeyId: required(keyId),
    Plaintext: required(plaintext),
    EncryptionContext: encryptionContext,
    GrantTokens: grantTokens,
    EncryptionAlgorithm: encryptionAlgorithm,
    DryRun: dryRun,
  }),
  output: struct({
    CiphertextBlob: required(ciphertext),
    KeyId: required(keyId),
    EncryptionAlgorithm: required(encryptionAlgorithm),
  }),
  on: { KeyId: encryption('') },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const material = await currentMaterial(materials, keys.KeyId)
    note({ keyMaterialId: material.id })
    const { EncryptionAlgorithm, Plaintext, EncryptionContext } = input
    return {
      CiphertextBlob: await seal(hsm, material, EncryptionAlgorithm, Plaintext, EncryptionContext),
      KeyId: keys.KeyId.arn,
      EncryptionAlgorithm,
    }
  },
})

export const handler = serve(encrypt)

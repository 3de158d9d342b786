import { wipedAfter } from '../../lib/bytes.ts'
import { serve } from '../../lib/http/serve.ts'
import { dataKeyLength } from '../../lib/keys/demands.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { dataKeys } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dataKeySpec,
  dryRun,
  encryptionContext,
  grantTokens,
  keyId,
  materialId,
  numberOfBytes,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const generateDataKeyWithoutPlaintext = operation({
  name: 'GenerateDataKeyWithoutPlaintext',
  readOnly: true,
  route: 'POST /keys/{KeyId}/data-keys-without-plaintext',
  summary: 'Makes a data key and answers it encrypted under the key only.',
  input: struct({
    KeyId: required(keyId),
    EncryptionContext: encryptionContext,
    KeySpec: dataKeySpec,
    NumberOfBytes: numberOfBytes,
    GrantTokens: grantTokens,
    DryRun: dryRun,
  }),
  output: struct({ CiphertextBlob: required(ciphertext), KeyId: required(keyId), KeyMaterialId: materialId }),
  on: { KeyId: dataKeys },
  demands: (input) => void dataKeyLength(input),
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const material = await currentMaterial(materials, keys.KeyId)
    note({ keyMaterialId: material.id })
    const dataKey = await hsm.random(dataKeyLength(input))
    const context = input.EncryptionContext ?? {}
    return {
      CiphertextBlob: await wipedAfter(dataKey, (plaintext) => hsm.encrypt(material, plaintext, context)),
      KeyId: keys.KeyId.arn,
      KeyMaterialId: material.id,
    }
  },
})

export const handler = serve(generateDataKeyWithoutPlaintext)

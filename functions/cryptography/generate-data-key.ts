import { serve } from '../../lib/http/serve.ts'
import { dataKeyLength } from '../../lib/keys/demands.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
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
  plaintext,
  recipient,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const generateDataKey = operation({
  name: 'GenerateDataKey',
  readOnly: true,
  route: 'POST /keys/{KeyId}/data-keys',
  summary: 'Makes a data key: in clear to use now, and encrypted under the key to keep.',
  input: struct({
    KeyId: required(keyId),
    EncryptionContext: encryptionContext,
    NumberOfBytes: numberOfBytes,
    KeySpec: dataKeySpec,
    GrantTokens: grantTokens,
    Recipient: recipient,
    DryRun: dryRun,
  }),
  output: struct({
    CiphertextBlob: required(ciphertext),
    Plaintext: plaintext,
    KeyId: required(keyId),
    CiphertextForRecipient: ciphertext,
    KeyMaterialId: materialId,
  }),
  on: { KeyId: dataKeys },
  demands: (input) => void dataKeyLength(input),
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note, recipient: to }) {
    const material = await currentMaterial(materials, keys.KeyId)
    note({ keyMaterialId: material.id })
    const dataKey = await hsm.random(dataKeyLength(input))
    return {
      CiphertextBlob: await hsm.encrypt(material, dataKey, input.EncryptionContext ?? {}),
      ...(await answerTo(to, hsm, 'Plaintext', dataKey)),
      KeyId: keys.KeyId.arn,
      KeyMaterialId: to ? undefined : material.id,
    }
  },
})

export const handler = serve(generateDataKey)

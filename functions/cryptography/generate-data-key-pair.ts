import { generateKeyPair } from '../../lib/crypto/key-pairs.ts'
import { serve } from '../../lib/http/serve.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
import { dataKeyPairs } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dataKeyPairSpec,
  dryRun,
  encryptionContext,
  grantTokens,
  keyId,
  materialId,
  plaintext,
  publicKey,
  recipient,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const generateDataKeyPair = operation({
  name: 'GenerateDataKeyPair',
  readOnly: true,
  route: 'POST /keys/{KeyId}/data-key-pairs',
  summary: 'Makes a key pair for use outside: its private key in clear, and encrypted under the key to keep.',
  input: struct({
    EncryptionContext: encryptionContext,
    KeyId: required(keyId),
    KeyPairSpec: required(dataKeyPairSpec),
    GrantTokens: grantTokens,
    Recipient: recipient,
    DryRun: dryRun,
  }),
  output: struct({
    PrivateKeyCiphertextBlob: required(ciphertext),
    PrivateKeyPlaintext: plaintext,
    PublicKey: required(publicKey),
    KeyId: required(keyId),
    KeyPairSpec: required(dataKeyPairSpec),
    CiphertextForRecipient: ciphertext,
    KeyMaterialId: materialId,
  }),
  on: { KeyId: dataKeyPairs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note, recipient: to }) {
    const material = await currentMaterial(materials, keys.KeyId)
    note({ keyMaterialId: material.id })
    const pair = await generateKeyPair(input.KeyPairSpec, hsm.random.bind(hsm))
    return {
      PrivateKeyCiphertextBlob: await hsm.encrypt(material, pair.privateKey, input.EncryptionContext ?? {}),
      ...(await answerTo(to, hsm, 'PrivateKeyPlaintext', pair.privateKey)),
      PublicKey: pair.publicKey,
      KeyId: keys.KeyId.arn,
      KeyPairSpec: input.KeyPairSpec,
      KeyMaterialId: to ? undefined : material.id,
    }
  },
})

export const handler = serve(generateDataKeyPair)

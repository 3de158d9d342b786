import { wipedAfter } from '../../lib/bytes.ts'
import { generateKeyPair } from '../../lib/crypto/key-pairs.ts'
import { serve } from '../../lib/http/serve.ts'
import { currentMaterial } from '../../lib/keys/materials.ts'
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
  publicKey,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const generateDataKeyPairWithoutPlaintext = operation({
  name: 'GenerateDataKeyPairWithoutPlaintext',
  readOnly: true,
  route: 'POST /keys/{KeyId}/data-key-pairs-without-plaintext',
  summary: 'Makes a key pair for use outside, and answers its private key encrypted under the key only.',
  input: struct({
    EncryptionContext: encryptionContext,
    KeyId: required(keyId),
    KeyPairSpec: required(dataKeyPairSpec),
    GrantTokens: grantTokens,
    DryRun: dryRun,
  }),
  output: struct({
    PrivateKeyCiphertextBlob: required(ciphertext),
    PublicKey: required(publicKey),
    KeyId: required(keyId),
    KeyPairSpec: required(dataKeyPairSpec),
    KeyMaterialId: materialId,
  }),
  on: { KeyId: dataKeyPairs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const material = await currentMaterial(materials, keys.KeyId)
    note({ keyMaterialId: material.id })
    const pair = await generateKeyPair(input.KeyPairSpec, hsm.random.bind(hsm))
    const context = input.EncryptionContext ?? {}
    return {
      PrivateKeyCiphertextBlob: await wipedAfter(pair.privateKey, (secret) => hsm.encrypt(material, secret, context)),
      PublicKey: pair.publicKey,
      KeyId: keys.KeyId.arn,
      KeyPairSpec: input.KeyPairSpec,
      KeyMaterialId: material.id,
    }
  },
})

export const handler = serve(generateDataKeyPairWithoutPlaintext)

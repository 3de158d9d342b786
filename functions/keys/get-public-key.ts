import { algorithmsOf } from '../../lib/crypto/specs.ts'
import { serve } from '../../lib/http/serve.ts'
import { publicKeyOf } from '../../lib/keys/materials.ts'
import { algorithmList } from '../../lib/keys/metadata.ts'
import { publication } from '../../lib/keys/rules.ts'
import { toldVersion, versionToPublish } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { grantTokens, keyId, keyVersionId, publicKey } from '../../lib/schema/members.ts'
import { string } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

const words = list(string())

export const getPublicKey = operation({
  name: 'GetPublicKey',
  readOnly: true,
  route: 'GET /keys/{KeyId}/public-key',
  summary: 'The public half of an asymmetric key, as SPKI in DER; a disabled key has one too.',
  input: struct({ KeyId: required(keyId), GrantTokens: grantTokens, KeyVersionId: keyVersionId }),
  output: struct({
    KeyId: required(keyId),
    PublicKey: required(publicKey),
    CustomerMasterKeySpec: required(string()),
    KeySpec: required(string()),
    KeyUsage: required(string()),
    EncryptionAlgorithms: words,
    SigningAlgorithms: words,
    KeyAgreementAlgorithms: words,
    EncapsulationAlgorithms: words,
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: publication },
  needs: ['materials'],
  async run({ input, keys, materials, note }) {
    const { KeyId: key } = keys
    const version = await versionToPublish(materials, key, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    return {
      KeyId: key.arn,
      PublicKey: publicKeyOf(version),
      CustomerMasterKeySpec: key.spec,
      KeySpec: key.spec,
      KeyUsage: key.usage,
      [algorithmList[key.usage]]: algorithmsOf(key.spec, key.usage),
      ...toldVersion(key, version),
    }
  },
})

export const handler = serve(getPublicKey)

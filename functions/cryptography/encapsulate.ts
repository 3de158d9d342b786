import { encapsulateTo } from '../../lib/crypto/encapsulation.ts'
import { serve } from '../../lib/http/serve.ts'
import { publicKeyOf } from '../../lib/keys/materials.ts'
import { encapsulation } from '../../lib/keys/rules.ts'
import { toldVersion, versionToUse } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dryRun,
  encapsulationAlgorithm,
  grantTokens,
  keyId,
  keyVersionId,
  sharedSecret,
} from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const encapsulate = operation({
  name: 'Encapsulate',
  readOnly: true,
  route: 'POST /keys/{KeyId}/encapsulate',
  summary: 'Makes a shared secret, and the ciphertext from which the key alone opens it again.',
  input: struct({
    KeyId: required(keyId),
    EncapsulationAlgorithm: required(encapsulationAlgorithm),
    GrantTokens: grantTokens,
    DryRun: dryRun,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    SharedSecret: required(sharedSecret),
    SharedSecretCiphertextBlob: required(ciphertext),
    EncapsulationAlgorithm: required(encapsulationAlgorithm),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: encapsulation },
  needs: ['materials'],
  async run({ input, keys, materials, note }) {
    const version = await versionToUse(materials, keys.KeyId, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    const { secret, ciphertext: blob } = encapsulateTo(publicKeyOf(version))
    return {
      KeyId: keys.KeyId.arn,
      SharedSecret: secret,
      SharedSecretCiphertextBlob: blob,
      EncapsulationAlgorithm: input.EncapsulationAlgorithm,
      ...toldVersion(keys.KeyId, version),
    }
  },
})

export const handler = serve(encapsulate)

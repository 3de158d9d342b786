import { encapsulateTo } from '../../lib/crypto/encapsulation.ts'
import { serve } from '../../lib/http/serve.ts'
import { currentMaterial, publicKeyOf } from '../../lib/keys/materials.ts'
import { encapsulation } from '../../lib/keys/rules.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  dryRun,
  encapsulationAlgorithm,
  grantTokens,
  keyId,
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
  }),
  output: struct({
    KeyId: required(keyId),
    SharedSecret: required(sharedSecret),
    SharedSecretCiphertextBlob: required(ciphertext),
    EncapsulationAlgorithm: required(encapsulationAlgorithm),
  }),
  on: { KeyId: encapsulation },
  needs: ['materials'],
  async run({ input, keys, materials }) {
    const { secret, ciphertext: blob } = encapsulateTo(publicKeyOf(await currentMaterial(materials, keys.KeyId)))
    return {
      KeyId: keys.KeyId.arn,
      SharedSecret: secret,
      SharedSecretCiphertextBlob: blob,
      EncapsulationAlgorithm: input.EncapsulationAlgorithm,
    }
  },
})

export const handler = serve(encapsulate)

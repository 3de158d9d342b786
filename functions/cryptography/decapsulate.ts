import { demandCapsule } from '../../lib/crypto/encapsulation.ts'
import { serve } from '../../lib/http/serve.ts'
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

export const decapsulate = operation({
  name: 'Decapsulate',
  readOnly: true,
  route: 'POST /keys/{KeyId}/decapsulate',
  summary:
    'Opens the shared secret of a ciphertext; another ciphertext of its length gives another secret, not an error.',
  input: struct({
    KeyId: required(keyId),
    SharedSecretCiphertextBlob: required(ciphertext),
    EncapsulationAlgorithm: required(encapsulationAlgorithm),
    GrantTokens: grantTokens,
    DryRun: dryRun,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    SharedSecret: required(sharedSecret),
    EncapsulationAlgorithm: required(encapsulationAlgorithm),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: encapsulation },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const capsule = input.SharedSecretCiphertextBlob
    demandCapsule(keys.KeyId.spec, capsule)
    const version = await versionToUse(materials, keys.KeyId, input.KeyVersionId)
    note({ keyMaterialId: version.id })
    return {
      KeyId: keys.KeyId.arn,
      SharedSecret: await hsm.decapsulate(version, capsule),
      EncapsulationAlgorithm: input.EncapsulationAlgorithm,
      ...toldVersion(keys.KeyId, version),
    }
  },
})

export const handler = serve(decapsulate)

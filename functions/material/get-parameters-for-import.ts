import { wrappingFor } from '../../lib/crypto/import-wrapping.ts'
import { KMSInternalException, ValidationException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { encodeImportToken, ownerOfImportKey, tokenLifeMs } from '../../lib/keys/import-token.ts'
import { demandExternal } from '../../lib/keys/imports.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { importPublicKey, importToken, keyId, wrappingAlgorithm, wrappingKeySpec } from '../../lib/schema/members.ts'
import { timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const getParametersForImport = operation({
  name: 'GetParametersForImport',
  readOnly: true,
  route: 'POST /keys/{KeyId}/import-parameters',
  summary: 'A public key to wrap key material with, and the token that goes with it, for a day.',
  input: struct({
    KeyId: required(keyId),
    WrappingAlgorithm: required(wrappingAlgorithm),
    WrappingKeySpec: required(wrappingKeySpec),
  }),
  output: struct({ KeyId: keyId, ImportToken: importToken, PublicKey: importPublicKey, ParametersValidTo: timestamp }),
  on: { KeyId: { by: 'key', demands: demandExternal, states: states.importable } },
  needs: ['hsm'],
  async run({ input, keys, now, hsm }) {
    const { WrappingAlgorithm, WrappingKeySpec } = input
    const key = keys.KeyId
    const algorithm = wrappingFor(key.spec, WrappingAlgorithm, WrappingKeySpec)
    if (!algorithm) {
      throw new ValidationException(
        `Wrapping algorithm ${WrappingAlgorithm} and wrapping key spec ${WrappingKeySpec} cannot be used to import a ${key.spec} key.`,
      )
    }
    const token = { algorithm, wrappingKeySpec: WrappingKeySpec, expiresAt: now + tokenLifeMs }
    const { wrapped, publicKey: PublicKey } = await hsm.generate(ownerOfImportKey(key, token))
    // INVARIANT: import keys are key pairs.
    if (!PublicKey) throw new KMSInternalException()
    return {
      KeyId: key.arn,
      ImportToken: encodeImportToken(key, token, wrapped),
      PublicKey,
      ParametersValidTo: token.expiresAt,
    }
  },
})

export const handler = serve(getParametersForImport)

import { serve } from '../../lib/http/serve.ts'
import { decodeImportToken, ownerOfImportKey } from '../../lib/keys/import-token.ts'
import { demandExternal, demandImportMembers, validToOf, withImported } from '../../lib/keys/imports.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  ciphertext,
  expirationModel,
  importToken,
  keyId,
  materialDescription,
  materialId,
} from '../../lib/schema/members.ts'
import { oneOf, timestamp } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const importKeyMaterial = operation({
  name: 'ImportKeyMaterial',
  readOnly: false,
  route: 'POST /keys/{KeyId}/material',
  summary: 'Takes key material from outside into a key of origin EXTERNAL.',
  input: struct({
    KeyId: required(keyId),
    ImportToken: required(importToken),
    EncryptedKeyMaterial: required(ciphertext),
    ValidTo: timestamp,
    ExpirationModel: withDefault(expirationModel, 'KEY_MATERIAL_EXPIRES'),
    ImportType: oneOf(['NEW_KEY_MATERIAL', 'EXISTING_KEY_MATERIAL']),
    KeyMaterialDescription: materialDescription,
    KeyMaterialId: materialId,
  }),
  output: struct({ KeyId: keyId, KeyMaterialId: materialId }),
  on: { KeyId: { by: 'key', demands: demandExternal, states: states.importing } },
  needs: ['keyStore', 'materials', 'hsm'],
  async run({ input, keys, now, keyStore, materials, hsm }) {
    const key = keys.KeyId
    demandImportMembers(key, input)
    const validTo = validToOf(input, now)
    const token = decodeImportToken(input.ImportToken, key, now)
    const importKey = { owner: ownerOfImportKey(key, token), wrapped: token.wrapped }
    const encrypted = input.EncryptedKeyMaterial
    const taken = await hsm.importMaterial({ importKey, algorithm: token.algorithm, encrypted, target: key })
    const { materialId: id, ...material } = taken
    const changed = withImported(key, { materialId: id, validTo }, input)
    const number = (changed.imports ?? []).findIndex((each) => each.materialId === id) + 1
    await materials.put({
      keyId: key.id,
      account: key.account,
      id,
      number,
      spec: key.spec,
      createdAt: now,
      ...material,
    })
    await keyStore.replace(changed)
    return { KeyId: key.arn, KeyMaterialId: key.spec === 'SYMMETRIC_DEFAULT' ? id : undefined }
  },
})

export const handler = serve(importKeyMaterial)

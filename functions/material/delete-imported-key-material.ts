import { serve } from '../../lib/http/serve.ts'
import { deletedId, demandExternal, withoutMaterial } from '../../lib/keys/imports.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, materialId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const deleteImportedKeyMaterial = operation({
  name: 'DeleteImportedKeyMaterial',
  readOnly: false,
  route: 'DELETE /keys/{KeyId}/material',
  summary: 'Deletes imported key material at once; the key waits until the same material is imported again.',
  input: struct({ KeyId: required(keyId), KeyMaterialId: materialId }),
  output: struct({ KeyId: keyId, KeyMaterialId: materialId }),
  on: { KeyId: { by: 'key', demands: demandExternal, states: states.unloadable } },
  needs: ['keyStore', 'materials'],
  async run({ input, keys, keyStore, materials }) {
    const key = keys.KeyId
    const id = deletedId(key, input.KeyMaterialId)
    if (id === undefined) return { KeyId: key.arn }
    // The key first, so that nobody is sent to material that is gone; then the blob, and no other that came meanwhile.
    const material = await materials.find(key.id, id)
    await keyStore.replace(withoutMaterial(key, id))
    if (material) await materials.remove(material)
    return { KeyId: key.arn, KeyMaterialId: key.spec === 'SYMMETRIC_DEFAULT' ? id : undefined }
  },
})

export const handler = serve(deleteImportedKeyMaterial)

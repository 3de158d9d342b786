import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging, slice } from '../../lib/keys/pages.ts'
import { refuseCustomStore, shownRotations } from '../../lib/keys/rotation.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { keyId, materialId, page, pageEnd } from '../../lib/schema/members.ts'
import { oneOf, string, timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

const rotation = struct({
  KeyId: keyId,
  KeyMaterialId: materialId,
  KeyMaterialDescription: string(),
  ImportState: string(),
  KeyMaterialState: string(),
  ExpirationModel: string(),
  ValidTo: timestamp,
  RotationDate: timestamp,
  RotationType: string(),
})

export const listKeyRotations = operation({
  name: 'ListKeyRotations',
  readOnly: true,
  route: 'GET /keys/{KeyId}/rotations',
  summary: 'The rotations of a key, oldest first; or all of its key material.',
  input: struct({
    KeyId: required(keyId),
    IncludeKeyMaterial: oneOf(['ALL_KEY_MATERIAL', 'ROTATIONS_ONLY']),
    ...page,
  }),
  output: struct({ Rotations: required(list(rotation)), ...pageEnd }),
  on: { KeyId: { by: 'key', demands: refuseCustomStore, states: states.present } },
  needs: ['materials'],
  async run({ input, keys, materials }) {
    const shown = await shownRotations(materials, keys.KeyId, input.IncludeKeyMaterial)
    const { items, more } = slice(shown, ({ at }) => at, pageOf(input, paging.rotations))
    return { Rotations: items.map(({ entry }) => entry), ...endOf(paging.rotations, more, items.at(-1)?.at) }
  },
})

export const handler = serve(listKeyRotations)

import { serve } from '../../lib/http/serve.ts'
import { demandRoomForAlias, demandSameClass, existingAlias } from '../../lib/keys/aliases.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { aliasName, keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const updateAlias = operation({
  name: 'UpdateAlias',
  readOnly: false,
  route: 'PUT /aliases/{AliasName}',
  summary: 'Points an alias at another key of the same kind.',
  input: struct({ AliasName: required(aliasName), TargetKeyId: required(keyId) }),
  output: struct({}),
  alias: 'AliasName',
  on: {
    AliasName: { by: 'alias-name', states: states.present },
    TargetKeyId: { by: 'target', states: states.changeable },
  },
  needs: ['aliases'],
  async run({ input, keys, place, now, aliases }) {
    const { AliasName: from, TargetKeyId: to } = keys
    demandSameClass(input.AliasName, from, to)
    const alias = await existingAlias(aliases, place, input.AliasName)
    if (alias.targetKeyId !== to.id) await demandRoomForAlias(aliases, to)
    await aliases.replace({ ...alias, targetKeyId: to.id, updatedAt: now })
    return {}
  },
})

export const handler = serve(updateAlias)

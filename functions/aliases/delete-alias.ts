import { serve } from '../../lib/http/serve.ts'
import { existingAlias } from '../../lib/keys/aliases.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { aliasName } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const deleteAlias = operation({
  name: 'DeleteAlias',
  readOnly: false,
  route: 'DELETE /aliases/{AliasName}',
  summary: 'Removes an alias; its key stays.',
  input: struct({ AliasName: required(aliasName) }),
  output: struct({}),
  alias: 'AliasName',
  on: { AliasName: { by: 'alias-name', states: states.present } },
  needs: ['aliases'],
  async run({ input, place, aliases }) {
    await aliases.remove(await existingAlias(aliases, place, input.AliasName))
    return {}
  },
})

export const handler = serve(deleteAlias)

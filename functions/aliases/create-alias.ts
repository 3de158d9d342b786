import { aliasArn } from '../../lib/arn.ts'
import { AlreadyExistsException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { demandRoomForAlias, newAlias } from '../../lib/keys/aliases.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { aliasName, keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const createAlias = operation({
  name: 'CreateAlias',
  readOnly: false,
  route: 'POST /aliases',
  summary: 'Gives a key a name.',
  input: struct({ AliasName: required(aliasName), TargetKeyId: required(keyId) }),
  output: struct({}),
  alias: 'AliasName',
  on: { TargetKeyId: { by: 'target', states: states.changeable } },
  needs: ['aliases'],
  async run({ input, keys, place, now, aliases }) {
    const name = input.AliasName
    const target = keys.TargetKeyId
    if (await aliases.find(place.account, name, { fresh: true })) {
      throw new AlreadyExistsException(`An alias with the name ${aliasArn(place, name)} already exists`)
    }
    await demandRoomForAlias(aliases, target)
    await aliases.create(newAlias(place, name, target.id, now))
    return {}
  },
})

export const handler = serve(createAlias)

import { serve } from '../../lib/http/serve.ts'
import { handedOver, movesTo } from '../../lib/keys/multi-region.ts'
import { demandState, states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { successorOf } from '../../lib/regions/replication.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId, region } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const updatePrimaryRegion = operation({
  name: 'UpdatePrimaryRegion',
  readOnly: false,
  route: 'PUT /keys/{KeyId}/primary-region',
  summary: 'Makes a replica the primary key of its family, and the primary key a replica.',
  input: struct({ KeyId: required(keyId), PrimaryRegion: required(region) }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.usable } },
  further: { UpdatePrimaryRegion: 'key in `PrimaryRegion`' },
  needs: ['keyStore', 'materials', 'peers'],
  async run({ input, keys: { KeyId: key }, demand, keyStore, peers }) {
    if (!movesTo(key, input.PrimaryRegion)) return {}
    const successor = await successorOf(peers, key, input.PrimaryRegion)
    await demand('UpdatePrimaryRegion', successor)
    demandState(successor, states.usable)
    await keyStore.replace(handedOver(key, input.PrimaryRegion))
    return {}
  },
})

export const handler = serve(updatePrimaryRegion)

import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { disconnected } from '../../lib/stores/changes.ts'
import { storeToChange, withStore } from '../../lib/stores/finding.ts'

export const disconnectCustomKeyStore = operation({
  name: 'DisconnectCustomKeyStore',
  readOnly: false,
  route: 'POST /custom-key-stores/{CustomKeyStoreId}/disconnect',
  summary: 'Disconnects a custom key store; its keys cannot be used until it is connected again.',
  input: struct({ CustomKeyStoreId: required(customKeyStoreId) }),
  output: struct({}),
  on: {},
  needs: ['keyStores', 'clusters'],
  async run({ input, place, keyStores, clusters }) {
    const { all, store } = await storeToChange(keyStores, place.account, input.CustomKeyStoreId)
    await keyStores.replace(withStore(all, disconnected(store)))
    if (store.cluster) await clusters.disconnect(store.cluster.id)
    return {}
  },
})

export const handler = serve(disconnectCustomKeyStore)

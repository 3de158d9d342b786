import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { connected } from '../../lib/stores/changes.ts'
import { storeToChange, withStore } from '../../lib/stores/finding.ts'

export const connectCustomKeyStore = operation({
  name: 'ConnectCustomKeyStore',
  readOnly: false,
  route: 'POST /custom-key-stores/{CustomKeyStoreId}/connect',
  summary: 'Connects a custom key store; whether it came to that, DescribeCustomKeyStores says.',
  input: struct({ CustomKeyStoreId: required(customKeyStoreId) }),
  output: struct({}),
  on: {},
  needs: ['keyStores', 'clusters', 'xks'],
  async run({ input, place, keyStores, clusters, xks, proxyCall }) {
    const { all, store } = await storeToChange(keyStores, place.account, input.CustomKeyStoreId)
    await keyStores.replace(withStore(all, await connected(store, clusters, xks, proxyCall)))
    return {}
  },
})

export const handler = serve(connectCustomKeyStore)

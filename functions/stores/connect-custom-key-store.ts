import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { connect } from '../../lib/stores/changes.ts'

export const connectCustomKeyStore = operation({
  name: 'ConnectCustomKeyStore',
  readOnly: false,
  route: 'POST /custom-key-stores/{CustomKeyStoreId}/connect',
  summary: 'Connects a custom key store; whether it came to that, DescribeCustomKeyStores says.',
  input: struct({ CustomKeyStoreId: required(customKeyStoreId) }),
  output: struct({}),
  on: {},
  needs: ['keyStores', 'clusters', 'xks', 'hsm'],
  async run({ input, place: { account }, now, keyStores, clusters, xks, hsm, proxyCall }) {
    await connect(input.CustomKeyStoreId, { account, now }, { keyStores, clusters, xks, hsm }, proxyCall)
    return {}
  },
})

export const handler = serve(connectCustomKeyStore)

import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  clusterId,
  keyStoreName,
  keyStorePassword,
  proxyConnectivity,
  proxyCredential,
  proxyEndpoint,
  proxyPath,
  proxyServiceOrNone,
  proxyServiceOwner,
} from '../../lib/schema/key-stores.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { demandChange, demandHealthy, reachesAnew, updated } from '../../lib/stores/changes.ts'
import { demandUnique } from '../../lib/stores/creation.ts'
import { storeToChange, withStore } from '../../lib/stores/finding.ts'

export const updateCustomKeyStore = operation({
  name: 'UpdateCustomKeyStore',
  readOnly: false,
  route: 'PUT /custom-key-stores/{CustomKeyStoreId}',
  summary: 'Changes the name of a custom key store, or how it is reached.',
  input: struct({
    CustomKeyStoreId: required(customKeyStoreId),
    NewCustomKeyStoreName: keyStoreName,
    KeyStorePassword: keyStorePassword,
    CloudHsmClusterId: clusterId,
    XksProxyUriEndpoint: proxyEndpoint,
    XksProxyUriPath: proxyPath,
    XksProxyVpcEndpointServiceName: proxyServiceOrNone,
    XksProxyVpcEndpointServiceOwner: proxyServiceOwner,
    XksProxyAuthenticationCredential: proxyCredential,
    XksProxyConnectivity: proxyConnectivity,
  }),
  output: struct({}),
  on: {},
  demands: demandChange,
  needs: ['keyStores', 'clusters', 'xks', 'hsm'],
  async run({ input, place: { account }, now, uuid, keyStores, clusters, xks, hsm, proxyCall }) {
    const { all, store } = await storeToChange(keyStores, account, input.CustomKeyStoreId)
    const changed = await updated(store, input, { hsm, clusters, account, now, uuid })
    demandUnique(all, changed)
    if (reachesAnew(store, changed)) await demandHealthy(changed, xks, proxyCall, 'updated')
    await keyStores.replace(withStore(all, changed))
    return {}
  },
})

export const handler = serve(updateCustomKeyStore)

import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  clusterId,
  keyStoreName,
  keyStorePassword,
  keyStoreType,
  proxyConnectivity,
  proxyCredential,
  proxyEndpoint,
  proxyPath,
  proxyService,
  proxyServiceOwner,
  trustAnchor,
} from '../../lib/schema/key-stores.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'
import { demandHealthy } from '../../lib/stores/changes.ts'
import { demandMembers, demandRoom, demandUnique, newKeyStore } from '../../lib/stores/creation.ts'

export const createCustomKeyStore = operation({
  name: 'CreateCustomKeyStore',
  readOnly: false,
  route: 'POST /custom-key-stores',
  summary: 'Makes another HSM, or an external key manager behind its proxy, known as a place for keys.',
  input: struct({
    CustomKeyStoreName: required(keyStoreName),
    CloudHsmClusterId: clusterId,
    TrustAnchorCertificate: trustAnchor,
    KeyStorePassword: keyStorePassword,
    CustomKeyStoreType: withDefault(keyStoreType, 'AWS_CLOUDHSM'),
    XksProxyUriEndpoint: proxyEndpoint,
    XksProxyUriPath: proxyPath,
    XksProxyVpcEndpointServiceName: proxyService,
    XksProxyVpcEndpointServiceOwner: proxyServiceOwner,
    XksProxyAuthenticationCredential: proxyCredential,
    XksProxyConnectivity: proxyConnectivity,
  }),
  output: struct({ CustomKeyStoreId: customKeyStoreId }),
  on: {},
  demands: demandMembers,
  needs: ['keyStores', 'clusters', 'xks', 'hsm'],
  async run({ input, place: { account }, now, uuid, keyStores, clusters, xks, hsm, proxyCall }) {
    const all = await keyStores.of(account, { fresh: true })
    demandRoom(all)
    const store = await newKeyStore(input, { hsm, clusters, account, now, uuid })
    demandUnique(all, store)
    await demandHealthy(store, xks, proxyCall, 'created')
    await keyStores.replace({ ...all, stores: [...all.stores, store] })
    return { CustomKeyStoreId: store.id }
  },
})

export const handler = serve(createCustomKeyStore)

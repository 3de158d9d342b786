/** What UpdateCustomKeyStore, ConnectCustomKeyStore and the others make of a store (kms-api.md §9). */
import {
  CloudHsmClusterNotActiveException,
  CloudHsmClusterNotRelatedException,
  CustomKeyStoreHasCMKsException,
  KMSInternalException,
  ValidationException,
} from '../errors.ts'
import type { Hsm, Keys } from '../ports.ts'
import { clusterMembers, demandCluster, demandService, externalMembers, refuseMembers } from './creation.ts'
import { connectionError, whileConfiguring } from './failures.ts'
import { demandState, storeToChange, withStore } from './finding.ts'
import type { Cluster, ConnectionErrorCode, Connectivity, KeyStore, XksProxy } from './key-store.ts'
import type { Clusters, KeyStores, ProxyCall, Xks } from './ports.ts'
import { proofOf, proxyCredential, wrappedPassword } from './secrets.ts'

interface UpdateInput {
  readonly NewCustomKeyStoreName?: string | undefined
  readonly KeyStorePassword?: string | undefined
  readonly CloudHsmClusterId?: string | undefined
  readonly XksProxyConnectivity?: Connectivity | undefined
  readonly XksProxyUriEndpoint?: string | undefined
  readonly XksProxyUriPath?: string | undefined
  readonly XksProxyVpcEndpointServiceName?: string | undefined
  readonly XksProxyVpcEndpointServiceOwner?: string | undefined
  readonly XksProxyAuthenticationCredential?:
    | { readonly AccessKeyId: string; readonly RawSecretAccessKey: string }
    | undefined
}

/** What may change while a store is connected, too. */
const changeableAlways = new Set([
  'CustomKeyStoreId',
  'NewCustomKeyStoreName',
  'XksProxyUriPath',
  'XksProxyAuthenticationCredential',
])

/** @throws ValidationException: an update changes something */
export function demandChange(input: UpdateInput): void {
  if (Object.entries(input).every(([name, value]) => name === 'CustomKeyStoreId' || value === undefined)) {
    throw new ValidationException('Specify at least one property of the custom key store to change.')
  }
}

interface Circumstances {
  readonly hsm: Pick<Hsm, 'wrapSecret'>
  readonly clusters: Clusters
  readonly account: string
  readonly now: number
  readonly uuid: () => string
}

/**
 * The store with what an input changes; not checked against the others yet.
 * @throws ValidationException, CustomKeyStoreInvalidStateException, CloudHsmCluster… exceptions
 */
export async function updated(store: KeyStore, input: UpdateInput, at: Circumstances): Promise<KeyStore> {
  const type = store.proxy ? 'EXTERNAL_KEY_STORE' : 'AWS_CLOUDHSM'
  refuseMembers(input, store.proxy ? clusterMembers : externalMembers, type)
  const always = Object.entries(input).every(([name, value]) => value === undefined || changeableAlways.has(name))
  demandState(store, always ? ['CONNECTED', 'DISCONNECTED'] : ['DISCONNECTED'])
  const renamed = { ...store, name: input.NewCustomKeyStoreName ?? store.name }
  if (store.proxy) return { ...renamed, proxy: await updatedProxy(store.proxy, input, at) }
  // INVARIANT: a store has a proxy or a cluster.
  if (!store.cluster) throw new KMSInternalException()
  const { CloudHsmClusterId: id = store.cluster.id, KeyStorePassword: password } = input
  if (id !== store.cluster.id) await demandRelated(store.cluster, id, at)
  const changed = password !== undefined && { password: await wrappedPassword(at.hsm, at.account, store.id, password) }
  return { ...renamed, cluster: { ...store.cluster, id, ...changed } }
}

/** @throws CloudHsmClusterNotFoundException, CloudHsmClusterNotActiveException, CloudHsmClusterNotRelatedException */
async function demandRelated({ lineage }: Cluster, id: string, { clusters, account }: Circumstances): Promise<void> {
  demandCluster(clusters, id, account)
  if (lineage === undefined) return
  const other = await clusters.lineageOf(id)
  await clusters.disconnect(id)
  if (other === undefined) throw new CloudHsmClusterNotActiveException(`CloudHSM cluster ${id} cannot be opened.`)
  if (other !== lineage) {
    throw new CloudHsmClusterNotRelatedException(`CloudHSM cluster ${id} has other root keys than this key store's.`)
  }
}

async function updatedProxy(proxy: XksProxy, input: UpdateInput, at: Circumstances): Promise<XksProxy> {
  const connectivity = input.XksProxyConnectivity ?? proxy.connectivity
  const endpoint = input.XksProxyUriEndpoint ?? proxy.endpoint
  if (connectivity !== proxy.connectivity && endpoint === proxy.endpoint) {
    throw new ValidationException('XksProxyUriEndpoint must change when XksProxyConnectivity changes.')
  }
  const kept = connectivity === 'VPC_ENDPOINT_SERVICE' ? proxy.service : undefined
  // An empty name is how a client says that there is none any more.
  const name = (input.XksProxyVpcEndpointServiceName ?? kept?.name) || undefined
  const owner = input.XksProxyVpcEndpointServiceOwner ?? kept?.owner
  demandService({
    XksProxyConnectivity: connectivity,
    XksProxyVpcEndpointServiceName: name,
    XksProxyVpcEndpointServiceOwner: owner,
  })
  const given = input.XksProxyAuthenticationCredential
  return {
    connectivity,
    endpoint,
    path: input.XksProxyUriPath ?? proxy.path,
    credential: given ? await proxyCredential(at.hsm, given, { ...at, id: at.uuid() }) : proxy.credential,
    ...(name !== undefined && { service: { name, owner: owner ?? at.account } }),
  }
}

/**
 * A proxy that is to be used is asked for its health first: one with a public endpoint always, one behind a VPC endpoint
 * service from its connection on.
 * @throws XksProxy… exceptions
 */
export async function demandHealthy({ proxy }: KeyStore, xks: Xks, call: ProxyCall, when: 'created' | 'updated') {
  if (!proxy || (when === 'created' && proxy.connectivity === 'VPC_ENDPOINT_SERVICE')) return
  await whileConfiguring(xks.checkHealth(proxy, call))
}

/** Whether an update changes how the proxy is reached, or as whom. */
export const reachesAnew = (before: KeyStore, after: KeyStore): boolean =>
  JSON.stringify({ ...before.proxy, credential: before.proxy?.credential.id }) !==
  JSON.stringify({ ...after.proxy, credential: after.proxy?.credential.id })

interface ConnectionPorts {
  readonly hsm: Pick<Hsm, 'mac' | 'random'>
  readonly keyStores: KeyStores
  readonly clusters: Clusters
  readonly xks: Xks
}

/**
 * Connects a store, which is CONNECTING meanwhile and then CONNECTED, or FAILED with the reason. One that a process
 * left CONNECTING when it ended can be connected again, or disconnected. A connection that stands is left alone: it is
 * not put at risk by asking for it twice.
 * @throws CustomKeyStoreNotFoundException, CustomKeyStoreInvalidStateException
 */
export async function connect(
  id: string,
  { account, now }: { readonly account: string; readonly now: number },
  ports: ConnectionPorts,
  call: ProxyCall,
): Promise<void> {
  const { all, store } = await storeToChange(ports.keyStores, account, id)
  demandState(store, ['CONNECTED', 'CONNECTING', 'DISCONNECTED'])
  if (store.state === 'CONNECTED') return
  const connecting = withStore(all, { ...store, state: 'CONNECTING' })
  await ports.keyStores.replace(connecting)
  const outcome = await attempt(store, account, ports, call)
  const after = { ...store, ...outcome, ...(outcome.state === 'CONNECTED' && { connectedAt: now }) }
  await ports.keyStores.replace(withStore({ ...connecting, revision: all.revision + 1 }, after))
}

type Outcome = Pick<KeyStore, 'state' | 'error' | 'cluster'>

async function attempt(
  { id, proxy, cluster }: KeyStore,
  account: string,
  { hsm, clusters, xks }: ConnectionPorts,
  call: ProxyCall,
): Promise<Outcome> {
  if (proxy) return outcomeOf(await connectionError(xks.checkHealth(proxy, call)))
  // INVARIANT: a store has a proxy or a cluster.
  if (!cluster) throw new KMSInternalException()
  if (!clusters.has(cluster.id, account)) return outcomeOf('CLUSTER_NOT_FOUND')
  const error = await clusters.connect(cluster.id, await proofOf(hsm, account, id, cluster.password))
  if (error) return outcomeOf(error)
  const lineage = await clusters.lineageOf(cluster.id)
  if (lineage !== undefined && lineage === (cluster.lineage ?? lineage)) {
    return { ...outcomeOf(undefined), cluster: { ...cluster, lineage } }
  }
  // Another token stands in the place of the one that the store's keys are in.
  await clusters.disconnect(cluster.id)
  return outcomeOf('CLUSTER_NOT_FOUND')
}

const outcomeOf = (error: ConnectionErrorCode | undefined): Outcome =>
  error ? { state: 'FAILED', error } : { state: 'CONNECTED' }

/** @throws CustomKeyStoreInvalidStateException */
export function disconnected(store: KeyStore): KeyStore {
  demandState(store, ['CONNECTED', 'CONNECTING', 'FAILED'])
  const { error: _, ...kept } = store
  return { ...kept, state: 'DISCONNECTED' }
}

/** @throws CustomKeyStoreInvalidStateException, CustomKeyStoreHasCMKsException */
export async function demandDeletable(store: KeyStore, account: string, keys: Keys): Promise<void> {
  demandState(store, ['DISCONNECTED'])
  for (let after: string | undefined; ; ) {
    const { items, more } = await keys.list(account, { limit: 1000, ...(after !== undefined && { after }) })
    if (items.some(({ keyStore }) => keyStore?.id === store.id)) {
      throw new CustomKeyStoreHasCMKsException(`Custom key store ${store.id} contains KMS keys.`)
    }
    after = items.at(-1)?.id
    if (!more || after === undefined) return
  }
}

import { X509Certificate } from 'node:crypto'
import { hex } from '../bytes.ts'
import {
  CloudHsmClusterInUseException,
  CloudHsmClusterNotFoundException,
  CustomKeyStoreNameInUseException,
  IncorrectTrustAnchorException,
  KMSInternalException,
  LimitExceededException,
  ValidationException,
  XksProxyUriEndpointInUseException,
  XksProxyUriInUseException,
  XksProxyVpcEndpointServiceInUseException,
} from '../errors.ts'
import type { Hsm } from '../ports.ts'
import type { AccountKeyStores, Connectivity, KeyStore, KeyStoreType } from './key-store.ts'
import type { Clusters } from './ports.ts'
import { proxyCredential, wrappedPassword } from './secrets.ts'

const atMost = 10

/** The members that one type of store has and the other has not (kms-api.md §9). */
export const clusterMembers = ['CloudHsmClusterId', 'KeyStorePassword', 'TrustAnchorCertificate'] as const
const proxyMembers = [
  'XksProxyConnectivity',
  'XksProxyUriEndpoint',
  'XksProxyUriPath',
  'XksProxyAuthenticationCredential',
] as const
const serviceMembers = ['XksProxyVpcEndpointServiceName', 'XksProxyVpcEndpointServiceOwner'] as const
export const externalMembers = [...proxyMembers, ...serviceMembers] as const

type Credential = { readonly AccessKeyId: string; readonly RawSecretAccessKey: string }

interface CreationInput {
  readonly CustomKeyStoreName: string
  readonly CustomKeyStoreType: KeyStoreType
  readonly CloudHsmClusterId?: string | undefined
  readonly TrustAnchorCertificate?: string | undefined
  readonly KeyStorePassword?: string | undefined
  readonly XksProxyConnectivity?: Connectivity | undefined
  readonly XksProxyUriEndpoint?: string | undefined
  readonly XksProxyUriPath?: string | undefined
  readonly XksProxyVpcEndpointServiceName?: string | undefined
  readonly XksProxyVpcEndpointServiceOwner?: string | undefined
  readonly XksProxyAuthenticationCredential?: Credential | undefined
}
type Input = Readonly<Record<string, unknown>>

/** @throws ValidationException naming the first member that a store of this type must not have */
export function refuseMembers(input: object, members: readonly string[], type: KeyStoreType): void {
  const given = members.find((member) => (input as Input)[member] !== undefined)
  if (given !== undefined)
    throw new ValidationException(`${given} is not valid for a custom key store of type ${type}.`)
}

function requireMembers(input: object, members: readonly string[], what: string): void {
  const missing = members.find((member) => (input as Input)[member] === undefined)
  if (missing !== undefined) throw new ValidationException(`${missing} is required for ${what}.`)
}

/** @throws ValidationException unless the members are those of the store's type */
export function demandMembers(input: CreationInput): void {
  const type = input.CustomKeyStoreType
  const external = type === 'EXTERNAL_KEY_STORE'
  refuseMembers(input, external ? clusterMembers : externalMembers, type)
  requireMembers(input, external ? proxyMembers : clusterMembers, `a custom key store of type ${type}`)
  if (external) demandService(input)
}

/** @throws ValidationException unless a VPC endpoint service is named where it is used, and only there */
export function demandService(input: Partial<CreationInput>): void {
  if (input.XksProxyConnectivity === 'VPC_ENDPOINT_SERVICE') {
    requireMembers(input, serviceMembers.slice(0, 1), 'XksProxyConnectivity VPC_ENDPOINT_SERVICE')
    return
  }
  const given = serviceMembers.find((member) => input[member] !== undefined)
  if (given !== undefined) {
    throw new ValidationException(`${given} is valid only with XksProxyConnectivity VPC_ENDPOINT_SERVICE.`)
  }
}

interface Circumstances {
  readonly hsm: Pick<Hsm, 'random' | 'wrapSecret'>
  readonly clusters: Clusters
  readonly account: string
  readonly now: number
  readonly uuid: () => string
}

/**
 * The store that an input asks for: disconnected, and not checked against the others yet.
 * @throws CloudHsmClusterNotFoundException, IncorrectTrustAnchorException
 */
export async function newKeyStore(input: CreationInput, at: Circumstances): Promise<KeyStore> {
  const { hsm, account, now } = at
  const id = `cks-${hex(await hsm.random(9)).slice(1)}`
  const store = { id, name: input.CustomKeyStoreName, createdAt: now, state: 'DISCONNECTED' } as const
  const { CloudHsmClusterId: clusterId, KeyStorePassword: password, TrustAnchorCertificate: trustAnchor } = input
  if (clusterId !== undefined && password !== undefined && trustAnchor !== undefined) {
    demandCluster(at.clusters, clusterId, account)
    demandCertificate(trustAnchor)
    return {
      ...store,
      cluster: { id: clusterId, trustAnchor, password: await wrappedPassword(hsm, account, id, password) },
    }
  }
  const { XksProxyConnectivity: connectivity, XksProxyUriEndpoint: endpoint, XksProxyUriPath: path } = input
  const given = input.XksProxyAuthenticationCredential
  // INVARIANT: demandMembers has seen to it that the members are those of one type or the other.
  if (!connectivity || endpoint === undefined || path === undefined || !given) throw new KMSInternalException()
  const credential = await proxyCredential(hsm, given, { id: at.uuid(), account, now })
  const name = input.XksProxyVpcEndpointServiceName
  const service =
    name === undefined ? {} : { service: { name, owner: input.XksProxyVpcEndpointServiceOwner ?? account } }
  return { ...store, proxy: { connectivity, endpoint, path, credential, ...service } }
}

/** @throws CloudHsmClusterNotFoundException */
export function demandCluster(clusters: Clusters, id: string, account: string): void {
  if (!clusters.has(id, account)) throw new CloudHsmClusterNotFoundException(`CloudHSM cluster ${id} is not found.`)
}

function demandCertificate(pem: string): void {
  try {
    new X509Certificate(pem)
  } catch (cause) {
    throw new IncorrectTrustAnchorException('The trust anchor certificate is not an X.509 certificate in PEM form.', {
      cause,
    })
  }
}

/** @throws LimitExceededException when the account has all the stores it may have */
export function demandRoom({ stores }: AccountKeyStores): void {
  if (stores.length >= atMost) {
    throw new LimitExceededException(`You have reached the limit of ${atMost} custom key stores in this account.`)
  }
}

const endpointOf = ({ proxy }: KeyStore): string | undefined => proxy?.endpoint.toLowerCase()

/**
 * What two stores of an account must not share, in the order in which it is looked at.
 * @throws CustomKeyStoreNameInUseException, CloudHsmClusterInUseException, XksProxy…InUseException
 */
export function demandUnique({ stores }: AccountKeyStores, store: KeyStore): void {
  const others = stores.filter(({ id }) => id !== store.id)
  if (others.some(({ name }) => name === store.name)) {
    throw new CustomKeyStoreNameInUseException(`The custom key store name ${store.name} is in use.`)
  }
  const { cluster, proxy } = store
  if (cluster && others.some((each) => each.cluster?.id === cluster.id)) {
    throw new CloudHsmClusterInUseException(`CloudHSM cluster ${cluster.id} is in use by another custom key store.`)
  }
  if (!proxy) return
  const sharing = others.filter((each) => endpointOf(each) === endpointOf(store))
  if (sharing.some((each) => each.proxy?.path === proxy.path)) {
    throw new XksProxyUriInUseException(`${proxy.endpoint}${proxy.path} is in use by another external key store.`)
  }
  // A private DNS name is one store's alone; public stores may share an endpoint with each other.
  const alone = proxy.connectivity === 'VPC_ENDPOINT_SERVICE'
  if (sharing.some((each) => alone || each.proxy?.connectivity === 'VPC_ENDPOINT_SERVICE')) {
    throw new XksProxyUriEndpointInUseException(`${proxy.endpoint} is in use by another external key store.`)
  }
  const { service } = proxy
  if (service && others.some((each) => each.proxy?.service?.name === service.name)) {
    throw new XksProxyVpcEndpointServiceInUseException(`${service.name} is in use by another external key store.`)
  }
}

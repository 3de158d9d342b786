import {
  CustomKeyStoreInvalidStateException,
  CustomKeyStoreNotFoundException,
  UnsupportedOperationException,
  ValidationException,
} from '../errors.ts'
import { endOf, type Paging, pageOf, slice } from '../keys/pages.ts'
import type { Hsm } from '../ports.ts'
import type { keyStoreEntry } from '../schema/key-stores.ts'
import type { Of } from '../schema/shape.ts'
import type { AccountKeyStores, ConnectionState, KeyStore } from './key-store.ts'
import type { Clusters, KeyStores } from './ports.ts'

const byId = ({ id }: KeyStore): string => id
/** kms-api.md §8.4 does not state its bounds: those of most lists. */
const paging: Paging = { tag: 's', byDefault: 100, atMost: 1000 }

/** @throws CustomKeyStoreNotFoundException */
export function storeIn(all: AccountKeyStores, id: string): KeyStore {
  const store = all.stores.find((each) => each.id === id)
  if (!store) throw new CustomKeyStoreNotFoundException(`Custom key store ${id} is not found.`)
  return store
}

/** The stores of an account as they are in the store, for changing one, and that one. */
export async function storeToChange(keyStores: KeyStores, account: string, id: string) {
  const all = await keyStores.of(account, { fresh: true })
  return { all, store: storeIn(all, id) }
}

/** The account's stores with one of them changed. */
export const withStore = (all: AccountKeyStores, changed: KeyStore): AccountKeyStores => ({
  ...all,
  stores: all.stores.map((each) => (each.id === changed.id ? changed : each)),
})

export const withoutStore = (all: AccountKeyStores, removed: KeyStore): AccountKeyStores => ({
  ...all,
  stores: all.stores.filter(({ id }) => id !== removed.id),
})

/** The clusters whose tokens may be open, each with when it was connected; undefined while it is being connected. */
export const connectedClusters = ({ stores }: AccountKeyStores): ReadonlyMap<string, number | undefined> =>
  new Map(
    stores.flatMap(({ cluster, state, connectedAt }): [string, number | undefined][] => {
      if (!cluster || (state !== 'CONNECTED' && state !== 'CONNECTING')) return []
      return [[cluster.id, state === 'CONNECTED' ? connectedAt : undefined]]
    }),
  )

/** @throws CustomKeyStoreInvalidStateException */
export function demandState({ id, state }: KeyStore, allowed: readonly ConnectionState[]): void {
  if (!allowed.includes(state)) {
    throw new CustomKeyStoreInvalidStateException(
      `Custom key store ${id} is ${state}; this operation is valid only when it is ${allowed.join(' or ')}.`,
    )
  }
}

/**
 * The HSM of a connected store that is a CloudHSM cluster's.
 * @throws CustomKeyStoreInvalidStateException
 */
export async function hsmOfStore(store: KeyStore, clusters: Clusters): Promise<Hsm> {
  demandState(store, ['CONNECTED'])
  const hsm = store.cluster && (await clusters.hsmOf(store.cluster.id))
  if (!hsm) throw new CustomKeyStoreInvalidStateException(`The HSM of custom key store ${store.id} cannot be reached.`)
  return hsm
}

/**
 * Where random bytes come from: the HSM here, or that of a store. An external key store gives none.
 * @throws CustomKeyStoreNotFoundException, UnsupportedOperationException, CustomKeyStoreInvalidStateException
 */
export async function randomSource(
  ports: { readonly hsm: Hsm; readonly keyStores: KeyStores; readonly clusters: Clusters },
  account: string,
  id: string | undefined,
): Promise<Hsm> {
  if (id === undefined) return ports.hsm
  const store = storeIn(await ports.keyStores.of(account), id)
  if (store.proxy) throw new UnsupportedOperationException(`Custom key store ${id} is an external key store.`)
  return hsmOfStore(store, ports.clusters)
}

interface Wanted {
  readonly CustomKeyStoreId?: string | undefined
  readonly CustomKeyStoreName?: string | undefined
  readonly Limit?: number | undefined
  readonly Marker?: string | undefined
}

/** @throws ValidationException: DescribeCustomKeyStores takes an id or a name */
export function refuseIdAndName(input: Wanted): void {
  if (input.CustomKeyStoreId !== undefined && input.CustomKeyStoreName !== undefined) {
    throw new ValidationException('You can specify either CustomKeyStoreId or CustomKeyStoreName, but not both.')
  }
}

/**
 * A page of the account's stores, or the one that is asked for.
 * @throws CustomKeyStoreNotFoundException, InvalidMarkerException
 */
export function described({ stores }: AccountKeyStores, input: Wanted) {
  const { CustomKeyStoreId: id, CustomKeyStoreName: name } = input
  const page = pageOf(input, paging)
  const found = stores.filter(
    (each) => (id === undefined || each.id === id) && (name === undefined || each.name === name),
  )
  const asked = id ?? name
  if (asked !== undefined && found.length === 0) {
    throw new CustomKeyStoreNotFoundException(`Custom key store ${asked} is not found.`)
  }
  const { items, more } = slice(
    found.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    byId,
    page,
  )
  return { CustomKeyStores: items.map(entryOf), ...endOf(paging, more, items.at(-1)?.id) }
}

/** No secret is ever described. */
function entryOf({ id, name, createdAt, state, error, cluster, proxy }: KeyStore): Of<typeof keyStoreEntry> {
  return {
    CustomKeyStoreId: id,
    CustomKeyStoreName: name,
    CloudHsmClusterId: cluster?.id,
    TrustAnchorCertificate: cluster?.trustAnchor,
    ConnectionState: state,
    ConnectionErrorCode: error,
    CreationDate: createdAt,
    CustomKeyStoreType: proxy ? 'EXTERNAL_KEY_STORE' : 'AWS_CLOUDHSM',
    XksProxyConfiguration: proxy && {
      Connectivity: proxy.connectivity,
      AccessKeyId: proxy.credential.accessKeyId,
      UriEndpoint: proxy.endpoint,
      UriPath: proxy.path,
      VpcEndpointServiceName: proxy.service?.name,
      VpcEndpointServiceOwner: proxy.service?.owner,
    },
  }
}

import {
  type AccountKeyStores,
  type Cluster,
  connectionErrorCodes,
  connectionStates,
  connectivities,
  type KeyStore,
  noKeyStores,
  type ProxyCredential,
  type XksProxy,
} from '../stores/key-store.ts'
import type { KeyStores } from '../stores/ports.ts'
import type { Table } from './client.ts'
import { list, oneOf, optional, record, text, whole } from './fields.ts'
import { fromItem, type Kind, toItem, wrappedKey } from './items.ts'

const storesAt = (account: string) => ({ PK: `STORE#${account}`, SK: 'STORE' })

const keyStore = record<KeyStore>({
  id: text,
  name: text,
  createdAt: whole,
  state: oneOf(connectionStates),
  connectedAt: optional(whole),
  error: optional(oneOf(connectionErrorCodes)),
  cluster: optional(record<Cluster>({ id: text, trustAnchor: text, password: wrappedKey, lineage: optional(text) })),
  proxy: optional(
    record<XksProxy>({
      connectivity: oneOf(connectivities),
      endpoint: text,
      path: text,
      credential: record<ProxyCredential>({
        accessKeyId: text,
        id: text,
        account: text,
        createdAt: whole,
        wrapped: wrappedKey,
      }),
      service: optional(record<NonNullable<XksProxy['service']>>({ name: text, owner: text })),
    }),
  ),
})

export const accountKeyStoresKind: Kind<AccountKeyStores> = {
  type: 'key-stores',
  fields: record<AccountKeyStores>({ account: text, revision: whole, stores: list(keyStore) }),
  at: ({ account }) => storesAt(account),
}

export const keyStoresIn = (table: Table): KeyStores => ({
  async of(account) {
    const item = await table.get(storesAt(account))
    return item ? fromItem(accountKeyStoresKind, item) : noKeyStores(account)
  },
  async replace(all) {
    const item = toItem(accountKeyStoresKind, { ...all, revision: all.revision + 1 })
    await (all.revision === 0 ? table.create(item) : table.replace(item, all.revision))
  },
})

/**
 * What in a store hangs from root keys, item by item, whatever its kind: for `npm run rewrap`, and for the end of a root.
 * Nothing that answers requests reads a table from end to end.
 */
import { DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { ownerOfSecret } from '../identity/signing-keys.ts'
import type { WrappedKey } from '../keys/key.ts'
import { ownerOf } from '../keys/materials.ts'
import type { Owner } from '../ports.ts'
import { openTable } from './client.ts'
import { connect, type StorePlace } from './connect.ts'
import { accessKeyKind, fromItem, type Item, type ItemKey, type Kind, keyAt, keyKind, materialKind } from './items.ts'
import { accountKeyStoresKind, keyStoresIn } from './key-stores.ts'
import { restorationAt } from './whole.ts'

/** A key that is in the store as the HSM wrapped it. */
export interface BoundKey {
  readonly owner: Owner
  readonly wrapped: WrappedKey
  /** SPKI DER, of the material of asymmetric specs. */
  readonly publicKey?: Uint8Array
}

type Change = (key: BoundKey) => WrappedKey

/** An item that holds wrapped keys: one, or several. */
export interface Holder {
  readonly at: ItemKey
  readonly kind: string
  readonly keys: readonly BoundKey[]
  /** The item with other wrapped keys in the places of these. */
  readonly changed: (change: Change) => Item
  /** What every change of a wrapped key changes, too: its place in the item, and what is there. */
  readonly stamp: { readonly path: readonly string[]; readonly value: unknown }
}

/** In whose token a key is: in the first, or in that of a custom key store. */
export interface Custody {
  readonly cluster: string | undefined
}

export interface WrappedKeys {
  /**
   * Every item that holds wrapped keys, once.
   * @throws Error naming an item with wrapped keys in it that this version does not wholly understand
   */
  holders(): AsyncGenerator<Holder>
  find(at: ItemKey): Promise<Holder | undefined>
  /** @returns undefined when nobody knows: the key that it is of is not there, or not yet */
  custodyOf(key: BoundKey): Promise<Custody | undefined>
  /** Writes other wrapped keys in one conditional write. @returns false when somebody else changed the item before */
  replace(holder: Holder, change: Change): Promise<boolean>
  close(): Promise<void>
}

const valueAt = (item: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => Object(value)[name], item)

/** A kind of item that holds wrapped keys, with a function that puts others in their places. */
function holding<T>(kind: Kind<T>, path: readonly string[], put: (value: T, change: Change) => T) {
  const read = (item: Item): Holder => {
    const value = fromItem(kind, item)
    const keys: BoundKey[] = []
    put(value, (key) => {
      keys.push(key)
      return key.wrapped
    })
    const changed = (change: Change): Item => ({ ...item, ...(kind.fields.encode(put(value, change)) as object) })
    const at = { PK: item.PK, SK: item.SK }
    return { at, kind: kind.type, keys, changed, stamp: { path, value: valueAt(item, path) } }
  }
  return [kind.type, read] as const
}

// Every wrapping has another binding.
const bindingOfItem = ['wrapped', 'binding']

const holdings = new Map([
  holding(materialKind, bindingOfItem, (material, change) => {
    const { wrapped, publicKey } = material
    const wrappedAgain = change({ owner: ownerOf(material), wrapped, ...(publicKey && { publicKey }) })
    return { ...material, wrapped: wrappedAgain }
  }),
  holding(accessKeyKind, bindingOfItem, (key, change) => ({
    ...key,
    wrapped: change({ owner: ownerOfSecret(key), wrapped: key.wrapped }),
  })),
  holding(accountKeyStoresKind, ['revision'], ({ account, revision, stores }, change) => ({
    account,
    revision: revision + 1,
    stores: stores.map((store) => {
      const { id, cluster, proxy } = store
      const password = cluster && change({ owner: ownerOfSecret({ account, id }), wrapped: cluster.password })
      const credential = proxy && {
        ...proxy.credential,
        wrapped: change({ owner: ownerOfSecret(proxy.credential), wrapped: proxy.credential.wrapped }),
      }
      return {
        ...store,
        ...(cluster && password && { cluster: { ...cluster, password } }),
        ...(proxy && credential && { proxy: { ...proxy, credential } }),
      }
    }),
  })),
])

/** How many wrapped keys there are in an item, wherever they are in it. */
function countWrapped(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 0
  const inside = Object.values(value).reduce((sum: number, each) => sum + countWrapped(each), 0)
  return inside + (Object.hasOwn(value, 'rootId') ? 1 : 0)
}

/** What is wrong, for operators: clients are not told what is in the cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** @throws Error when it holds wrapped keys that would be overlooked */
function holderIn(item: Item): Holder | undefined {
  const many = countWrapped(item)
  if (many === 0) return undefined
  const name = `${item.PK} ${item.SK}`
  let holder: Holder | undefined
  try {
    holder = holdings.get(String(item.type))?.(item)
  } catch (error) {
    throw new Error(`${reasonOf(error)}, and it holds wrapped keys.`, { cause: error })
  }
  if (holder?.keys.length !== many) throw new Error(`${name} holds wrapped keys that this version knows nothing of.`)
  return holder
}

/** As backups do, this may wait for a busy table. */
const patience = 12

/** @throws Error when an embedded store is open already, here or in another process, or when the store is half restored */
export async function openWrappedKeys(place: StorePlace): Promise<WrappedKeys> {
  const { client, table: TableName, close } = await connect(place, patience)
  const documents = DynamoDBDocumentClient.from(client)
  const keyStores = keyStoresIn(openTable(client, TableName))
  const end = async (): Promise<void> => {
    client.destroy()
    await close()
  }

  async function found(at: ItemKey): Promise<Item | undefined> {
    const { Item } = await documents.send(new GetCommand({ TableName, Key: at, ConsistentRead: true }))
    return Item as Item | undefined
  }

  try {
    // What is not there yet would be overlooked.
    if (await found(restorationAt)) throw new Error('The store is half restored: end it with npm run restore.')
  } catch (error) {
    await end()
    throw error
  }
  return {
    async *holders() {
      let from: Record<string, unknown> | undefined
      do {
        const page = await documents.send(
          new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
        )
        for (const item of page.Items ?? []) {
          const holder = holderIn(item as Item)
          if (holder) yield holder
        }
        from = page.LastEvaluatedKey
      } while (from)
    },
    async find(at) {
      const item = await found(at)
      return item && holderIn(item)
    },
    async custodyOf({ owner }) {
      if (owner.purpose !== 'key-material') return { cluster: undefined }
      const item = await found(keyAt(owner.id))
      const { stores } = await keyStores.of(owner.account)
      if (!item) return stores.some(({ cluster }) => cluster) ? undefined : { cluster: undefined }
      const { keyStore } = fromItem(keyKind, item)
      if (!keyStore || keyStore.externalKeyId !== undefined) return { cluster: undefined }
      const cluster = stores.find(({ id }) => id === keyStore.id)?.cluster?.id
      return cluster === undefined ? undefined : { cluster }
    },
    async replace({ changed, stamp }, change) {
      const names = stamp.path.map((name, at) => [`#${at}`, name] as const)
      const unchanged = {
        ConditionExpression: `${names.map(([name]) => name).join('.')} = :stamp`,
        ExpressionAttributeNames: Object.fromEntries(names),
        ExpressionAttributeValues: { ':stamp': stamp.value },
      }
      try {
        await documents.send(new PutCommand({ TableName, Item: changed(change), ...unchanged }))
        return true
      } catch (error) {
        // It may have been this write itself, sent again when no answer came: whoever reads the item sees which.
        if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return false
        throw error
      }
    },
    close: end,
  }
}

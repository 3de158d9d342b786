/**
 * All that a store holds, item by item, whatever its kind: for backups. Nothing that answers requests reads a table
 * from end to end.
 */
import {
  type AttributeValue,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb'
import { connect, type StorePlace } from './connect.ts'

export type StoredItem = Readonly<Record<string, AttributeValue>>

export interface Contents {
  /** Every item, once; one that changes meanwhile as it was at some moment. */
  all(): AsyncGenerator<StoredItem>
  get(key: StoredItem): Promise<StoredItem | undefined>
  /** Writes an item over what may be there. */
  put(item: StoredItem): Promise<void>
  remove(key: StoredItem): Promise<void>
  close(): Promise<void>
}

/** A backup may wait for a busy table; a request may not. */
const patience = 12

/** @throws Error when an embedded store is open already, here or in another process */
export async function openContents(place: StorePlace): Promise<Contents> {
  const { client, table: TableName, close } = await connect(place, patience)
  return {
    async *all() {
      let from: Record<string, AttributeValue> | undefined
      do {
        const page = await client.send(
          new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
        )
        yield* page.Items ?? []
        from = page.LastEvaluatedKey
      } while (from)
    },
    async get(key) {
      return (await client.send(new GetItemCommand({ TableName, Key: { ...key }, ConsistentRead: true }))).Item
    },
    async put(item) {
      await client.send(new PutItemCommand({ TableName, Item: { ...item } }))
    },
    async remove(key) {
      await client.send(new DeleteItemCommand({ TableName, Key: { ...key } }))
    },
    async close() {
      client.destroy()
      await close()
    },
  }
}

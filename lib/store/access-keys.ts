import type { AccessKeys } from '../ports.ts'
import type { Table } from './client.ts'
import { accessKeyAt, accessKeyKind, fromItem, toItem } from './items.ts'

export const accessKeysIn = (table: Table): AccessKeys => ({
  async find(id) {
    const item = await table.get(accessKeyAt(id))
    return item && fromItem(accessKeyKind, item)
  },
  async create(accessKey) {
    await table.create(toItem(accessKeyKind, accessKey))
  },
  async remove(accessKey) {
    await table.erase(accessKeyAt(accessKey.id), accessKey.createdAt)
  },
})

import type { AccessKeys } from '../ports.ts'
import type { Table } from './client.ts'
import { accessKeyAt, accessKeyKind, toItem } from './items.ts'
import { readItem } from './reading.ts'

export const accessKeysIn = (table: Table): AccessKeys => ({
  find: (id) => readItem(table, accessKeyKind, accessKeyAt(id)),
  async create(accessKey) {
    await table.create(toItem(accessKeyKind, accessKey))
  },
  async remove(accessKey) {
    await table.erase(accessKeyAt(accessKey.id), accessKey.createdAt)
  },
})

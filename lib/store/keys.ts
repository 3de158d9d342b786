import { dueWorkOf } from '../keys/due.ts'
import type { Keys } from '../ports.ts'
import type { Table } from './client.ts'
import { dueOf, keyAt, keyKind, keysOf, materialKind, toItem } from './items.ts'
import { readItem, readPage } from './reading.ts'

export const keysIn = (table: Table): Keys => ({
  find: (id) => readItem(table, keyKind, keyAt(id)),
  async create(key, material) {
    const item = toItem(keyKind, key)
    if (material) await table.create(toItem(materialKind, material))
    await table.create(item)
  },
  async replace(key) {
    await table.replace(toItem(keyKind, { ...key, revision: key.revision + 1 }), key.revision)
  },
  list: (account, page) => readPage(table, keyKind, keysOf(account), page),
  async remove({ id, revision }) {
    await table.remove(keyAt(id), revision)
  },
  async due(kind, shard, until, page) {
    const { items: keys, more } = await readPage(table, keyKind, dueOf(kind, shard), page)
    const due = keys.filter((key) => (dueWorkOf(key)?.at ?? Number.POSITIVE_INFINITY) <= until)
    return { items: due, more: more && due.length === keys.length }
  },
})

import { dueWorkOf } from '../keys/due.ts'
import type { Keys } from '../ports.ts'
import type { Table } from './client.ts'
import { dueOf, fromItem, keyAt, keyKind, keysOf, materialKind, toItem } from './items.ts'

export const keysIn = (table: Table): Keys => ({
  async find(id) {
    const item = await table.get(keyAt(id))
    return item && fromItem(keyKind, item)
  },
  async create(key, material) {
    const item = toItem(keyKind, key)
    if (material) await table.create(toItem(materialKind, material))
    await table.create(item)
  },
  async replace(key) {
    await table.replace(toItem(keyKind, { ...key, revision: key.revision + 1 }), key.revision)
  },
  async list(account, page) {
    const { items, more } = await table.query(keysOf(account), page)
    return { items: items.map((item) => fromItem(keyKind, item)), more }
  },
  async remove({ id, revision }) {
    await table.remove(keyAt(id), revision)
  },
  async due(kind, shard, until, page) {
    const { items, more } = await table.query(dueOf(kind, shard), page)
    const keys = items.map((item) => fromItem(keyKind, item))
    const due = keys.filter((key) => (dueWorkOf(key)?.at ?? Number.POSITIVE_INFINITY) <= until)
    return { items: due, more: more && due.length === keys.length }
  },
})

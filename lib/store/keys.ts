import type { Key } from '../keys/key.ts'
import type { Keys } from '../ports.ts'
import type { Table } from './client.ts'
import { dueRotations, dueShards, fromItem, keyAt, keyKind, keysOf, materialKind, toItem } from './items.ts'

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
  async dueForRotation(until, limit) {
    const nextAt = ({ rotation }: Key): number => rotation?.nextAt ?? Number.POSITIVE_INFINITY
    const pages = await Promise.all(dueShards.map((shard) => table.query(dueRotations(shard), { limit })))
    const keys = pages.flatMap(({ items }) => items.map((item) => fromItem(keyKind, item)))
    const due = keys.filter((key) => nextAt(key) <= until)
    return due.sort((a, b) => nextAt(a) - nextAt(b)).slice(0, limit)
  },
})

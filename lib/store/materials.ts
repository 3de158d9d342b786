import type { Materials } from '../ports.ts'
import type { Table } from './client.ts'
import { fromItem, materialAt, materialKind, materialsOf, toItem } from './items.ts'

export const materialsIn = (table: Table): Materials => ({
  async find(keyId, materialId) {
    const item = await table.get(materialAt(keyId, materialId))
    return item && fromItem(materialKind, item)
  },
  async create(material) {
    await table.create(toItem(materialKind, material))
  },
  put: (material) => table.put(toItem(materialKind, material)),
  remove: ({ keyId, id, createdAt }) => table.erase(materialAt(keyId, id), createdAt),
  async list(keyId) {
    const { items } = await table.query(materialsOf(keyId), { limit: Number.MAX_SAFE_INTEGER })
    return items.map((item) => fromItem(materialKind, item))
  },
})

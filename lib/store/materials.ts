import type { Materials } from '../ports.ts'
import type { Table } from './client.ts'
import { materialAt, materialKind, materialsOf, toItem } from './items.ts'
import { readItem, readPage } from './reading.ts'

export const materialsIn = (table: Table): Materials => ({
  find: (keyId, materialId) => readItem(table, materialKind, materialAt(keyId, materialId)),
  async create(material) {
    await table.create(toItem(materialKind, material))
  },
  put: (material) => table.put(toItem(materialKind, material)),
  remove: ({ keyId, id, createdAt }) => table.erase(materialAt(keyId, id), createdAt),
  async list(keyId) {
    const { items } = await readPage(table, materialKind, materialsOf(keyId), { limit: Number.MAX_SAFE_INTEGER })
    return items
  },
})

import type { Materials } from '../ports.ts'
import type { Table } from './client.ts'
import { fromItem, materialAt, materialKind } from './items.ts'

export const materialsIn = (table: Table): Materials => ({
  async find(keyId, materialId) {
    const item = await table.get(materialAt(keyId, materialId))
    return item && fromItem(materialKind, item)
  },
})

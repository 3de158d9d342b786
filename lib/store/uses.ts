import type { Uses } from '../ports.ts'
import type { Table } from './client.ts'
import { fromItem, toItem, useAt, useKind } from './items.ts'

export const usesIn = (table: Table): Uses => ({
  async find(keyId) {
    const item = await table.get(useAt(keyId))
    return item && fromItem(useKind, item)
  },
  async keep(use) {
    await table.advance({ ...toItem(useKind, use), at: use.at })
  },
})

import type { Uses } from '../ports.ts'
import type { Table } from './client.ts'
import { toItem, useAt, useKind } from './items.ts'
import { readItem } from './reading.ts'

export const usesIn = (table: Table): Uses => ({
  find: (keyId) => readItem(table, useKind, useAt(keyId)),
  async keep(use) {
    await table.advance({ ...toItem(useKind, use), at: use.at })
  },
})

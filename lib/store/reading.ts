/** Values of one kind, as the table has them. */
import type { Page, PageRequest } from '../ports.ts'
import type { Range, Table } from './client.ts'
import { fromItem, type ItemKey, type Kind } from './items.ts'

export async function readItem<T>(table: Table, kind: Kind<T>, at: ItemKey): Promise<T | undefined> {
  const item = await table.get(at)
  return item && fromItem(kind, item)
}

export async function readPage<T>(table: Table, kind: Kind<T>, range: Range, page: PageRequest): Promise<Page<T>> {
  const { items, more } = await table.query(range, page)
  return { items: items.map((item) => fromItem(kind, item)), more }
}

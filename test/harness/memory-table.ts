import { Conflict, type PageRequest } from '../../lib/ports.ts'
import type { Range, Table } from '../../lib/store/client.ts'
import type { Item, ItemKey } from '../../lib/store/items.ts'

/** What a table holds, by partition and sort key. */
export type Items = Map<string, Item>

const nameOf = ({ PK, SK }: ItemKey): string => `${PK}\n${SK}`

/** The store's table in memory: the same single conditional writes, in the map that is given. */
export function memoryTable(items: Items): Table {
  const write = (item: Item) => void items.set(nameOf(item), structuredClone(item))
  const demand = (holds: boolean): void => {
    if (!holds) throw new Conflict()
  }
  return {
    get: async (at) => structuredClone(items.get(nameOf(at))),
    async create(item) {
      demand(!items.has(nameOf(item)))
      write(item)
    },
    async replace(item, revision) {
      demand(items.get(nameOf(item))?.revision === revision)
      write(item)
    },
    async advance(item) {
      const there = items.get(nameOf(item))
      if (!there || Number(there.at) < item.at) write(item)
    },
    put: async (item) => write(item),
    async erase(at, createdAt) {
      if (items.get(nameOf(at))?.createdAt === createdAt) items.delete(nameOf(at))
    },
    async remove(at, revision) {
      demand(items.get(nameOf(at))?.revision === revision)
      items.delete(nameOf(at))
    },
    query: async (range, page) => found(items, range, page),
  }
}

function found(items: Items, range: Range, page: PageRequest) {
  const { index = '', partition, prefix } = range
  const sortValue = (item: Item) => String(item[`${index}SK`])
  const all = [...items.values()]
    .filter((item) => item[`${index}PK`] === partition && sortValue(item).startsWith(prefix))
    .filter((item) => page.after === undefined || sortValue(item) > prefix + page.after)
    .sort((a, b) => (sortValue(a) < sortValue(b) ? -1 : 1))
  return { items: structuredClone(all.slice(0, page.limit)), more: all.length > page.limit }
}

import type { Aliases, PageRequest } from '../ports.ts'
import type { Range, Table } from './client.ts'
import { aliasAt, aliasesOf, aliasesOfKey, aliasKind, fromItem, toItem } from './items.ts'

export function aliasesIn(table: Table): Aliases {
  const list = async (range: Range, page: PageRequest) => {
    const { items, more } = await table.query(range, page)
    return { items: items.map((item) => fromItem(aliasKind, item)), more }
  }
  return {
    async find(account, name) {
      const item = await table.get(aliasAt(account, name))
      return item && fromItem(aliasKind, item)
    },
    async create(alias) {
      await table.create(toItem(aliasKind, alias))
    },
    async replace(alias) {
      await table.replace(toItem(aliasKind, { ...alias, revision: alias.revision + 1 }), alias.revision)
    },
    async remove(alias) {
      await table.remove(aliasAt(alias.account, alias.name), alias.revision)
    },
    list: (account, page) => list(aliasesOf(account), page),
    ofKey: (keyId, page) => list(aliasesOfKey(keyId), page),
  }
}

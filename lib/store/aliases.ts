import type { Aliases, PageRequest } from '../ports.ts'
import type { Range, Table } from './client.ts'
import { aliasAt, aliasesOf, aliasesOfKey, aliasKind, toItem } from './items.ts'
import { readItem, readPage } from './reading.ts'

export function aliasesIn(table: Table): Aliases {
  const list = (range: Range, page: PageRequest) => readPage(table, aliasKind, range, page)
  return {
    find: (account, name) => readItem(table, aliasKind, aliasAt(account, name)),
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

import { KMSInternalException } from '../errors.ts'
import type { Page } from '../ports.ts'
import type { Table } from './client.ts'
import type { Item } from './items.ts'

/** Stands in a table while a backup is restored into it. */
export const restorationAt = { PK: 'RESTORE', SK: 'RESTORE' } as const

export interface WholeTable extends Table {
  /**
   * Resolves when the table answers, and is whole.
   * @throws KMSInternalException while a backup is being restored into it
   */
  check(): Promise<void>
}

/**
 * A table from which nothing is served while it is half restored: a key's policy may be there again already, and the
 * grant's revocation not yet.
 *
 * A restoration begins in an empty table only, and marks it first. So a table in which something was found, and then no
 * mark, is whole and stays so: it is asked no more. One in which nothing was found yet is asked with each call.
 */
export function onlyWhole(table: Table, name: string): WholeTable {
  let whole = false
  async function check(): Promise<void> {
    if (!(await table.get(restorationAt))) return
    const what = `The table ${name} is half restored: end it with npm run restore, or name another (KEYSTEAD_TABLE)`
    throw new KMSInternalException(undefined, { cause: new Error(what) })
  }
  const reading =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>, finds: (answer: T) => boolean) =>
    async (...args: Args): Promise<T> => {
      const answer = await call(...args)
      if (whole) return answer
      await check()
      whole ||= finds(answer)
      return answer
    }
  const writing =
    <Args extends readonly unknown[]>(call: (...args: Args) => Promise<void>) =>
    async (...args: Args): Promise<void> => {
      if (!whole) await check()
      return call(...args)
    }
  return {
    check,
    get: reading(table.get, (item: Item | undefined) => item !== undefined),
    query: reading(table.query, ({ items }: Page<Item>) => items.length > 0),
    create: writing(table.create),
    replace: writing(table.replace),
    advance: writing(table.advance),
    put: writing(table.put),
    erase: writing(table.erase),
    remove: writing(table.remove),
  }
}

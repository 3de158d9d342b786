import { KMSInternalException } from '../errors.ts'
import type { Table } from './client.ts'

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
 * A table from which nothing is served before it has said, once, that it is whole: in one that is half restored a key's
 * policy may be there and the grant's revocation not.
 */
export function onlyWhole(table: Table, name: string): WholeTable {
  let whole: Promise<void> | undefined
  const check = async (): Promise<void> => {
    if (!(await table.get(restorationAt))) return
    const what = `The table ${name} is half restored: end it with npm run restore, or name another (KEYSTEAD_TABLE)`
    throw new KMSInternalException(undefined, { cause: new Error(what) })
  }
  const asked = (): Promise<void> => {
    whole ??= check().catch((error: unknown) => {
      whole = undefined
      throw error
    })
    return whole
  }
  const once =
    <Args extends readonly unknown[], T>(call: (...args: Args) => Promise<T>) =>
    async (...args: Args): Promise<T> => {
      await asked()
      return call(...args)
    }
  return {
    check,
    get: once(table.get),
    create: once(table.create),
    replace: once(table.replace),
    advance: once(table.advance),
    put: once(table.put),
    erase: once(table.erase),
    remove: once(table.remove),
    query: once(table.query),
  }
}

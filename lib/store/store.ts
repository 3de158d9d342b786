import { accessKeysIn } from './access-keys.ts'
import { aliasesIn } from './aliases.ts'
import { cached, type Records } from './cached.ts'
import { openTable, type Table } from './client.ts'
import { connect, type StorePlace } from './connect.ts'
import { counted, type StoreCounters } from './counted.ts'
import { grantsIn } from './grants.ts'
import { keyStoresIn } from './key-stores.ts'
import { keysIn } from './keys.ts'
import { materialsIn } from './materials.ts'
import { principalsIn } from './principals.ts'
import { usesIn } from './uses.ts'
import { onlyWhole } from './whole.ts'

export type StoreOptions = StorePlace & {
  /** How old an answer may be that is not asked for fresh; 0 is never from memory. */
  readonly cacheTtlMs: number
  readonly now: () => number
}

export interface OpenStore extends Records {
  readonly counters: Readonly<StoreCounters>
  /** Resolves when the table answers, and is not half restored. */
  check(): Promise<void>
  close(): Promise<void>
}

const remembered = 20_000

/** @throws Error when an embedded store cannot be opened; a server is first asked by the first request */
export async function openStore(options: StoreOptions): Promise<OpenStore> {
  const { client, table: name, close } = await connect(options)
  const counters = counted(client)
  const table = onlyWhole(openTable(client, name), name)
  return {
    counters,
    ...cached(recordsIn(table), { ttlMs: options.cacheTtlMs, capacity: remembered, now: options.now }),
    check: table.check,
    async close() {
      client.destroy()
      await close()
    },
  }
}

/** The ports that one table keeps. */
export const recordsIn = (table: Table): Records => ({
  keys: keysIn(table),
  materials: materialsIn(table),
  aliases: aliasesIn(table),
  grants: grantsIn(table),
  accessKeys: accessKeysIn(table),
  principals: principalsIn(table),
  keyStores: keyStoresIn(table),
  uses: usesIn(table),
})

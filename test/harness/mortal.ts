/** Processes that end in the middle of what they do, and others that find what they left. */

import type { Records } from '../../lib/store/cached.ts'
import type { Table } from '../../lib/store/client.ts'
import { recordsIn } from '../../lib/store/store.ts'
import { type Items, memoryTable } from './memory-table.ts'
import type { SoftHsm } from './soft-hsm.ts'
import { newNetwork, TestWorld } from './world.ts'

/** What outlives every process: tables, tokens, and what the tokens of a domain share. */
export interface Lasting {
  readonly tables: ReadonlyMap<string, Items>
  readonly hsms: ReadonlyMap<string, SoftHsm>
  readonly domain: Uint8Array
  /** What time it is for processes that are started now. */
  readonly nowMs?: number
}

/** The process ends at its nth write: before the write is done, or after, with its answer on the way. */
export interface Death {
  readonly at: number
  readonly written: boolean
}

const writes = new Set(['create', 'replace', 'advance', 'put', 'erase', 'remove'])
const never = new Promise<never>(() => {})

/** Counts the writes of one process, and lets none happen once it has ended. */
export class Life {
  readonly #death: Death | undefined
  #count = 0
  #dead = false
  /** What was being written at the end. */
  readonly died: Promise<string>
  #die: (what: string) => void = () => {}

  constructor(death?: Death) {
    this.#death = death
    this.died = new Promise((resolve) => {
      this.#die = resolve
    })
  }

  async write(what: string, done: () => Promise<void>): Promise<void> {
    if (this.#dead) return never
    this.#count++
    if (this.#count !== this.#death?.at) return done()
    this.#dead = true
    if (this.#death.written) await done()
    this.#die(what)
    return never
  }

  /** A table as this process has it. */
  table(table: Table): Table {
    return new Proxy(table, {
      get: (target, name: keyof Table & string) => {
        const call = target[name] as (...given: readonly unknown[]) => Promise<void>
        if (!writes.has(name)) return (...given: readonly unknown[]) => (this.#dead ? never : call(...given))
        return (...given: readonly unknown[]) => this.write(name, () => call(...given))
      },
    })
  }
}

const regions = ['us-east-1', 'us-west-2', 'eu-west-1'] as const

/** Processes in every Region on what is there. The first Region's lives as `life` says, from now on. */
export const startOn = (lasting: Lasting, life = new Life()): TestWorld =>
  startWith(lasting, (items) => recordsIn(life.table(memoryTable(items))), life)

/** Processes in every Region on what is there. The one in `where` has its store as it is given. */
export function startWith(
  { tables, hsms, domain, nowMs }: Lasting,
  recordsOf: (items: Items) => Records,
  life = new Life(),
  where: string = regions[0],
): TestWorld {
  const network = {
    ...newNetwork((region) => {
      const items = tables.get(region) ?? new Map()
      return region === where ? recordsOf(items) : recordsIn(memoryTable(items))
    }),
    domain,
    hsms: new Map(hsms),
  }
  if (nowMs !== undefined) network.clock.ms = nowMs
  const [world] = regions.map((region) => new TestWorld(region, network))
  if (!world) throw new Error('there is a first Region')
  const write = world.open.audit.write.bind(world.open.audit)
  world.open.audit.write = (record) => life.write(`audit ${record.eventType}`, () => write(record))
  return world
}

export const copyOf = ({ tables, ...rest }: Lasting): Lasting => ({
  ...rest,
  tables: new Map(Array.from(tables, ([region, items]) => [region, new Map(items)])),
})

/** A deployment with a root user in every Region, and nothing else. */
export async function newLasting(addRoot: (world: TestWorld) => Promise<void>): Promise<Lasting> {
  const tables = new Map<string, Items>(regions.map((region) => [region, new Map()]))
  const empty = startOn({ tables, hsms: new Map(), domain: newNetwork().domain })
  const { hsms, domain, worlds } = empty.network
  for (const world of worlds.values()) await addRoot(world)
  return { tables, hsms, domain }
}

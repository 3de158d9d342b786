/**
 * Work that is due: how every scheduled function goes about it. Keys are found through the due index, page by page and
 * never by a scan; each is read fresh before anything is done with it, and done with by conditional writes, so that two
 * runs at once, a run that was cut short, and one that comes late all end in the same state. What was done is on record.
 */
import { type ServiceEvent, serviceRecord } from './audit/service-event.ts'
import { type DueKind, dueShards, dueSortValue, dueWorkOf } from './keys/due.ts'
import type { Key } from './keys/key.ts'
import type { Capability } from './operation.ts'
import { type AuditSink, Conflict, type Keys, type Ports } from './ports.ts'

export interface DueCall {
  /** Milliseconds since the epoch. */
  readonly now: number
  /**
   * Puts it on record, durably. An act that cannot be done twice is put on record just before the write that commits
   * it, so that nothing is done that the trail does not show.
   */
  readonly record: (event: ServiceEvent) => Promise<void>
}

interface DueTask<N extends Capability> {
  /** The event name of its records. */
  readonly name: string
  readonly summary: string
  readonly kind: DueKind
  readonly needs: readonly N[]
  /**
   * Does what is due with one key, and nothing where nothing is.
   * @throws Conflict when another writer was first
   */
  act(key: Key, call: DueCall & Pick<Ports, N>): Promise<boolean>
}

/** A scheduled function. */
export interface Schedule {
  readonly name: string
  readonly summary: string
  readonly needs: readonly Capability[]
  /** @param until milliseconds since the epoch after which nothing further is begun */
  run(world: DueWorld, until: number): Promise<Outcome>
}

/** At compile time it ties `act` to `needs`. */
export const onDueKeys = <const N extends Capability = never>(task: DueTask<N>): Schedule => ({
  name: task.name,
  summary: task.summary,
  needs: task.needs,
  run: (world, until) => eachDueKey(task, world, until),
})

export interface DueWorld extends Ports {
  readonly region: string
  readonly account: string
  readonly audit: AuditSink
  /** How many days of the trail are kept; 0 is all. */
  readonly auditKeepDays: number
  readonly now: () => number
  readonly uuid: () => string
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
  /** Of every run: what it came to. */
  readonly worked: (outcome: Outcome) => void
}

export interface Outcome {
  readonly name: string
  /** Keys that something was done with. */
  readonly done: number
  /** Keys that it could not be done with this time: they stay due. */
  readonly failed: number
  /** Whether time ran out before everything was looked at. */
  readonly more: boolean
  /** How long the work that has waited longest was due, in milliseconds. */
  readonly lateMs: number
}

const pageSize = 50
const maxTries = 5

/** Runs one scheduled function, and tells what it came to. */
export async function runSchedule(
  schedule: Schedule,
  world: DueWorld,
  until = Number.POSITIVE_INFINITY,
): Promise<Outcome> {
  const outcome = await schedule.run(world, until)
  world.worked(outcome)
  if (outcome.done + outcome.failed > 0) world.log({ level: 'info', message: 'due work', ...outcome })
  return outcome
}

// biome-ignore lint/suspicious/noExplicitAny: any task at all: what it needs is granted by name
type AnyTask = DueTask<any>

async function eachDueKey(task: AnyTask, world: DueWorld, until: number): Promise<Outcome> {
  const counts = { done: 0, failed: 0, lateMs: 0 }
  const outcome = (more: boolean): Outcome => ({ name: task.name, ...counts, more })
  for (const shard of shardsInTurn(world.now())) {
    for await (const key of dueKeys(task, world, shard)) {
      const now = world.now()
      counts.lateMs = Math.max(counts.lateMs, now - (dueWorkOf(key)?.at ?? now))
      if (now >= until) return outcome(true)
      const done = await onKey(task, key, world)
      if (done === undefined) counts.failed++
      else if (done) counts.done++
    }
  }
  return outcome(false)
}

/** Begun at another one each minute: a run that time cuts short does not always leave the same ones over. */
function shardsInTurn(now: number): readonly (typeof dueShards)[number][] {
  const first = Math.floor(now / 60_000) % dueShards.length
  return [...dueShards.slice(first), ...dueShards.slice(0, first)]
}

async function* dueKeys(task: AnyTask, world: DueWorld, shard: (typeof dueShards)[number]) {
  let after: string | undefined
  do {
    const page = { limit: pageSize, ...(after !== undefined && { after }) }
    const { items, more } = await world.keyStore.due(task.kind, shard, world.now(), page)
    yield* items
    const last = items.at(-1)
    const work = last && dueWorkOf(last)
    after = more && last && work ? dueSortValue(last, work) : undefined
  } while (after !== undefined)
}

/** Undefined when it failed: one key that cannot be helped keeps no other from its turn. */
async function onKey(task: AnyTask, { id, arn }: Key, world: DueWorld): Promise<boolean | undefined> {
  const record = (event: ServiceEvent) =>
    world.audit.write(serviceRecord(event, { eventId: world.uuid(), region: world.region, at: world.now() }))
  try {
    for (let tries = 1; ; tries++) {
      const key = await fresh(world.keyStore, id)
      if (!key) return false
      const granted = Object.fromEntries(task.needs.map((need: keyof Ports) => [need, world[need]]))
      try {
        return await task.act(key, { now: world.now(), record, ...granted })
      } catch (thrown) {
        if (!(thrown instanceof Conflict) || tries === maxTries) throw thrown
      }
    }
  } catch (thrown) {
    world.log({ level: 'error', message: `${task.name} failed`, key: arn, error: String(thrown) })
    return undefined
  }
}

const fresh = (keys: Keys, id: string): Promise<Key | undefined> => keys.find(id, { fresh: true })

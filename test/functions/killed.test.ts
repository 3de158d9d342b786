/**
 * The process is killed at every write of every changing action, before the write and after it. Another process then
 * finds everything as before or everything as wanted, never half of it; every key works or is wholly as its state says;
 * and whoever asks again is served.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serviceOf } from '../../lib/operation.ts'
import { runSchedule } from '../../lib/scheduled.ts'
import { iam, sts } from '../../lib/services.ts'
import { addsOne, ask, changing, doneAlready, inSteps, type Staged, sameInSight, untold } from '../harness/actions.ts'
import { dueTasks, later, runEverywhere, scheduleNamed, withDue } from '../harness/due.ts'
import { copyOf, type Lasting, Life, startOn } from '../harness/mortal.ts'
import { TestIssuer } from '../harness/oidc.ts'
import { preparedFor, stagedDeployment } from '../harness/staged.ts'
import { identifiersIn, identities, keys, view } from '../harness/view.ts'
import type { TestWorld } from '../harness/world.ts'

let issuer: TestIssuer
let before: Lasting
let at: Staged
beforeAll(async () => {
  issuer = await TestIssuer.start()
  ;({ before, at } = await stagedDeployment(issuer))
})
afterAll(() => issuer.stop())

const prepared = (name: string): Promise<Lasting> => preparedFor(name, before, at)

interface Ended<T> {
  /** Before or after which write. */
  readonly where: string
  /** By the next processes. */
  readonly seen: string
  readonly again: T
  readonly seenAfter: string
}
interface Courses<T> {
  readonly deaths: readonly Ended<T>[]
  /** What comes of it where the death never comes. */
  readonly answer: T
  readonly done: string
}

/** Has a process die at every write of what it performs, and another perform the same. */
async function killedEverywhere<T>(
  from: Lasting,
  perform: (world: TestWorld) => Promise<T>,
  look: (lasting: Lasting) => Promise<string>,
): Promise<Courses<T>> {
  const deaths: Ended<T>[] = []
  for (let write = 1; ; write++) {
    for (const written of [false, true]) {
      const lasting = copyOf(from)
      const life = new Life({ at: write, written })
      const performing = perform(startOn(lasting, life))
      const what = await Promise.race([performing.then(() => undefined), life.died])
      const seen = await look(lasting)
      if (what === undefined) return { deaths, answer: await performing, done: seen }
      const again = await perform(startOn(lasting))
      const where = `${written ? 'after' : 'before'} write ${write} (${what})`
      deaths.push({ where, seen, again, seenAfter: await look(lasting) })
    }
  }
}

test.each(changing.map((action) => [action.name, action] as const))(
  '%s is done wholly or not at all',
  async (name, action) => {
    const from = await prepared(name)
    const known = identifiersIn(from)
    const of = [iam, sts].some((service) => service === serviceOf(action)) ? identities : keys
    const look = (lasting: Lasting) => view(lasting, known, at, of)
    const unchanged = await look(from)
    const { deaths, answer, done } = await killedEverywhere(from, (world) => ask(world, name, at), look)
    expect(answer).toMatchObject({ status: 200 })
    expect(done).not.toMatch(/dangling\n\{/)
    // A record before, a write, a record after: less would be no change.
    expect(deaths.length).toBeGreaterThanOrEqual(sameInSight.has(name) ? 4 : 6)
    if (!sameInSight.has(name)) expect(done).not.toBe(unchanged)
    for (const { where, seen, again, seenAfter } of deaths) {
      // What becomes of that is the next test's.
      if (again.status !== 200 && again.error === untold[name]) continue
      if (!inSteps.has(name))
        expect([where, unchanged, done]).toEqual([where, unchanged, done].with(seen === done ? 2 : 1, seen))
      const outcome = again.status === 200 ? 'done' : again.error
      expect([where, outcome]).toEqual([where, seen === done && again.status !== 200 ? doneAlready[name] : 'done'])
      if (again.status !== 200 || !addsOne.has(name)) expect([where, seenAfter]).toEqual([where, done])
    }
  },
)

test('UpdatePrimaryRegion that was cut short is finished in both Regions, or in neither, by the schedule', async () => {
  const from = await prepared('UpdatePrimaryRegion')
  const known = identifiersIn(from)
  const healed = async (lasting: Lasting): Promise<string> => {
    const long = later(copyOf(lasting), 5 * 60_000)
    for (let rounds = 0; rounds < 2; rounds++) await runEverywhere('SynchronizeMultiRegionKey', startOn(long))
    return view(long, known, at)
  }
  const change = (world: TestWorld) => ask(world, 'UpdatePrimaryRegion', at)
  const { deaths, done } = await killedEverywhere(from, change, healed)
  const unchanged = await healed(from)
  expect(`${unchanged}${done}`).not.toContain('Updating')
  const outcomes = new Set(deaths.map(({ seen }) => seen))
  expect(outcomes).toEqual(new Set([unchanged, done]))
  for (const { where, seenAfter } of deaths) expect([where, seenAfter]).toEqual([where, done])
})

test.each(dueTasks)('%s is done wholly in the end, wherever a run of it was cut short', async (name) => {
  const from = await withDue(before, name, at)
  const known = identifiersIn(from)
  const look = (each: Lasting) => view(each, known, at)
  const unchanged = await look(from)
  const run = (world: TestWorld) => runSchedule(scheduleNamed(name), world.open)
  const { deaths, answer, done } = await killedEverywhere(from, run, look)
  expect(answer).toMatchObject({ done: 1, failed: 0 })
  expect(done).not.toMatch(/dangling\n\{/)
  expect(done).not.toBe(unchanged)
  expect(deaths.length).toBeGreaterThanOrEqual(4)
  for (const { where, again, seenAfter } of deaths) {
    expect([where, again.failed, seenAfter]).toEqual([where, 0, done])
  }
})

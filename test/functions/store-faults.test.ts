/**
 * The store throttles, says nothing, is gone, or answers what is no answer; loses requests and answers; and fails half of
 * its calls. Whoever calls hears an error that says to try again, in time; what was answered is there, and what was not
 * is there wholly or not at all; and the next call after it is served, by the same process.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KmsError } from '../../lib/errors.ts'
import { type AnyOperation, serviceOf } from '../../lib/operation.ts'
import { runSchedule } from '../../lib/scheduled.ts'
import { iam, sts } from '../../lib/services.ts'
import { cached } from '../../lib/store/cached.ts'
import { recordsIn } from '../../lib/store/store.ts'
import {
  actions,
  addsOne,
  ask,
  changing,
  doneAlready,
  inSteps,
  neverThere,
  type Outcome,
  type Staged,
  untold,
} from '../harness/actions.ts'
import { dueTasks, later, runEverywhere, scheduleNamed, withDue } from '../harness/due.ts'
import { faultyTable } from '../harness/memory-dynamodb.ts'
import { copyOf, type Lasting, startOn, startWith } from '../harness/mortal.ts'
import { TestIssuer } from '../harness/oidc.ts'
import { preparedFor, stagedDeployment } from '../harness/staged.ts'
import {
  answering,
  answerLost,
  type Fault,
  garbage,
  isWrite,
  refusedConnection,
  requestLost,
  silent,
  type TableRequest,
} from '../harness/store-faults.ts'
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

const deadlineMs = 100
const seeds = Array.from({ length: process.env.SLOW === '1' ? 20 : 2 }, (_, seed) => seed)

interface Faulty {
  readonly world: TestWorld
  /** Of each call of the store from now on. */
  meet(faultOf: ((request: TableRequest) => Fault | undefined) | undefined): void
}

/** Processes of which one Region's store can be made to fail, with its memory of what it last answered. */
async function faulty(lasting: Lasting, region = 'us-east-1'): Promise<Faulty> {
  let faultOf: ((request: TableRequest) => Fault | undefined) | undefined
  const items = lasting.tables.get(region) ?? new Map()
  const table = await faultyTable(items, (request) => faultOf?.(request), deadlineMs)
  const bounds = { ttlMs: 1000, capacity: 1000, now: () => 0 }
  const world = startWith(lasting, () => cached(recordsIn(table), bounds), undefined, region)
  return {
    world,
    meet: (next) => {
      faultOf = next
    },
  }
}

const prepared = (name: string): Promise<Lasting> => preparedFor(name, before, at)

const ofIdentities = (action: AnyOperation): boolean => [iam, sts].some((service) => service === serviceOf(action))

/** What says to try again, in the words of each service. */
const retryable = (action: AnyOperation): readonly Outcome[] =>
  ofIdentities(action)
    ? [
        { status: 503, error: 'ServiceUnavailable' },
        { status: 500, error: serviceOf(action) === iam ? 'ServiceFailure' : 'InternalFailure' },
      ]
    : [
        { status: 503, error: 'DependencyTimeoutException' },
        { status: 500, error: 'KMSInternalException' },
      ]
const served = (name: string): Outcome =>
  neverThere[name] === undefined ? { status: 200, error: undefined } : { status: 404, error: neverThere[name] }

/** What is heard in the end beside what was asked for: that it is done. */
const isEnd = (name: string, { status, error }: Outcome): boolean =>
  status === 200 || [doneAlready, neverThere, untold].some((each) => error !== undefined && each[name] === error)

const lookAt = (action: AnyOperation, from: Lasting) => {
  const known = identifiersIn(from)
  const of = ofIdentities(action) ? identities : keys
  return (lasting: Lasting) => view(lasting, known, at, of)
}

/** Every kind of each is in test/lib/store/failures.test.ts. */
const states: Readonly<Record<string, Fault>> = {
  throttles: answering(400, 'ProvisionedThroughputExceededException'),
  fails: answering(500, 'InternalServerError'),
  'says nothing': silent,
  'is gone': refusedConnection,
}
const noAnswers = (['a page', 'nothing', 'half an answer'] as const).map((kind) => [kind, garbage[kind]] as const)

describe.each(actions.map((action) => [action.name, action] as const))('%s', (name, action) => {
  test('is to be tried again whatever keeps the store from answering, and is served at once when it is back', async () => {
    for (const [what, fault] of Object.entries(states)) {
      const { world, meet } = await faulty(await prepared(name))
      meet(() => fault)
      const startedAt = performance.now()
      expect([what, await ask(world, name, at)]).toMatchObject([what, retryable(action)[0] ?? {}])
      expect(performance.now() - startedAt).toBeLessThan(20 * deadlineMs)
      meet(undefined)
      expect([what, await ask(world, name, at)]).toMatchObject([what, served(name)])
    }
  })

  test('takes nothing for an answer that is none', async () => {
    for (const [what, fault] of noAnswers) {
      const { world, meet } = await faulty(await prepared(name))
      meet(() => fault)
      const { status, error } = await ask(world, name, at)
      expect([what, retryable(action)]).toEqual([what, expect.arrayContaining([{ status, error }])])
      meet(undefined)
      expect([what, await ask(world, name, at)]).toMatchObject([what, served(name)])
    }
  })

  test('is to be tried again whichever of its calls the store is gone from', async () => {
    for (let call = 1, met = true; met; call++) {
      const { world, meet } = await faulty(await prepared(name))
      let calls = 0
      meet(() => (++calls >= call ? refusedConnection : undefined))
      const { status, error } = await ask(world, name, at)
      met = calls >= call
      // What comes after the change is made, or is not needed, may fail without anybody's being told.
      const outcomes = [...retryable(action), served(name)]
      expect([call, outcomes]).toEqual([call, expect.arrayContaining([{ status, error }])])
      meet(undefined)
      const again = await ask(world, name, at)
      expect([call, again, isEnd(name, again)]).toEqual([call, again, true])
    }
  })
})

/** Each write of an action: a fault at the nth, and what is met then at those after it. */
async function* atEachWrite(name: string, fault: Fault, afterwards: Fault | undefined) {
  for (let write = 1, met = true; met; write++) {
    const lasting = await prepared(name)
    const { world, meet } = await faulty(lasting)
    let writes = 0
    meet((request) => {
      if (isWrite(request) && writes < write) writes++
      else if (writes < write) return undefined
      else return afterwards
      return writes === write ? fault : undefined
    })
    const outcome = await ask(world, name, at)
    met = writes === write
    meet(undefined)
    if (met) yield { write, outcome, world, lasting }
  }
}

describe.each(changing.map((action) => [action.name, action] as const))('%s', (name, action) => {
  async function views() {
    const from = await prepared(name)
    const look = lookAt(action, from)
    const unchanged = await look(from)
    await ask(startOn(from), name, at)
    return { look, unchanged, done: await look(from) }
  }

  test('is done once when the answer of a write is lost and the SDK asks again', async () => {
    const { look, done } = await views()
    for await (const { write, outcome, lasting } of atEachWrite(name, answerLost, undefined)) {
      expect([write, outcome]).toMatchObject([write, { status: 200 }])
      expect([write, await look(lasting)]).toEqual([write, done])
    }
  })

  test.each([
    ['before', requestLost],
    ['after', answerLost],
  ])('is done wholly or not at all when the store is gone just %s a write, and converges', async (when, fault) => {
    const { look, unchanged, done } = await views()
    for await (const { write, outcome, world, lasting } of atEachWrite(name, fault, refusedConnection)) {
      const where = `${when} write ${write}`
      const { status, error } = outcome
      expect([where, [...retryable(action), served(name)]]).toEqual([
        where,
        expect.arrayContaining([{ status, error }]),
      ])
      const seen = await look(lasting)
      if (!inSteps.has(name)) {
        expect([where, seen === done ? done : unchanged]).toEqual([where, seen])
        if (status === 200) expect([where, seen]).toEqual([where, done])
      }
      const again = await ask(world, name, at)
      expect([where, again, isEnd(name, again)]).toEqual([where, again, true])
      // What becomes of that is in killed.test.ts.
      if (again.status !== 200 && again.error === untold[name]) continue
      if (again.status !== 200 || !addsOne.has(name)) expect([where, await look(lasting)]).toEqual([where, done])
    }
  })

  test('comes to one end however often half of the store’s calls fail', async () => {
    const { look, done } = await views()
    for (const seed of seeds) {
      const lasting = await prepared(name)
      const { world, meet } = await faulty(lasting)
      meet(halfFailing(seed))
      let outcome: Outcome
      let tries = 0
      do {
        outcome = await ask(world, name, at)
        const { status, error } = outcome
        const again = retryable(action).some((each) => each.status === status && each.error === error)
        expect([seed, outcome, again || isEnd(name, outcome)]).toEqual([seed, outcome, true])
        expect(++tries).toBeLessThan(200)
      } while (!isEnd(name, outcome))
      meet(undefined)
      if (!addsOne.has(name) && !inSteps.has(name)) expect([seed, await look(lasting)]).toEqual([seed, done])
    }
  })
})

describe.each(dueTasks)('%s', (name) => {
  test('is done in the end however often half of the store’s calls fail', async () => {
    const from = await withDue(before, name, at)
    const known = identifiersIn(from)
    const reference = copyOf(from)
    const task = scheduleNamed(name)
    expect(await runSchedule(task, startOn(reference).open)).toMatchObject({ done: 1, failed: 0 })
    const done = await view(reference, known, at)
    for (const seed of seeds) {
      const lasting = copyOf(from)
      const { world, meet } = await faulty(lasting)
      meet(halfFailing(seed))
      // A run that cannot find out what is due hears why, and so does whoever ticks.
      for (let tick = 0; tick < 20; tick++)
        await runSchedule(task, world.open).catch((error) => expect(error).toBeInstanceOf(KmsError))
      meet(undefined)
      expect(await runSchedule(task, world.open)).toMatchObject({ failed: 0 })
      expect([seed, await view(lasting, known, at)]).toEqual([seed, done])
    }
  })
})

test.each([
  ['ReplicateKey', 'eu-west-1'],
  ['UpdatePrimaryRegion', 'us-west-2'],
])('%s, while the store in %s is away, is done in the end in both Regions', async (name, region) => {
  const settled = async (lasting: Lasting): Promise<string> => {
    const long = later(copyOf(lasting), 5 * 60_000)
    for (let rounds = 0; rounds < 2; rounds++) await runEverywhere('SynchronizeMultiRegionKey', startOn(long))
    return view(long, identifiersIn(before), at)
  }
  const reference = await prepared(name)
  await ask(startOn(reference), name, at)
  const done = await settled(reference)
  for (const [what, fault] of Object.entries(states)) {
    const lasting = await prepared(name)
    const { world, meet } = await faulty(lasting, region)
    meet(() => fault)
    const { status, error } = await ask(world, name, at)
    expect([what, status === 200 || error === 'DependencyTimeoutException', error]).toEqual([what, true, error])
    meet(undefined)
    const again = await ask(world, name, at)
    expect([what, again, isEnd(name, again)]).toEqual([what, again, true])
    expect([what, await settled(lasting)]).toEqual([what, done])
  }
})

/** Half of the calls fail, in one way or another: the same for one seed. */
function halfFailing(seed: number): () => Fault | undefined {
  const chance = numbers(seed)
  const faults = [requestLost, answerLost, answering(500, 'InternalServerError'), garbage.nothing]
  return () => (chance() < 0.5 ? faults[Math.floor(chance() * faults.length)] : undefined)
}

/** Between 0 and 1, the same for one seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

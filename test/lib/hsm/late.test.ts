/** An HSM that is opened by the first question. */
import { expect, test } from 'vitest'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { openedLate } from '../../../lib/hsm/late.ts'
import { SoftHsm } from '../../harness/soft-hsm.ts'

const counters = { operations: 7, failures: 0, reopenings: 0, hits: 0, misses: 0, evictions: 0 }

function lately(refusals = 0) {
  const seen = { openings: 0, closings: 0 }
  const hsm: OpenHsm = Object.assign(new SoftHsm(), { counters, close: () => void seen.closings++ })
  const late = openedLate(async () => {
    if (++seen.openings <= refusals) throw new Error('not yet')
    return hsm
  })
  return { seen, hsm, late }
}

test('is not opened before it is asked something, and then once for all who ask', async () => {
  const { seen, late } = lately()
  expect([late.counters.operations, seen.openings]).toEqual([0, 0])
  const [a, b] = await Promise.all([late.random(8), late.random(16)])
  expect([a.length, b.length, seen.openings, late.counters.operations]).toEqual([8, 16, 1, 7])
})

test('is tried again by the next question when it could not be opened', async () => {
  const { seen, late } = lately(1)
  await expect(late.check()).rejects.toThrow('not yet')
  await late.check()
  expect(seen.openings).toBe(2)
})

test('answers every question as the HSM that it opens', async () => {
  const { late, hsm } = lately()
  const names = Object.getOwnPropertyNames(SoftHsm.prototype).filter((name) => name !== 'constructor')
  const asked = Object.keys(late).filter((name) => name !== 'counters' && name !== 'close')
  expect(names).toEqual(expect.arrayContaining(asked))
  for (const name of asked as 'check'[]) {
    Object.assign(hsm, { [name]: async () => name })
    expect(await late[name]()).toBe(name)
  }
})

test('is closed with what it has opened, and asked nothing after', async () => {
  const { seen, late } = lately()
  const answer = late.random(8)
  late.close()
  await answer.catch(() => undefined)
  await expect(late.random(8)).rejects.toThrow('The HSM is closed')
  expect(seen).toEqual({ openings: 1, closings: 1 })
})

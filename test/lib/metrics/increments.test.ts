import { expect, test } from 'vitest'
import { increments } from '../../../lib/metrics/increments.ts'

test('counters are told by what they have grown by, once in a while, and only those that have', () => {
  const told = increments(60_000, 'Keystead')
  expect(told({ Hsm: { Operations: 3, Failures: 0 }, Store: { Reads: 0 } }, 0)).toMatchObject([
    { Part: 'Hsm', Operations: 3 },
  ])
  expect(told({ Hsm: { Operations: 9, Failures: 0 }, Store: { Reads: 5 } }, 59_999)).toEqual([])
  const [hsm, store] = told({ Hsm: { Operations: 10, Failures: 1 }, Store: { Reads: 5 } }, 60_000)
  expect(hsm).toMatchObject({ Part: 'Hsm', Operations: 7, Failures: 1 })
  expect(store).toEqual({
    _aws: {
      Timestamp: 60_000,
      CloudWatchMetrics: [
        { Namespace: 'Keystead', Dimensions: [['Part']], Metrics: [{ Name: 'Reads', Unit: 'Count' }] },
      ],
    },
    Part: 'Store',
    Reads: 5,
  })
  expect(told({ Hsm: { Operations: 10, Failures: 1 }, Store: { Reads: 5 } }, 200_000)).toEqual([])
})

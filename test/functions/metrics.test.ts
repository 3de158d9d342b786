import { expect, test } from 'vitest'
import { handler as rotate } from '../../functions/scheduled/rotate-key.ts'
import { TestWorld } from '../harness/world.ts'

test('every answer is told: its action, its error, and how long it took by the world’s clock', async () => {
  const world = await TestWorld.start()
  const { KeyId } = await world.key()
  await world.call('DescribeKey', { KeyId })
  await world.call('DescribeKey', { KeyId: 'none' })
  const { requestId } = await world.call('DescribeKey', { KeyId }, 'nobody')
  expect(world.answers.at(-1)?.requestId).toBe(requestId)
  expect(world.answers.map(({ requestId: _, ...rest }) => rest)).toEqual([
    { action: 'CreateKey', ms: 0 },
    { action: 'DescribeKey', ms: 0 },
    { action: 'DescribeKey', error: 'NotFoundException', ms: 0 },
    { action: 'DescribeKey', error: 'MissingAuthenticationTokenException', ms: 0 },
  ])
})

test('every run of a scheduled function is told: what it did, and how late', async () => {
  const world = await TestWorld.start()
  const { KeyId } = await world.key()
  await world.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 })
  world.nowMs += 90 * 86_400_000 + 60_000
  await rotate({})
  await rotate({})
  expect(world.outcomes).toEqual([
    { name: 'RotateKey', done: 1, failed: 0, more: false, lateMs: 60_000 },
    { name: 'RotateKey', done: 0, failed: 0, more: false, lateMs: 0 },
  ])
})

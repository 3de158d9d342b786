/** AWS's quota of 50,000 grants a key: held by a tally that is never too low, and put right where it is too high. */
import { beforeEach, describe, expect, test } from 'vitest'
import { mostGrants } from '../../lib/grants/tally.ts'
import { aGrant } from '../harness/store.ts'
import { account, TestWorld } from '../harness/world.ts'

let world: TestWorld
let key: { KeyId: string; Arn: string }
beforeEach(async () => {
  world = await TestWorld.start()
  key = await world.key()
})

const tally = async () => world.store.grants.tallies.find(key.KeyId)
/** As if so many had been counted, a while ago. */
async function counted(count: number): Promise<void> {
  await world.store.grants.tallies.countUp(key.KeyId, mostGrants, world.nowMs)
  const there = await tally()
  if (there) await world.store.grants.tallies.replace({ ...there, count })
  world.nowMs += 60_000
}
const create = async (more: object = {}) => {
  const GranteePrincipal = `arn:aws:iam::${account}:root`
  const { json } = await world.call('CreateGrant', {
    KeyId: key.KeyId,
    GranteePrincipal,
    Operations: ['Encrypt'],
    ...more,
  })
  return json
}
const full = () => ({ __type: 'LimitExceededException', message: `${key.Arn} already has 50000 grants.` })

test('each grant that is made is counted, and one that is there already is not', async () => {
  await create()
  await create({ Name: 'one' })
  const { GrantId } = await create({ Name: 'one' })
  await create({ DryRun: true })
  await world.call('CreateGrant', { KeyId: key.KeyId, GranteePrincipal: 'nobody', Operations: ['Encrypt'] })
  expect(await tally()).toMatchObject({ count: 2 })
  await world.call('RevokeGrant', { KeyId: key.KeyId, GrantId })
  expect(await tally()).toMatchObject({ count: 2 })
})

describe('a key whose tally is at the quota', () => {
  test('and that has as many grants is refused another, for which they are counted once a minute at the most', async () => {
    const grants = Array.from({ length: mostGrants }, (_, index) => aGrant(key.KeyId, `AIDA${index}`))
    for (const grant of grants) await world.store.grants.create(grant)
    await counted(mostGrants)
    let pages = 0
    const { list } = world.open.grants
    Object.assign(world.open, {
      grants: {
        ...world.open.grants,
        list: (...args: Parameters<typeof list>) => {
          pages++
          return list(...args)
        },
      },
    })
    expect(await create()).toEqual(full())
    expect(pages).toBe(10)
    expect(await create()).toEqual(full())
    expect(pages).toBe(10)
    const [gone] = grants
    if (gone) await world.store.grants.remove(gone)
    expect(await create()).toEqual(full())
    world.nowMs += 60_000
    expect(await create()).toHaveProperty('GrantId')
    expect(await create()).toEqual(full())
  }, 60_000)

  test('and that has fewer, since requests were cut short or grants have ended, gets its grant at once', async () => {
    await counted(mostGrants)
    expect(await create()).toHaveProperty('GrantId')
    expect(await tally()).toMatchObject({ count: 1, countedAt: world.nowMs })
    expect(await create()).toHaveProperty('GrantId')
  })

  test('counts for there what may be being made: it is never let past the quota', async () => {
    await counted(mostGrants - 1)
    // Now counted up, and with its request perhaps still under way.
    await world.store.grants.tallies.countUp(key.KeyId, mostGrants, world.nowMs)
    expect(await create()).toHaveProperty('GrantId')
    expect(await tally()).toMatchObject({ count: 1001 })
  })

  test('still answers a grant that there is by its name', async () => {
    const { GrantId } = await create({ Name: 'one' })
    await counted(mostGrants)
    const there = await tally()
    expect(await create({ Name: 'one' })).toMatchObject({ GrantId })
    expect(await tally()).toEqual(there)
  })
})

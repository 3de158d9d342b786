/**
 * Fills the disk that it is given by writing to the store on it, makes room, goes on, and does so again; then opens the
 * store anew. Says what was refused, and what of that which was acknowledged is not there.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { openStore } from '../../../lib/store/store.ts'
import { Pressure } from '../../harness/pressure.ts'
import { aKey, place } from '../../harness/store.ts'

const [, , disk = ''] = process.argv
const open = () => openStore({ kind: 'embedded', directory: `${disk}/store`, cacheTtlMs: 0, now: Date.now })
let store = await open()

const pressure = new Pressure(async (left) => {
  // Of sizes that let the disk end anywhere in a record, and that do not compress.
  const random = crypto.getRandomValues(new Uint8Array(2000 + ((left * 97) % 4000)))
  const key = aKey({ description: Buffer.from(random).toString('hex') })
  await store.keys.create(key)
  return key.id
})

async function missing(): Promise<number> {
  const found = await Promise.all([...pressure.acknowledged].map((id) => store.keys.find(id)))
  return found.filter((key) => !key).length
}

const rounds: object[] = []
for (let round = 0; round < 3; round++) {
  writeFileSync(`${disk}/ballast`, Buffer.alloc(statfsSync(disk).bavail * statfsSync(disk).bsize - (3 << 20)))
  let refused = 0
  while (refused < 100) refused += await pressure.apply(100)
  const whileFull = await missing()
  rmSync(`${disk}/ballast`)
  rounds.push({ whileFull, refusedAfter: await pressure.apply(40) })
}
await store.close()
store = await open()
const lost = await missing()
const { items } = await store.keys.list(place.account, { limit: 1_000_000 })
const whole = await Promise.all(
  items.map(async (item) => JSON.stringify(await store.keys.find(item.id)) === JSON.stringify(item)),
)
await store.close()
process.stdout.write(
  `${JSON.stringify({ rounds, refusals: [...pressure.refusals], lost, half: whole.filter((each) => !each).length })}\n`,
)

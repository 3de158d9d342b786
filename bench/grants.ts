/**
 * `node bench/grants.ts`: how long a decision takes that a grant makes, on a key with few grants and on one with very
 * many. In one process, over the embedded store, with an HSM in memory: what is compared is the store's part and ours.
 */
import { performance } from 'node:perf_hooks'
import { openStore } from '../lib/store/store.ts'
import { addUser } from '../test/harness/identities.ts'
import { aGrant, withDirectory } from '../test/harness/store.ts'
import { base64, TestWorld } from '../test/harness/world.ts'

const counts = [10, 20_000]
const rounds = 300

const median = (times: readonly number[]): string =>
  `${(times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0).toFixed(2)} ms`

async function measured(count: number, directory: string): Promise<readonly string[]> {
  const clock = { ms: Date.now() }
  const store = await openStore({ kind: 'embedded', directory, cacheTtlMs: 1000, now: () => clock.ms })
  const world = await TestWorld.start()
  const { KeyId } = await world.key()
  const key = await world.store.keys.find(KeyId)
  if (!key) throw new Error('There is no key.')
  await store.keys.create(key, await world.store.materials.find(KeyId, key.currentMaterialId ?? ''))
  const others = Array.from({ length: count }, (_, n) => aGrant(KeyId, `AIDA${n}`))
  while (others.length > 0) await Promise.all(others.splice(0, 500).map((grant) => store.grants.create(grant)))
  Object.assign(world.open, { keyStore: store.keys, materials: store.materials, grants: store.grants })
  const { user, credentials } = await addUser(world, 'alice')
  await world.call('CreateGrant', { KeyId, GranteePrincipal: user.arn, Operations: ['Encrypt'] })

  const timed = async (forget: boolean): Promise<string> => {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      if (forget) clock.ms += 1000
      const from = performance.now()
      const { status } = await world.call('Encrypt', { KeyId, Plaintext: base64('x') }, credentials)
      times.push(performance.now() - from)
      if (status !== 200) throw new Error(`Encrypt answered ${status}.`)
    }
    return median(times)
  }
  await timed(false)
  const row = [String(count), await timed(false), await timed(true)]
  await store.close()
  return row
}

process.stdout.write('| Grants on the key | Encrypt, warm | Encrypt, everything read anew |\n|---|---|---|\n')
for (const count of counts) {
  const row = await withDirectory((directory) => measured(count, directory))
  process.stdout.write(`| ${row.join(' | ')} |\n`)
}

/**
 * `npm run rewrap -- --escrow escrow.json --share <file> --share <file>`: wraps what hangs from older roots again under
 * the newest, inside the token, with the consent of M custodians (docs/recovery.md). With the embedded store the host
 * must be stopped, as it alone can open it; with a DynamoDB-compatible server everything goes on. One that was killed is
 * taken up by the same command.
 *
 *     --from <root>       only what hangs from this one
 *     --dry-run           without writing anything; without --share, only counts
 *     --cluster <id>      the token of a custom key store, as KEYSTEAD_KEY_STORES names it
 *     --secrets <dir>     as of `npm run ceremony`
 */
import { parseArgs } from 'node:util'
import { readConfig } from '../lib/config.ts'
import { storePlace } from '../lib/runtime.ts'
import { type BoundKey, openWrappedKeys, type WrappedKeys } from '../lib/store/wrapped.ts'
import { fail, print } from './backup/deployment.ts'
import { inEscrow, openingOptions } from './ceremony/opening.ts'
import { rewrapperOf } from './rewrap/again.ts'
import { borrowRoots } from './rewrap/borrowed.ts'
import { isOld, type Tally, tallyOf } from './rewrap/hanging.ts'
import { type Moved, moveAll } from './rewrap/moving.ts'
import { openRootedToken, type RootedToken } from './rewrap/token.ts'

const options = {
  ...openingOptions,
  from: { type: 'string' },
  cluster: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
} as const
const parsed = () => parseArgs({ options }).values
type Values = ReturnType<typeof parsed>

const shown = (tally: Tally): string =>
  tally.roots.map((root) => `  ${root}: ${tally.kindsUnder(root)}`).join('\n') || '  nothing'

/** The roots that something hangs from, and nothing new does. */
function olderRoots({ roots }: RootedToken, tally: Tally, from: string | undefined): readonly string[] {
  const newest = [roots.current.id, roots.domain?.id]
  if (from !== undefined && newest.includes(from)) throw new Error(`${from} is what is wrapped under now.`)
  return tally.roots.filter((root) => !newest.includes(root) && (from === undefined || root === from))
}

async function moved(values: Values, store: WrappedKeys, token: RootedToken, older: readonly string[]): Promise<Moved> {
  const borrowed = await borrowRoots(token, older, (use) => inEscrow(values, use))
  try {
    const again = rewrapperOf(token, borrowed.byId)
    const wants = (key: BoundKey) => isOld(key, token) && older.includes(key.wrapped.rootId)
    const tell = (many: number): void => void process.stderr.write(`${many} wrapped again …\n`)
    return await moveAll({ store, token, wants, again, tell, dryRun: values['dry-run'] })
  } finally {
    borrowed.close()
  }
}

function report(after: Tally, older: readonly string[], { moved, failed }: Moved): void {
  for (const root of older) print(`Wrapped again from ${root}: ${moved.kindsUnder(root) || 'nothing'}.`)
  print(`All that hangs from each root now:\n${shown(after)}`)
  for (const root of older) print(`${after.under(root)} left under ${root}.`)
  if (failed.size > 0) {
    const each = [...failed].map(([name, why]) => `\n  ${name}: ${why}`)
    throw new Error(`${failed.size} could not be wrapped again:${each.join('')}`)
  }
  if (older.some((root) => after.under(root) > 0)) {
    throw new Error('What is left was made meanwhile, by a process that was not started again since the rotation.')
  }
}

async function rewrap(values: Values, store: WrappedKeys, token: RootedToken): Promise<void> {
  const before = await tallyOf(store, token)
  const older = olderRoots(token, before, values.from)
  if (older.length === 0 || (values['dry-run'] && !values.share)) {
    print(`All that hangs from each root:\n${shown(before)}`)
    print(older.length === 0 ? 'There is nothing to wrap again.' : `To be wrapped again: ${older.join(', ')}.`)
    return
  }
  const done = await moved(values, store, token, older)
  if (!values['dry-run']) return report(await tallyOf(store, token), older, done)
  for (const root of older) print(`Would be wrapped again from ${root}: ${done.moved.kindsUnder(root) || 'nothing'}.`)
  report(before, [], done)
}

async function main(): Promise<void> {
  const values = parsed()
  const config = readConfig(process.env)
  const store = await openWrappedKeys(storePlace(config))
  try {
    const token = await openRootedToken(config, values.cluster)
    try {
      await rewrap(values, store, token)
    } finally {
      token.session.close()
    }
  } finally {
    await store.close()
  }
}

await main().catch(fail)

/** The end of a root: it leaves the token for good, once nothing hangs from it. What is in escrow stays there. */
import { readdirSync, realpathSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { readConfig } from '../../lib/config.ts'
import { objectClass } from '../../lib/hsm/constants.ts'
import { template } from '../../lib/hsm/pkcs11.ts'
import { parseRootName } from '../../lib/hsm/roots.ts'
import { storePlace } from '../../lib/runtime.ts'
import { openWrappedKeys, type WrappedKeys } from '../../lib/store/wrapped.ts'
import { flush } from '../provision.ts'
import { tallyOf } from './hanging.ts'
import { openRootedToken, type RootedToken } from './token.ts'

interface Retirement {
  /** Of a custom key store's token. */
  readonly cluster: string | undefined
  /** Otherwise its name is asked for. */
  readonly confirmed: boolean
}

/**
 * Destroys a root in the configured token when nothing in the configured store hangs from it.
 * @returns what is to be said of it
 * @throws Error when something does, when it is the one that is used now, or when it is not confirmed
 */
export async function retire(id: string, { cluster, confirmed }: Retirement): Promise<string> {
  const config = readConfig(process.env)
  const store = await openWrappedKeys(storePlace(config))
  try {
    const token = await openRootedToken(config, cluster)
    try {
      await demandUnused(store, token, id)
      if (!confirmed) {
        await confirm(id)
        // Whoever was asked may have taken their time.
        await demandUnused(store, token, id)
      }
      destroy(token, id)
      return `${id} is no more in the token ${token.tokenLabel}. Keep it in escrow: backups that were taken before need it.`
    } finally {
      token.session.close()
    }
  } finally {
    await store.close()
  }
}

async function confirm(id: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Error('There is no terminal to confirm it at: give --yes.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(
    `Backups that hang from ${id}, and other Regions that do, open no more with this token. Its name, to destroy it: `,
  )
  terminal.close()
  if (answer.trim() !== id) throw new Error('Broken off.')
}

async function demandUnused(store: WrappedKeys, token: RootedToken, id: string): Promise<void> {
  const { current, domain, byId } = token.roots
  if (!byId.has(id)) throw new Error(`The token has no root ${id}.`)
  if ([current.id, domain?.id].includes(id)) throw new Error(`${id} is what is wrapped under now: rotate first.`)
  const tally = await tallyOf(store, token)
  if (tally.under(id) > 0) throw new Error(`${tally.kindsUnder(id)} hang from ${id}: npm run rewrap.`)
}

/** Every file of the token directory that this process's copy of it no longer has is removed, and nothing else. */
function removeFrom(golden: string, before: readonly string[], after: readonly string[]): void {
  for (const file of before.filter((each) => !after.includes(each))) {
    rmSync(join(golden, file), { force: true })
    flush(dirname(join(golden, file)), { deep: false })
  }
}

/** Of a domain root, its binding key too. The token's files change by the removal of those alone. */
function destroy({ session, tokenDirectory }: RootedToken, id: string): void {
  const name = parseRootName(id)
  const labels = name?.kind === 'domain' ? [id, name.binding] : [id]
  const golden = tokenDirectory === undefined ? undefined : realpathSync(tokenDirectory)
  const copy = join(dirname(process.env.SOFTHSM2_CONF ?? ''), 'tokens')
  // The root first: a binding key without its root is of no meaning to anybody.
  for (const label of labels) {
    const before = golden === undefined ? [] : filesOf(copy)
    for (const handle of session.find(template({ class: objectClass.secretKey, label, token: true }))) {
      session.destroy(handle)
    }
    if (golden !== undefined) removeFrom(golden, before, filesOf(copy))
  }
}

const filesOf = (directory: string): readonly string[] => readdirSync(directory, { recursive: true, encoding: 'utf8' })

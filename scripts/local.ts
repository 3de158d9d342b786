import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../lib/config.ts'
import { isolated } from '../lib/hsm/isolated.ts'
import type { World } from '../lib/perform.ts'
import { hsmModuleOf, log, openWorld } from '../lib/runtime.ts'
import { ensureRootUser } from './root-user.ts'
import { SeedError } from './seed/file.ts'

/** What keeps the service from starting on this machine: one line, with what mends it. */
export class PreparationError extends Error {
  override readonly name = 'PreparationError'
}

/**
 * Makes what a first start needs: the token with its root keys, the root user's access key, and what the seed file names.
 * @returns the credentials file; undefined when the configuration seeds the access key
 * @throws PreparationError
 */
export async function prepareLocal(config: Config): Promise<string | undefined> {
  mkdirSync(config.KEYSTEAD_HOME, { recursive: true, mode: 0o700 })
  if (config.KEYSTEAD_HSM_PROFILE === 'softhsm') provisionToken(config)
  try {
    const world = await openWorld({ openHsm: isolated({ timeoutMs: config.KEYSTEAD_HSM_TIMEOUT_MS, log }) })
    // Before anything is made for a store that nothing may be served from.
    await world.check()
    const credentials = await ensureRootUser(world, config)
    if (config.KEYSTEAD_SEED !== undefined) await seed(world, config.KEYSTEAD_SEED, config)
    return credentials
  } catch (error) {
    if (error instanceof PreparationError) throw error
    if (error instanceof SeedError) throw new PreparationError(error.message, { cause: error })
    throw new PreparationError(`${reasonOf(error)}`, { cause: error })
  }
}

async function seed(world: World, file: string, { KEYSTEAD_HSM_PROFILE }: Config): Promise<void> {
  const { plant } = await import('./seed/seed.ts')
  const { made, kept } = await plant(world, file, { software: KEYSTEAD_HSM_PROFILE === 'softhsm' })
  process.stdout.write(`Seeded from ${file}: ${made} made, ${kept} there already\n`)
}

/** In a process of its own: the module is initialised once per process, on one token directory. */
function provisionToken(config: Config): void {
  const directory = dirname(config.KEYSTEAD_HSM_TOKEN_DIRECTORY)
  if (existsSync(config.KEYSTEAD_HSM_TOKEN_DIRECTORY)) return
  if (directory !== join(config.KEYSTEAD_HOME, 'hsm')) {
    throw new PreparationError(
      `there is no token in ${config.KEYSTEAD_HSM_TOKEN_DIRECTORY}. Make one: npm run provision -- --directory '${directory}'`,
    )
  }
  const module = hsmModuleOf(config)
  if (module === undefined) {
    throw new PreparationError(
      'SoftHSM is not installed. Install it: sudo apt-get install softhsm2, or name a module: KEYSTEAD_HSM_MODULE=/path/to/module.so',
    )
  }
  const script = fileURLToPath(new URL('provision.ts', import.meta.url))
  const label = config.KEYSTEAD_HSM_TOKEN_LABEL
  const { status, stderr } = spawnSync(
    process.execPath,
    [script, '--module', module, '--directory', directory, '--label', label],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new PreparationError(`the token could not be made: ${stderr.trim().split('\n').at(-1)}`)
}

function reasonOf(error: unknown): string {
  const texts: string[] = []
  for (let at: unknown = error; at instanceof Error && texts.length < 5; at = at.cause)
    if (at.message) texts.push(at.message)
  return texts.join(': ') || 'could not start'
}

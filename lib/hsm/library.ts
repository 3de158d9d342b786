import { existsSync, realpathSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { osLockingOk, returnCode } from './constants.ts'
import { answered, TokenNotFound } from './failures.ts'
import { call, loadLibrary, type Pkcs11 } from './pkcs11.ts'
import { copyTokens } from './private-copy.ts'

interface LibraryOptions {
  /** Path of the PKCS #11 module. */
  readonly module: string
  /** SoftHSM's golden token directory; absent for a module that is configured elsewhere. */
  readonly tokenDirectory?: string
  /**
   * Golden directories of the tokens that this process may open beside that one. SoftHSM sees only what is there when
   * it is initialised: one that is missing then is found at the next start.
   */
  readonly besideDirectories?: readonly string[]
  readonly runDirectory: string
}

interface Library {
  readonly pkcs11: Pkcs11
  /** Those whose tokens this process has; none where the module is configured elsewhere. */
  readonly tokenDirectories: readonly string[]
}

/**
 * A module is initialised once per process, however many bundles of this file the process has loaded: what is known of
 * it lies where all of them see it.
 */
const place = Symbol.for('keystead.hsm.libraries')
const shared = globalThis as { [place]?: Map<string, Library> }
shared[place] ??= new Map()
const libraries = shared[place]

/** Safe to repeat. Without OS locking SoftHSM runs with no mutexes at all (hsm.md §1). @returns whether it was us */
export function initialize(pkcs11: Pkcs11): boolean {
  try {
    call('C_Initialize', () => pkcs11.C_Initialize({ flags: osLockingOk }))
    return true
  } catch (error) {
    if (answered(error, returnCode.alreadyInitialized)) return false
    throw error
  }
}

/**
 * The process's one instance of a module, initialised.
 *
 * @throws TokenNotFound when the directory is not there, or the process already uses others: SoftHSM reads its configuration once
 * per process, and all instances share one environment
 */
export function openLibrary(options: LibraryOptions): Pkcs11 {
  const { tokenDirectory: given } = options
  if (given !== undefined && !existsSync(given)) throw new TokenNotFound(`There is no token directory ${given}`)
  const tokenDirectory = given === undefined ? undefined : realpathSync(given)
  const known = libraries.get(options.module)
  const has = ({ tokenDirectories: all }: Library) =>
    tokenDirectory === undefined ? all.length === 0 : all.includes(tokenDirectory)
  if (known && has(known)) return known.pkcs11
  const taken = [...libraries.values()].some(({ tokenDirectories: all }) => all.length > 0)
  if (known || (taken && tokenDirectory !== undefined)) {
    throw new TokenNotFound('This process already uses another token directory, and reads its tokens once.')
  }
  const beside = (options.besideDirectories ?? []).filter((directory) => existsSync(directory))
  const tokenDirectories =
    tokenDirectory === undefined ? [] : [...new Set([tokenDirectory, ...beside.map((each) => realpathSync(each))])]
  if (tokenDirectory !== undefined) {
    // A worker's process.env is a copy that the module's getenv does not see.
    if (!isMainThread) throw new Error('An HSM with a token directory must be opened on the main thread.')
    process.env.SOFTHSM2_CONF = copyTokens(tokenDirectories, options.runDirectory)
  }
  const pkcs11 = loadLibrary(options.module)
  if (!initialize(pkcs11) && tokenDirectory !== undefined) {
    throw new Error(`${options.module} was initialised before the HSM was opened, with a configuration of its own.`)
  }
  libraries.set(options.module, { pkcs11, tokenDirectories })
  return pkcs11
}

/**
 * The HSM, through PKCS #11. A login holds sessions, root keys and every opened key; when the token loses any of it,
 * the whole login is given up, another begun, and what was asked is done once more.
 */
import { KMSInternalException } from '../errors.ts'
import { ownerOf } from '../keys/materials.ts'
import type { Hsm } from '../ports.ts'
import { Asymmetric } from './asymmetric.ts'
import { Canary } from './canary.ts'
import { failureOf, isLost, isRefusal } from './failures.ts'
import { type CacheCounters, Handles } from './handles.ts'
import { Imports } from './imports.ts'
import { openLibrary } from './library.ts'
import { Materials } from './materials.ts'
import { type MessageKeyLimits, Messages } from './messages.ts'
import type { Pkcs11 } from './pkcs11.ts'
import { chooseProfile, type ProfileName } from './profiles.ts'
import { findRoots } from './roots.ts'
import { Session } from './session.ts'

export interface HsmOptions {
  /** Path of the PKCS #11 module. */
  readonly module: string
  readonly pin: string
  readonly tokenLabel: string
  /** SoftHSM's golden token directory: copied for this process, never opened itself. */
  readonly tokenDirectory?: string
  /** Those of other tokens that this process may open, too. */
  readonly besideDirectories?: readonly string[]
  /** Where the private copies lie, each removed when its process has ended. */
  readonly runDirectory: string
  /** Otherwise chosen by the module's manufacturer. */
  readonly profile?: ProfileName
  /** Refuses specs whose keys must be opened in this process to be used. */
  readonly hsmOnly?: boolean
  /** How many opened keys are kept: 2 or more. */
  readonly handles?: number
  readonly messageKeyLimits?: MessageKeyLimits
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface HsmCounters extends CacheCounters {
  /** What was asked of the HSM. */
  operations: number
  /** What it could not do, a refused ciphertext not among it. */
  failures: number
  /** Logins given up as lost. */
  reopenings: number
}

export interface OpenHsm extends Hsm {
  readonly counters: Readonly<HsmCounters>
  /** Ends the login. The module stays initialised: finalizing it would take it from the whole process. */
  close(): void
}

export type HsmOpener = (options: HsmOptions) => Promise<OpenHsm>

interface Login {
  readonly session: Session
  readonly materials: Materials
  readonly messages: Messages
  readonly asymmetric: Asymmetric
  readonly imports: Imports
  readonly canary: Canary
}

const day = 86_400_000
const defaultHandles = 8192
const defaultLimits: MessageKeyLimits = { messages: 2 ** 32, milliseconds: day }
const maxRandomBytes = 1024

function assertSound({ handles, messageKeyLimits }: HsmOptions): void {
  if (handles !== undefined && !(handles >= 2)) throw new RangeError('handles must be 2 or more')
  if (messageKeyLimits && !(messageKeyLimits.messages >= 1 && messageKeyLimits.messages <= 2 ** 32)) {
    throw new RangeError('messageKeyLimits.messages must be 1 to 2^32')
  }
}

/**
 * Opens the token and logs in.
 *
 * @throws Error when the token is missing, not provisioned, not locked, or lacks a mechanism; Pkcs11Failure when it
 * refuses. None of them names the PIN.
 */
export async function openHsm(options: HsmOptions): Promise<OpenHsm> {
  assertSound(options)
  const pkcs11 = openLibrary(options)
  const counters: HsmCounters = { operations: 0, failures: 0, reopenings: 0, hits: 0, misses: 0, evictions: 0 }
  let login: Login | undefined = begin(pkcs11, options, counters)
  let final: unknown

  function current(): Login {
    if (final) throw final
    try {
      login ??= begin(pkcs11, options, counters)
      return login
    } catch (error) {
      if (isRefusal(error)) final = error
      throw error
    }
  }

  function giveUp(lost: Login | undefined): void {
    // Another request that was under way may have begun anew already.
    if (login !== lost) return
    counters.reopenings++
    lost?.session.close()
    login = undefined
  }

  async function attempt<T>(operation: (login: Login) => T | Promise<T>): Promise<T> {
    let used: Login | undefined
    try {
      used = current()
      return await operation(used)
    } catch (error) {
      if (!isLost(error)) throw error
    }
    giveUp(used)
    return operation(current())
  }

  async function perform<T>(operation: (login: Login) => T | Promise<T>): Promise<T> {
    counters.operations++
    try {
      return await attempt(operation)
    } catch (error) {
      const failure = failureOf(error)
      if (failure.fault === 'server') counters.failures++
      throw failure
    }
  }

  return {
    counters,
    random: (length) => perform(({ session }) => session.random(bounded(length))),
    generate: (owner) => perform(({ materials }) => materials.generate(owner)),
    encrypt: (material, plaintext, context) =>
      perform(({ messages }) => messages.encrypt(material, plaintext, context, options.now())),
    decrypt: (material, ciphertext, context) =>
      perform(({ messages }) => messages.decrypt(material, ciphertext, context)),
    wrapSecret: (owner, secret) => perform(({ materials }) => materials.wrapSecret(owner, secret)),
    mac: (owner, wrapped, data) => perform(({ materials }) => materials.mac(owner, wrapped, data)),
    sign: (material, algorithm, type, message) =>
      perform(({ asymmetric }) => asymmetric.sign(material, algorithm, type, message)),
    generateMac: (material, message) => perform(({ asymmetric }) => asymmetric.generateMac(material, message)),
    decryptAsymmetric: (material, algorithm, ciphertext) =>
      perform(({ asymmetric }) => asymmetric.decrypt(material, algorithm, ciphertext)),
    deriveSharedSecret: (material, peer) => perform(({ asymmetric }) => asymmetric.deriveSharedSecret(material, peer)),
    decapsulate: (material, ciphertext) => perform(({ asymmetric }) => asymmetric.decapsulate(material, ciphertext)),
    importMaterial: (request) => perform(({ imports }) => imports.take(request)),
    assertBound: (material) => perform(({ materials }) => materials.assertBound(ownerOf(material), material.wrapped)),
    macForPeers: (data) => perform(({ materials }) => materials.macForPeers(data)),
    deriveKey: (purpose) => perform(({ materials }) => materials.deriveKey(purpose)),
    check: () => perform(({ canary }) => canary.assertDecrypts()),
    close() {
      login?.session.close()
      login = undefined
      final = new Error('The HSM is closed')
    },
  }
}

function bounded(length: number): number {
  // INVARIANT: GenerateRandom's schema asks for 1 to 1024 bytes.
  if (!(length >= 1 && length <= maxRandomBytes)) throw new KMSInternalException('Not 1 to 1024 random bytes')
  return length
}

function begin(pkcs11: Pkcs11, options: HsmOptions, counters: HsmCounters): Login {
  const session = new Session(pkcs11, options.tokenLabel, options.pin)
  try {
    const profile = chooseProfile(session, options.profile)
    const handles = new Handles(options.handles ?? defaultHandles, (handle) => session.destroy(handle), counters)
    const roots = findRoots(session, profile)
    const materials = new Materials({ session, profile, roots, handles, hsmOnly: options.hsmOnly ?? false })
    const canary = new Canary(session, profile)
    const limits = options.messageKeyLimits ?? defaultLimits
    const messages = new Messages({ session, profile, materials, handles, canary }, limits)
    const asymmetric = new Asymmetric({ session, profile, materials, canary })
    const imports = new Imports({ session, profile, materials, canary })
    return { session, materials, messages, asymmetric, imports, canary }
  } catch (error) {
    session.close()
    throw error
  }
}

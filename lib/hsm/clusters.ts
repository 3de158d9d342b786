/** The tokens that stand for CloudHSM clusters: each opened when a connected store first needs it, and never longer. */
import { hex } from '../bytes.ts'
import type { ConnectionErrorCode } from '../stores/key-store.ts'
import type { Clusters } from '../stores/ports.ts'
import { isProven } from '../stores/secrets.ts'
import { returnCode } from './constants.ts'
import { Pkcs11Failure, TokenNotFound } from './failures.ts'
import type { HsmOpener, HsmOptions, OpenHsm } from './hsm.ts'

export interface ClusterToken {
  readonly options: Omit<HsmOptions, 'pin'>
  /** Read anew for each login, so that a changed PIN needs no restart. @throws Error */
  readonly readPin: () => string
}

export interface ClustersOptions {
  /** By cluster id. */
  readonly tokens: ReadonlyMap<string, ClusterToken>
  /** Whose clusters they are. */
  readonly account: string
  /** The clusters of stores that are connected, each with when it was; undefined of one that is being connected. */
  readonly connected: () => Promise<ReadonlyMap<string, number | undefined>>
  /** How often it is looked whether what is open may still be. */
  readonly recheckMs: number
  readonly openHsm: HsmOpener
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

export interface OpenClusters extends Clusters {
  close(): Promise<void>
}

const { pinIncorrect, pinInvalid, pinLengthRange, pinExpired, pinLocked } = returnCode

/** AWS's codes for what a token answers to a login. */
const answers: ReadonlyMap<number, ConnectionErrorCode> = new Map([
  [pinIncorrect, 'INVALID_CREDENTIALS'],
  [pinInvalid, 'INVALID_CREDENTIALS'],
  [pinLengthRange, 'INVALID_CREDENTIALS'],
  [pinExpired, 'INVALID_CREDENTIALS'],
  [pinLocked, 'USER_LOCKED_OUT'],
  [returnCode.userPinNotInitialized, 'USER_NOT_FOUND'],
  [returnCode.userAnotherAlreadyLoggedIn, 'USER_LOGGED_IN'],
  [returnCode.tokenNotPresent, 'CLUSTER_NOT_FOUND'],
  [returnCode.tokenNotRecognized, 'CLUSTER_NOT_FOUND'],
])

function codeOf(error: unknown): ConnectionErrorCode {
  if (error instanceof TokenNotFound) return 'CLUSTER_NOT_FOUND'
  return (error instanceof Pkcs11Failure && answers.get(error.code)) || 'INTERNAL_ERROR'
}

/** What the user's password is in a PIN: CloudHSM's is `<user>:<password>`. */
const passwordIn = (pin: string, { options }: ClusterToken): string =>
  options.profile === 'cloudhsm' ? pin.slice(pin.indexOf(':') + 1) : pin

interface Opening {
  readonly hsm: Promise<OpenHsm | undefined>
  /** Why there is none. */
  error?: ConnectionErrorCode
  /** The connection that it is of, as far as that has been looked at. */
  since?: number | undefined
}

export function openClusters({ tokens, account, connected, recheckMs, openHsm, log }: ClustersOptions): OpenClusters {
  const openings = new Map<string, Opening>()
  let rechecking: NodeJS.Timeout | undefined

  function begin(clusterId: string, { options, readPin }: ClusterToken): Opening {
    const attempt = async () => openHsm({ ...options, pin: readPin() })
    const opening: Opening = {
      hsm: attempt().catch((error: unknown) => {
        opening.error = codeOf(error)
        log({ level: 'error', message: `${clusterId} cannot be opened`, code: opening.error, cause: String(error) })
        return undefined
      }),
    }
    openings.set(clusterId, opening)
    // Not kept alive for this alone: a process that ends has no session left either.
    rechecking ??= setInterval(() => void recheck(), recheckMs).unref()
    return opening
  }

  async function end(clusterId: string): Promise<void> {
    const opening = openings.get(clusterId)
    openings.delete(clusterId)
    if (openings.size === 0) {
      clearInterval(rechecking)
      rechecking = undefined
    }
    const hsm = await opening?.hsm
    hsm?.close()
  }

  async function hsmOf(clusterId: string): Promise<OpenHsm | undefined> {
    const token = tokens.get(clusterId)
    return token && (openings.get(clusterId) ?? begin(clusterId, token)).hsm
  }

  /**
   * Another process may have disconnected a store, or connected it anew. A login that failed is tried again with the next use; one that was
   * refused is not before the store was disconnected, since each try brings the token nearer to locking its user out.
   */
  async function recheck(): Promise<void> {
    let wanted: ReadonlyMap<string, number | undefined>
    try {
      wanted = await connected()
    } catch (error) {
      // No key is usable meanwhile either: its store's state cannot be read.
      log({ level: 'error', message: 'the state of custom key stores cannot be read', cause: String(error) })
      return
    }
    for (const [clusterId, opening] of openings) {
      const since = wanted.get(clusterId)
      opening.since ??= since
      const stands = wanted.has(clusterId) && opening.since === since
      if (!stands || opening.error === 'INTERNAL_ERROR') await end(clusterId)
    }
  }

  return {
    has: (clusterId, of) => of === account && tokens.has(clusterId),

    async connect(clusterId, proof) {
      await end(clusterId)
      const token = tokens.get(clusterId)
      if (!token) return 'CLUSTER_NOT_FOUND'
      let pin: string
      try {
        pin = token.readPin()
      } catch (error) {
        log({ level: 'error', message: `the PIN of ${clusterId} cannot be read`, cause: String(error) })
        return 'INVALID_CREDENTIALS'
      }
      // Before the token is asked: it counts wrong PINs.
      if (!(await isProven(passwordIn(pin, token), proof))) return 'INVALID_CREDENTIALS'
      const opening = begin(clusterId, token)
      await opening.hsm
      if (opening.error !== undefined) await end(clusterId)
      return opening.error
    },

    hsmOf,
    async lineageOf(clusterId) {
      const lineage = await (await hsmOf(clusterId))?.deriveKey('lineage')
      return lineage && hex(lineage)
    },

    disconnect: end,

    async close() {
      for (const clusterId of [...openings.keys()]) await end(clusterId)
    },
  }
}

/**
 * The HSM in a process of its own. A PKCS #11 call blocks whoever makes it until the module has answered, and a module
 * that hangs or crashes takes its process along: here that is not the one that answers requests. Beside that the PIN,
 * and with a software token every opened key, are not in the memory of the one that reads them.
 */
import type { Hsm } from '../ports.ts'
import { HsmChild, unanswered } from './child.ts'
import { failureOf, isRefusal } from './failures.ts'
import type { HsmCounters, HsmOpener, HsmOptions, OpenHsm } from './hsm.ts'
import { hsmAsking } from './protocol.ts'

export interface Isolation {
  /**
   * Milliseconds that a call has; then it is given up (DependencyTimeoutException). Where nothing else is answered
   * either, the process is killed, and the next call begins another.
   */
  readonly timeoutMs: number
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
  /** What runs in the process instead, in tests: one that misbehaves. */
  readonly program?: string
}

/** How long nothing is tried after a start that failed: what makes it fail is seldom gone at once. */
const pauseMs = 1000
/** Logging in at an HSM in the network takes its time. */
const leastOpeningMs = 30_000

const counted = ['reopenings', 'hits', 'misses', 'evictions'] as const

/** @throws DependencyTimeoutException */
async function within<T>(timeoutMs: number, promised: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unanswered()), timeoutMs)
  })
  return Promise.race([promised, late]).finally(() => clearTimeout(timer))
}

/** @returns an `openHsm` of which each HSM is in a process of its own */
export const isolated =
  (isolation: Isolation): HsmOpener =>
  (options) =>
    openIsolated(options, isolation)

async function openIsolated({ now: _, ...options }: HsmOptions, isolation: Isolation): Promise<OpenHsm> {
  const { timeoutMs, log } = isolation
  const counters: HsmCounters = { operations: 0, failures: 0, reopenings: 0, hits: 0, misses: 0, evictions: 0 }
  let live: HsmChild | undefined
  let opening: Promise<HsmChild> | undefined
  let refused: { readonly error: unknown; readonly until: number } | undefined

  async function open(): Promise<HsmChild> {
    let before: Partial<HsmCounters> = {}
    const child: HsmChild = new HsmChild({
      ...isolation,
      counted: (now) => {
        for (const name of counted) counters[name] += now[name] - (before[name] ?? 0)
        before = now
      },
      ended: (why) => {
        if (live !== child) return
        live = undefined
        counters.reopenings++
        log({ level: 'error', message: "the HSM's process has ended, and is begun anew when it is needed", why })
      },
    })
    try {
      await child.open(options, Math.max(timeoutMs, leastOpeningMs))
    } catch (error) {
      child.close()
      // Another login would only bring the PIN nearer to being locked.
      refused ??= { error, until: isRefusal(error) ? Number.POSITIVE_INFINITY : performance.now() + pauseMs }
      throw error
    }
    // Closed meanwhile.
    if (refused) child.close()
    else live = child
    return child
  }

  async function opened(): Promise<HsmChild> {
    if (refused && performance.now() < refused.until) throw refused.error
    refused = undefined
    opening ??= open().finally(() => {
      opening = undefined
    })
    return opening
  }

  async function ask(method: keyof Hsm, given: readonly unknown[]): Promise<unknown> {
    counters.operations++
    try {
      return await (live ?? (await within(timeoutMs, opened()))).call(method, given)
    } catch (error) {
      const failure = failureOf(error)
      if (failure.fault === 'server') counters.failures++
      throw failure
    }
  }
  await opened()
  return {
    ...hsmAsking(ask),
    counters,
    close() {
      refused = { error: new Error('The HSM is closed'), until: Number.POSITIVE_INFINITY }
      const last = live
      live = undefined
      last?.close()
    },
  }
}

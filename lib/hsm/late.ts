import type { HsmCounters, OpenHsm } from './hsm.ts'
import { doneBy, hsmAsking } from './protocol.ts'

const nothing: HsmCounters = { operations: 0, failures: 0, reopenings: 0, hits: 0, misses: 0, evictions: 0 }

/**
 * An HSM that is opened when something is first asked of it: whoever may have nothing to ask costs it no login, and
 * can be without it. An opening that failed is what the question failed of; the next question tries again.
 */
export function openedLate(open: () => Promise<OpenHsm>): OpenHsm {
  let opening: Promise<OpenHsm> | undefined
  let opened: OpenHsm | undefined
  let closed = false

  async function ask<T>(question: (hsm: OpenHsm) => Promise<T>): Promise<T> {
    if (closed) throw new Error('The HSM is closed')
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    const hsm = await opening
    // Closed while it was being opened.
    if (closed) hsm.close()
    opened = hsm
    return question(hsm)
  }

  return {
    ...hsmAsking((method, given) => ask((hsm) => doneBy(hsm, method, given))),
    get counters() {
      return opened?.counters ?? nothing
    },
    close() {
      closed = true
      opened?.close()
    },
  }
}

import { schedules } from '../functions/scheduled/index.ts'
import { sealAuditLog } from '../functions/scheduled/seal-audit-log.ts'
import type { OpenWorld } from '../lib/runtime.ts'
import { runSchedule } from '../lib/scheduled.ts'

const minuteMs = 60_000

export interface Ticker {
  /** Begins nothing more, and resolves when what was under way is done. */
  stop(): Promise<void>
}

/** EventBridge's part on this machine: every scheduled function at the start, then once a minute, one after another. */
export function startTicker(world: OpenWorld, everyMs = minuteMs): Ticker {
  let stopping = false
  let underWay = Promise.resolve()
  let ticking = false

  async function tick(): Promise<void> {
    for (const schedule of schedules) {
      if (stopping) return
      try {
        await runSchedule(schedule, world)
      } catch (error) {
        // The store may be away for a while; the next tick finds the same work.
        world.log({ level: 'error', message: `${schedule.name} failed`, error: String(error) })
      }
    }
  }
  const begin = (): void => {
    if (ticking) return
    ticking = true
    underWay = tick().finally(() => {
      ticking = false
    })
  }
  begin()
  const timer = setInterval(begin, everyMs)
  return {
    async stop() {
      stopping = true
      clearInterval(timer)
      await underWay
      // What was written last is sealed too: nobody else will until the next start.
      await runSchedule(sealAuditLog, world).catch((error: unknown) => {
        world.log({ level: 'error', message: 'the audit trail could not be sealed', error: String(error) })
      })
    },
  }
}

import type { Context } from 'aws-lambda'
import { openWorld } from '../runtime.ts'
import { type Outcome, runSchedule, type Schedule } from '../scheduled.ts'

/** What is left of a Lambda's time to end what it has begun. */
const reserveMs = 5000

/** A scheduled function's Lambda: whatever event EventBridge sends, what is due is done. */
export const serveSchedule =
  (schedule: Schedule) =>
  async (_event: unknown, context?: Pick<Context, 'getRemainingTimeInMillis'>): Promise<Outcome> => {
    const world = await openWorld({ late: true })
    const remainingMs = context?.getRemainingTimeInMillis?.()
    return runSchedule(schedule, world, remainingMs === undefined ? undefined : world.now() + remainingMs - reserveMs)
  }

import type { Context } from 'aws-lambda'
import { openWorld } from '../runtime.ts'
import { type AnySchedule, type Outcome, performDue } from '../scheduled.ts'

/** What is left of a Lambda's time to end what it has begun. */
const reserveMs = 5000

/** A scheduled function's Lambda: whatever event EventBridge sends, what is due is done. */
export const serveSchedule =
  (task: AnySchedule) =>
  async (_event: unknown, context?: Pick<Context, 'getRemainingTimeInMillis'>): Promise<Outcome> => {
    const world = await openWorld()
    const remainingMs = context?.getRemainingTimeInMillis?.()
    const until = remainingMs === undefined ? undefined : world.now() + remainingMs - reserveMs
    const outcome = await performDue(task, world, until)
    if (outcome.done + outcome.failed > 0) world.log({ level: 'info', message: 'due work', ...outcome })
    return outcome
  }

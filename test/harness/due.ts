/** Scheduled functions, and what makes something due for each that works on keys. */
import { schedules } from '../../functions/scheduled/index.ts'
import { runSchedule, type Schedule } from '../../lib/scheduled.ts'
import { ask, type Staged } from './actions.ts'
import { validInputs } from './inputs.ts'
import { copyOf, type Lasting, startOn } from './mortal.ts'
import { newNetwork, type TestWorld } from './world.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
const started = newNetwork().clock.ms

/** For processes that are started from now on, it is so much later. */
export const later = (lasting: Lasting, ms: number): Lasting => ({ ...lasting, nowMs: started + ms })

export function scheduleNamed(name: string): Schedule {
  const found = schedules.find((each) => each.name === name)
  if (!found) throw new Error(`no ${name}`)
  return found
}

/** As it ticks in every Region. */
export async function runEverywhere(name: string, { network }: TestWorld): Promise<void> {
  for (const { open } of network.worlds.values()) await runSchedule(scheduleNamed(name), open)
}

/** What must have happened, and how long ago. */
const due: Readonly<Record<string, (world: TestWorld, at: Staged) => Promise<number>>> = {
  RotateKey: async (world, at) => {
    await ask(world, 'EnableKeyRotation', at)
    return 90 * dayMs
  },
  DeleteKey: async (world, at) => {
    await ask(world, 'ScheduleKeyDeletion', at)
    return 7 * dayMs
  },
  DeleteExpiredKeyMaterial: async (world, at) => {
    const expires = { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: (world.nowMs + dayMs) / 1000 }
    await world.call('ImportKeyMaterial', { ...validInputs.ImportKeyMaterial?.(at), ...expires })
    return dayMs
  },
  SynchronizeMultiRegionKey: async (world, at) => {
    world.network.cut.set('us-west-2', 0)
    await world.call('EnableKeyRotation', { KeyId: at.shared.keyId })
    return 5 * minuteMs
  },
}
export const dueTasks = Object.keys(due)

/** A copy in which something is due for a task. */
export async function withDue(from: Lasting, task: string, at: Staged): Promise<Lasting> {
  const lasting = copyOf(from)
  return later(lasting, (await due[task]?.(startOn(lasting), at)) ?? 0)
}

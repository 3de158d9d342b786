/** The thread of window-thread.ts. It rests between windows: there may be no more processors than requests can use. */
import { performance } from 'node:perf_hooks'
import { setTimeout as rest } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { readWindow } from './file-window.ts'
import type { Answer, Question } from './window-thread.ts'

/** How many times as long as it worked. */
const rests = 3
let restedAt = 0

parentPort?.on('message', async ({ id, asked }: Question) => {
  await rest(Math.max(0, restedAt - performance.now()))
  const began = performance.now()
  const answer: Answer = await readWindow(...asked).then(
    (unsealed) => ({ id, unsealed }),
    (error: unknown) => ({ id, error }),
  )
  restedAt = performance.now() + rests * (performance.now() - began)
  parentPort?.postMessage(answer)
})

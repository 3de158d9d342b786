/** Windows of the trail read and hashed in a thread of their own: a hundred thousand records would keep requests waiting. */
import { Worker } from 'node:worker_threads'
import type { Unsealed } from '../audit/trail.ts'
import { readWindow } from './file-window.ts'

type Asked = Parameters<typeof readWindow>
export interface Question {
  readonly id: number
  readonly asked: Asked
}
export type Answer = { readonly id: number } & ({ readonly unsealed: Unsealed } | { readonly error: unknown })

interface Waiting {
  readonly asked: Asked
  readonly resolve: (unsealed: Unsealed | Promise<Unsealed>) => void
  readonly reject: (error: unknown) => void
}

/** Started when it is first asked, and of no weight while nothing is asked of it. */
class WindowThread {
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #broken = false
  #last = 0

  read(...asked: Asked): Promise<Unsealed> {
    if (this.#broken) return readWindow(...asked)
    this.#worker ??= this.#start()
    this.#worker.ref()
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { asked, resolve, reject })
      this.#worker?.postMessage({ id, asked } satisfies Question)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./window-worker.ts', import.meta.url), {
      // It needs nothing of the environment, where secrets may be; and keeps hashes, not records.
      env: {},
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 },
    })
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (this.#waiting.size === 0) worker.unref()
      if ('unsealed' in answer) waiting?.resolve(answer.unsealed)
      else waiting?.reject(answer.error)
    })
    // In a bundle there is no such file; then it is read here, as it is when the thread has come to its end.
    worker.on('error', () => {
      this.#broken = true
      for (const { asked, resolve } of this.#waiting.values()) resolve(readWindow(...asked))
      this.#waiting.clear()
    })
    return worker
  }
}

const thread = new WindowThread()

/** As `readWindow`, aside. */
export const readWindowAside = (...asked: Asked): Promise<Unsealed> => thread.read(...asked)

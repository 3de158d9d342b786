import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { DependencyTimeoutException, KMSInternalException, type KmsError } from '../errors.ts'
import type { Hsm } from '../ports.ts'
import { errorOf } from './error-forms.ts'
import { type Frames, framesOver } from './frames.ts'
import type { HsmCounters } from './hsm.ts'
import { type Call, channelFd, type Opening, type Reply } from './protocol.ts'

export interface ChildOptions {
  /** What a call has; then it is given up. */
  readonly timeoutMs: number
  readonly program?: string
  /** Told with every answer, since the process began. */
  readonly counted: (counters: Readonly<HsmCounters>) => void
  /** Called once, when it can do no more. */
  readonly ended: (why: string) => void
}

interface Waiting {
  readonly since: number
  readonly timer: NodeJS.Timeout
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const ownProgram = fileURLToPath(new URL('process.ts', import.meta.url))
/** After so many time-outs a call that others overtook counts as hung: a queue that long is none of ours. */
const patience = 6

export const unanswered = (): KmsError =>
  new DependencyTimeoutException('The HSM did not answer in time. The request can be retried.')

/** Modules have settings of their own; ours hold secrets, and what this process needs of them it is told. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:KEYSTEAD|AWS)_/.test(name)))

/** An HSM's process, from its start to its end. */
export class HsmChild {
  readonly #options: ChildOptions
  readonly #process: ChildProcess
  readonly #socket: Socket
  readonly #frames: Frames
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  #heardAt = 0
  #hasEnded = false

  constructor(options: ChildOptions) {
    this.#options = options
    this.#process = spawn(process.execPath, [options.program ?? ownProgram], {
      env: environment(),
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    })
    this.#socket = this.#process.stdio[channelFd] as Socket
    this.#frames = framesOver(this.#socket, (message) => this.#take(message as Reply))
    // What goes wrong with it ends it, and is told by that.
    this.#socket.on('error', () => {})
    this.#process.on('error', (error) => this.#end(error.message))
    this.#process.on('exit', (code, signal) => this.#end(signal ?? `exit code ${code}`))
  }

  async open(options: Opening['options'], timeoutMs: number): Promise<void> {
    await this.#ask(timeoutMs, (id) => ({ id, options }))
  }

  call(method: keyof Hsm, given: readonly unknown[]): Promise<unknown> {
    return this.#ask(this.#options.timeoutMs, (id) => ({ id, method, given }))
  }

  /** The process ends by itself when nobody asks any more, unless it hangs. */
  close(): void {
    if (this.#waiting.size > 0) this.#process.kill('SIGKILL')
    this.#socket.destroy()
    this.#end('closed')
  }

  #ask(timeoutMs: number, message: (id: number) => Opening | Call): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#late(id, timeoutMs), timeoutMs)
      this.#waiting.set(id, { since: performance.now(), timer, resolve, reject })
      this.#frames.send(message(id))
    })
  }

  #take({ id, value, error, counters }: Reply): void {
    this.#heardAt = performance.now()
    if (counters) this.#options.counted(counters)
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    if (error) waiting.reject(errorOf(error))
    else waiting.resolve(value)
  }

  /** Its answer may have come while this process was busy itself: that is read first. */
  #late(id: number, timeoutMs: number): void {
    setImmediate(() => {
      const waiting = this.#waiting.get(id)
      if (!waiting) return
      const { reject, since } = waiting
      reject(unanswered())
      const hangs = this.#heardAt < since || performance.now() - since > patience * timeoutMs
      if (hangs) return this.#kill(timeoutMs)
      // It stays on the list: it may be the only one that ever tells that the process hangs.
      const timer = setTimeout(() => this.#late(id, timeoutMs), timeoutMs)
      this.#waiting.set(id, { ...waiting, timer })
    })
  }

  #kill(timeoutMs: number): void {
    this.#process.kill('SIGKILL')
    this.#end(`a call had no answer in ${timeoutMs} ms`, unanswered)
  }

  #end(why: string, failure = (): KmsError => new KMSInternalException(undefined, { cause: new Error(why) })): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    for (const { timer, reject } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(failure())
    }
    this.#waiting.clear()
    this.#options.ended(why)
  }
}

/** Lambda on one machine: its runtime API on loopback, and a process for each function that asks it for events. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { cleanEnv } from './server.ts'

export interface Lambda {
  /** Where its artifact is unpacked. */
  readonly directory: string
  /** As its template says. */
  readonly handler: string
  readonly timeoutMs: number
  readonly env: Readonly<Record<string, string>>
}

export interface FirstAnswer {
  readonly answer: unknown
  /** From the start of the process on: on the clock, and on the processor. */
  readonly ms: number
  readonly cpuMs: number
}
type Outcome = FirstAnswer | { readonly failure: string }

const bootstrap = fileURLToPath(new URL('./lambda-bootstrap.mjs', import.meta.url))

/**
 * Starts a function's artifact and hands it one event. The process ends with the answer.
 * @throws Error with what the function wrote, when it does not start, throws or is too late
 */
export async function firstAnswer(lambda: Lambda, event: object): Promise<FirstAnswer> {
  let settle: (outcome: Outcome) => void = () => undefined
  const settled = new Promise<Outcome>((resolve) => {
    settle = resolve
  })
  const id = randomUUID()
  let given = false
  const api = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').replace('/2018-06-01/runtime', '')
    if (path === '/invocation/next') {
      // Lambda holds the second request until there is an event; here there is none.
      if (given) return
      given = true
      const deadline = String(Date.now() + lambda.timeoutMs)
      response.writeHead(200, { 'lambda-runtime-aws-request-id': id, 'lambda-runtime-deadline-ms': deadline })
      response.end(JSON.stringify(event))
      return
    }
    const told = await json(request)
    response.writeHead(202).end()
    const { 'test-ms': ms, 'test-cpu-ms': cpuMs } = request.headers
    const done = { answer: told, ms: Number(ms), cpuMs: Number(cpuMs) }
    settle(path === `/invocation/${id}/response` ? done : { failure: JSON.stringify(told) })
  }
  const server = createServer(
    (request, response) => void api(request, response).catch((error) => response.destroy(error)),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const child = spawn(process.execPath, [bootstrap], {
    cwd: lambda.directory,
    env: cleanEnv({
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      LAMBDA_TASK_ROOT: lambda.directory,
      _HANDLER: lambda.handler,
      ...lambda.env,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let written = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (written += chunk.toString()))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('exit', (code) => settle({ failure: `it ended with ${code}` }))
  const late = setTimeout(() => settle({ failure: 'it was too late' }), lambda.timeoutMs)
  const outcome = await settled
  clearTimeout(late)
  child.kill('SIGKILL')
  await ended
  server.closeAllConnections()
  server.close()
  if ('failure' in outcome) throw new Error(`${lambda.handler}: ${outcome.failure}\n${written}`)
  return outcome
}

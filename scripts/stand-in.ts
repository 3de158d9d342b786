/** Servers that stand in for AWS's while tests run on them: started, waited for, and ended with the tests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @returns whether a program is there, and did within ten minutes what it was asked */
export const runs = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { cwd: root, stdio: 'ignore', timeout: 600_000 }).status === 0

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })

/** @throws Error when it does not answer within a minute */
export async function answering(endpoint: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300 && server.exitCode === null; tries++) {
    // Any answer will do: this request is unsigned, and may be refused.
    if (
      await fetch(endpoint).then(
        () => true,
        () => false,
      )
    )
      return
    await pause(200)
  }
  throw new Error(`${server.spawnfile} did not start`)
}

/** @returns its exit code; 1 when a signal ended it */
export const vitest = (more: Readonly<Record<string, string>>, ...args: string[]): Promise<number> =>
  new Promise((resolve) => {
    const script = ['node_modules/vitest/vitest.mjs', 'run', ...args]
    const child = spawn(process.execPath, script, { cwd: root, env: { ...process.env, ...more }, stdio: 'inherit' })
    child.once('error', () => resolve(1))
    child.once('close', (code) => resolve(code ?? 1))
  })

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => child.once('exit', resolve))
    : Promise.resolve()

/** Does the work, whose end is the server's too, whichever way this process ends. */
export async function endedBy<T>(server: ChildProcess, work: () => Promise<T>): Promise<T> {
  process.once('exit', () => server.kill())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  try {
    return await work()
  } finally {
    server.kill()
    await ended(server)
  }
}

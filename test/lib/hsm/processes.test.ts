import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyTokens } from '../../../lib/hsm/private-copy.ts'
import { provisionedToken, type TestToken } from '../../harness/token.ts'

const program = fileURLToPath(new URL('./starting.ts', import.meta.url))

let token: TestToken
beforeAll(() => {
  const runDirectory = mkdtempSync(join(tmpdir(), 'keystead-run-'))
  token = { ...provisionedToken(), runDirectory }
})
afterAll(() => rmSync(token.runDirectory, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** @param killAfterMs when it is killed, if it still runs */
function start(options: Partial<TestToken> = {}, killAfterMs?: number): Promise<Ended> {
  const env = { ...process.env, TEST_HSM_OPTIONS: JSON.stringify({ ...token, ...options }) }
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  if (killAfterMs !== undefined) void wait(killAfterMs).then(() => child.kill('SIGKILL'))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

function digest(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, name)
    hash.update(name)
    if (statSync(path).isFile()) hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

describe('processes on one golden token', () => {
  it('start all eight at once, and leave nothing behind', async () => {
    const before = digest(token.tokenDirectory)
    const ended = await Promise.all(Array.from({ length: 8 }, () => start()))
    expect(ended).toEqual(Array.from({ length: 8 }, () => ({ code: 0, output: 'started\n' })))
    expect(digest(token.tokenDirectory)).toBe(before)
    expect(readdirSync(token.runDirectory)).toEqual([])
  }, 30_000)

  // SLOW=1 makes the full 200 of it.
  const kills = process.env.SLOW === '1' ? 200 : 20
  it(`leave it whole when killed while they start, ${kills} times`, async () => {
    const before = digest(token.tokenDirectory)
    const whole = performance.now()
    await start()
    let startMs = performance.now() - whole
    for (let killed = 0; killed < kills; ) {
      const { code } = await start({}, startMs * (0.2 + (0.8 * killed) / kills))
      if (code === null) killed++
      else startMs *= 0.9
    }
    expect(digest(token.tokenDirectory)).toBe(before)
    expect(await start()).toEqual({ code: 0, output: 'started\n' })
    expect(readdirSync(token.runDirectory)).toEqual([])
  }, 120_000)

  it('sweep what the dead left, and spare the living and the strange', async () => {
    const { runDirectory } = token
    const left = ['999999999-dead', `${process.ppid}-alive`, 'strange']
    for (const name of left) {
      mkdirSync(join(runDirectory, name))
      writeFileSync(join(runDirectory, name, 'file'), '')
    }
    await start()
    expect(readdirSync(runDirectory).sort()).toEqual([`${process.ppid}-alive`, 'strange'].sort())
    for (const name of left) rmSync(join(runDirectory, name), { recursive: true, force: true })
  })

  it('sweep what a predecessor of their own id left, as every start in a container does', () => {
    const runDirectory = join(token.runDirectory, 'container')
    mkdirSync(join(runDirectory, `${process.pid}-before`), { recursive: true })
    const configuration = copyTokens([token.tokenDirectory], runDirectory)
    expect(readdirSync(runDirectory)).toEqual([basename(dirname(configuration))])
    expect(statSync(dirname(configuration)).mode & 0o777).toBe(0o700)
    rmSync(runDirectory, { recursive: true, force: true })
  })

  it('copy the tokens of several directories into one, and no token twice', () => {
    const [runDirectory, beside] = [join(token.runDirectory, 'several'), join(token.runDirectory, 'beside')]
    mkdirSync(join(beside, 'other'), { recursive: true })
    const configuration = copyTokens([token.tokenDirectory, beside], runDirectory)
    const own = readdirSync(token.tokenDirectory)
    expect(readdirSync(join(dirname(configuration), 'tokens')).sort()).toEqual([...own, 'other'].sort())
    mkdirSync(join(beside, String(own[0])))
    expect(() => copyTokens([token.tokenDirectory, beside], runDirectory)).toThrow(
      `Two token directories hold the same token, ${own[0]}.`,
    )
    for (const directory of [runDirectory, beside]) rmSync(directory, { recursive: true, force: true })
  })

  it('make the run directory for their owner alone', async () => {
    const runDirectory = join(token.runDirectory, 'made')
    await start({ runDirectory })
    expect(existsSync(runDirectory)).toBe(true)
    expect(statSync(runDirectory).mode & 0o777).toBe(0o700)
    rmSync(runDirectory, { recursive: true, force: true })
  })

  it('are refused with a wrong PIN, which no output shows', async () => {
    const pin = 'a-wrong-pin-0123456789'
    const { code, output } = await start({ pin })
    expect(code).toBe(1)
    expect(output).toContain('C_Login answered 0xa0')
    expect(output.includes(pin)).toBe(false)
    expect(output.includes(token.pin)).toBe(false)
  })
})

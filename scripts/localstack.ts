/**
 * `npm run test:localstack`: the integration tests on the LocalStack that LOCALSTACK_ENDPOINT names; without one, on
 * LocalStack run on this machine; where something of it is missing, on moto, the library that answers for AWS in its
 * place; without Python, on the embedded store. `-- --on moto` takes moto at once. What they ran on is the first line
 * and the last.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fetchLocalStack, localstackVersion, startLocalStack, toolsPath } from './localstack-host.ts'
import { answering, endedBy, freePort, runs, vitest } from './stand-in.ts'

const version = '5.2.1'
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, '.keystead/moto', version)
const server = join(directory, 'bin/moto_server')

/** @returns what is missing */
function fetchMoto(): string | undefined {
  if (existsSync(server)) return undefined
  if (!runs('python3', '-m', 'venv', directory)) return 'Python 3 with venv is not installed'
  const pip = join(directory, 'bin/pip')
  return runs(pip, 'install', '--quiet', `moto[server]==${version}`) ? undefined : `pip could not fetch moto ${version}`
}

interface Ground {
  readonly what: string
  /** @returns what is missing */
  readonly fetch: () => string | undefined
  readonly start: (port: number) => ChildProcess
  readonly env: Readonly<Record<string, string>>
}

const startMoto = (port: number): ChildProcess =>
  spawn(server, ['--host', '127.0.0.1', '--port', String(port)], { cwd: directory, stdio: 'ignore' })

/** In the order in which they are tried. */
const grounds = new Map<string, Ground>([
  [
    'localstack',
    {
      what: `LocalStack ${localstackVersion}, without Docker`,
      fetch: fetchLocalStack,
      start: startLocalStack,
      env: { PATH: toolsPath() },
    },
  ],
  ['moto', { what: `moto ${version}, in LocalStack's place`, fetch: fetchMoto, start: startMoto, env: {} }],
])

const test = (more: Readonly<Record<string, string>>): Promise<number> => vitest(more, '--project=localstack')

async function testOn({ what, start, env }: Ground): Promise<number> {
  const port = await freePort()
  const child = start(port)
  return endedBy(child, async () => {
    const endpoint = `http://127.0.0.1:${port}`
    await answering(endpoint, child)
    const code = await test({ LOCALSTACK_ENDPOINT: endpoint, ...env })
    process.stdout.write(`ran on ${what}\n`)
    return code
  })
}

async function main(): Promise<number> {
  const { on } = parseArgs({ options: { on: { type: 'string' } } }).values
  if (process.env.LOCALSTACK_ENDPOINT !== undefined) return test({})
  const asked = [...grounds].filter(([name]) => on === undefined || on === name)
  for (const [name, ground] of asked) {
    const missing = ground.fetch()
    if (missing === undefined) return testOn(ground)
    process.stdout.write(`no LOCALSTACK_ENDPOINT, and no ${name}: ${missing}\n`)
  }
  // Who asked for one of them is not served by another.
  if (on !== undefined) return 1
  process.stdout.write('The embedded store stands in.\n')
  return test({})
}

process.exitCode = await main()

/**
 * `npm run test:localstack`: the integration tests on the LocalStack that LOCALSTACK_ENDPOINT names; without one, on
 * moto, the library that answers for AWS in LocalStack's place, from Python's package index; without Python, on the
 * embedded store. What they ran on is the first line and the last.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answering, endedBy, freePort, vitest } from './stand-in.ts'

const version = '5.2.1'
const root = fileURLToPath(new URL('..', import.meta.url))
const directory = join(root, '.keystead/moto', version)
const server = join(directory, 'bin/moto_server')

const runs = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { cwd: root, stdio: 'ignore', timeout: 300_000 }).status === 0

/** @returns what is missing */
function fetchMoto(): string | undefined {
  if (existsSync(server)) return undefined
  if (!runs('python3', '-m', 'venv', directory)) return 'Python 3 with venv is not installed'
  const pip = join(directory, 'bin/pip')
  return runs(pip, 'install', '--quiet', `moto[server]==${version}`) ? undefined : `pip could not fetch moto ${version}`
}

async function main(): Promise<number> {
  const given = process.env.LOCALSTACK_ENDPOINT
  if (given !== undefined) return test(given)
  const missing = fetchMoto()
  if (missing !== undefined) {
    process.stdout.write(`no LOCALSTACK_ENDPOINT, and no moto: ${missing}. The embedded store stands in.\n`)
    return test(undefined)
  }
  const port = await freePort()
  const args = ['--host', '127.0.0.1', '--port', String(port)]
  const moto: ChildProcess = spawn(server, args, { cwd: directory, stdio: 'ignore' })
  return endedBy(moto, async () => {
    const endpoint = `http://127.0.0.1:${port}`
    await answering(endpoint, moto)
    const code = await test(endpoint)
    process.stdout.write(`ran on moto ${version}, in LocalStack's place\n`)
    return code
  })
}

const test = (endpoint: string | undefined): Promise<number> =>
  vitest(endpoint === undefined ? {} : { LOCALSTACK_ENDPOINT: endpoint }, '--project=localstack')

process.exitCode = await main()

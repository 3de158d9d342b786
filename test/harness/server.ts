import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTableIfMissing, tableDefinition } from '../../lib/store/table.ts'
import type { Credentials } from './sign.ts'
import { onSmallDisk } from './small-disk.ts'
import { openTableServer, tableCredentials } from './table-server.ts'

export type HostKind = 'local' | 'offline'

export interface RunningServer {
  readonly url: string
  readonly home: string
  readonly credentialsFile: string
  readonly credentials: Credentials
  readonly pid: number
  /** What it has printed so far. */
  readonly output: () => string
  /** Ends it by its own process id and waits. @returns its exit code, or the signal that ended it */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const scripts: Record<HostKind, string> = { local: 'scripts/serve.ts', offline: 'scripts/offline.ts' }

/** An environment without settings of the caller's: those would make a test's outcome the machine's. */
export function cleanEnv(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:KEYSTEAD_|AWS_|SOFTHSM2_|VITEST|NODE_ENV|NODE_OPTIONS)/.test(name),
  )
  return { ...Object.fromEntries(kept), ...more }
}

export const newHome = (): string => mkdtempSync(join(tmpdir(), 'keystead-test-'))

export function credentialsIn(file: string): Credentials {
  const text = readFileSync(file, 'utf8')
  const value = (name: string): string => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(text)?.[1] ?? ''
  return { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') }
}

const exited = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? child.signalCode)
    else child.once('exit', (code, signal) => resolve(code ?? signal))
  })

/** A table of its own for each home, as each has a token of its own, where a DynamoDB-compatible server is named. */
async function tableFor(home: string): Promise<Readonly<Record<string, string>>> {
  const endpoint = process.env.KEYSTEAD_TEST_DYNAMODB_ENDPOINT
  if (endpoint === undefined) return {}
  const { client, close } = await openTableServer()
  const table = basename(home)
  await createTableIfMissing(client, tableDefinition(table))
  await close()
  return {
    ...tableCredentials,
    KEYSTEAD_STORE: 'dynamodb',
    KEYSTEAD_DYNAMODB_ENDPOINT: endpoint,
    KEYSTEAD_TABLE: table,
  }
}

interface StartOptions {
  readonly home?: string
  readonly env?: Readonly<Record<string, string>>
  /** The home is a disk of its own, of as many mebibytes, which ends with the process. */
  readonly diskMebibytes?: number
}

/** Below those that systems give to connections, where one that is free now stays so. */
async function freePort(): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 12_000)
  const probe = createServer()
  const isFree = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise((resolve) => probe.close(resolve))
  return isFree ? port : freePort()
}

/** Starts a host as its npm script does and resolves when it says where it is. */
export async function startServer(kind: HostKind = 'local', options: StartOptions = {}): Promise<RunningServer> {
  const home = options.home ?? newHome()
  const port = kind === 'offline' ? String(await freePort()) : '0'
  const env = cleanEnv({ KEYSTEAD_HOME: home, KEYSTEAD_PORT: port, ...(await tableFor(home)), ...options.env })
  const command = [process.execPath, scripts[kind]] as const
  const { diskMebibytes } = options
  const [program, ...rest] = diskMebibytes === undefined ? command : onSmallDisk(diskMebibytes, home, command)
  const child = spawn(program, rest, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString()
      const found = /^Keystead is at (http:\S+)$/m.exec(printed)?.[1]
      if (!found) return
      clearTimeout(late)
      resolve(found)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the ${kind} host did not say where it is within a minute:\n${printed}`))
    }, 60_000)
    child.once('exit', () => clearTimeout(late))
    child.once('exit', (code) => reject(new Error(`the ${kind} host ended with ${code} before it was up:\n${printed}`)))
  })
  // What is mounted for a process alone is seen through it.
  const seen = diskMebibytes === undefined ? home : `/proc/${child.pid}/root${home}`
  const credentialsFile = join(seen, 'credentials')
  return {
    url,
    home: seen,
    credentialsFile,
    credentials: credentialsIn(credentialsFile),
    pid: child.pid ?? 0,
    output: () => printed,
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited(child)
    },
  }
}

export const removeHome = (home: string): void => rmSync(home, { recursive: true, force: true })

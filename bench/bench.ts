/**
 * `npm run bench`: what the service does in a second, how long a request waits, what it costs the server's processor,
 * and how much of that is HTTP alone and the HSM alone. All in one run, so that the ratios hold on a noisy machine.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cleanEnv, newHome, removeHome, startServer } from '../test/harness/server.ts'
import { coldStart } from './cold-start.ts'
import type { Job, Measured } from './drive.ts'
import { call, signedRequest, type Target } from './requests.ts'

const seconds = Number(process.env.KEYSTEAD_TEST_BENCH_SECONDS ?? 4)
const connections = [1, 8, 32]
const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs a script under this Node and answers what it printed. */
function run(script: string, input = '', env = cleanEnv()): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { cwd: root, env, stdio: ['pipe', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    child.once('exit', (code) => (code === 0 ? resolve(printed) : reject(new Error(`${script} ended with ${code}`))))
    child.stdin.end(input)
  })
}

/** Processor time of a process so far, user and system, in microseconds (Linux: /proc, ticks of 10 ms). */
function cpuMicroseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

interface Row extends Measured {
  readonly cpuUs: number
}

async function measure(target: Target, pid: number, count: number, requests: readonly Buffer[]): Promise<Row> {
  const { hostname, port } = new URL(target.url)
  const job: Job = {
    host: hostname,
    port: Number(port),
    connections: count,
    warmMs: 1000,
    runMs: seconds * 1000,
    requests: requests.map((request) => request.toString('base64')),
  }
  const before = cpuMicroseconds(pid)
  const measured = JSON.parse(await run('bench/drive.ts', JSON.stringify(job))) as Measured
  // The warm-up is paid for too: its requests are counted by their share of the time.
  const share = (job.warmMs + job.runMs) / job.runMs
  return { ...measured, cpuUs: (cpuMicroseconds(pid) - before) / (measured.requests * share) }
}

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const number = (value: number, digits = 0): string => value.toFixed(digits)

/** Requests signed beforehand, used in turn: no nonce forbids it, and AWS's own CLI repeats signatures within a second. */
async function scenes(target: Target): Promise<Record<string, Buffer[]>> {
  const { KeyMetadata } = (await call(target, 'CreateKey', {})) as { KeyMetadata: { KeyId: string } }
  const { KeyId } = KeyMetadata
  const EncryptionContext = { purpose: 'bench' }
  const Plaintext = Buffer.alloc(32, 1).toString('base64')
  const { CiphertextBlob } = await call(target, 'Encrypt', { KeyId, Plaintext, EncryptionContext })
  const inputs: Record<string, object> = {
    Encrypt: { KeyId, Plaintext, EncryptionContext },
    Decrypt: { CiphertextBlob, EncryptionContext },
    GenerateDataKey: { KeyId, KeySpec: 'AES_256', EncryptionContext },
    DescribeKey: { KeyId },
    CreateKey: { Description: 'bench' },
  }
  const made: Record<string, Buffer[]> = {}
  for (const [action, input] of Object.entries(inputs)) {
    made[action] = await Promise.all(Array.from({ length: 64 }, () => signedRequest(target, action, input)))
  }
  return made
}

async function bareHost(): Promise<Map<number, Row>> {
  const child = spawn(process.execPath, ['bench/bare-host.ts'], {
    cwd: root,
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const printed = await new Promise<string>((resolve) =>
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  )
  const url = /http:\S+/.exec(printed)?.[0] ?? ''
  const target = { url, credentials: { accessKeyId: 'AKIABENCHBENCHBENCHB', secretAccessKey: 'x' } }
  const request = await signedRequest(target, 'Encrypt', {
    KeyId: 'x'.repeat(36),
    Plaintext: Buffer.alloc(32).toString('base64'),
  })
  const rows = new Map<number, Row>()
  for (const count of connections) rows.set(count, await measure(target, child.pid ?? 0, count, [request]))
  child.kill('SIGTERM')
  return rows
}

async function main(): Promise<void> {
  const home = newHome()
  try {
    const server = await startServer('local', { home })
    const target = { url: server.url, credentials: server.credentials }
    const requests = await scenes(target)
    const host = await bareHost()
    console.log(
      line([
        'action',
        'connections',
        'requests/s',
        'p50 ms',
        'p99 ms',
        'CPU us/request',
        'of bare host rps',
        'failures',
      ]),
    )
    console.log(line(Array.from({ length: 8 }, () => '---')))
    const print = (action: string, count: number, row: Row): void => {
      const rps = row.requests / row.seconds
      const bare = host.get(count)
      const ratio = bare ? `${number((100 * rps) / (bare.requests / bare.seconds))} %` : ''
      console.log(
        line([
          action,
          count,
          number(rps),
          number(row.p50Ms, 2),
          number(row.p99Ms, 2),
          number(row.cpuUs),
          ratio,
          row.failures,
        ]),
      )
    }
    const cpu = new Map<string, number>()
    for (const [count, row] of host) print('(bare host)', count, row)
    for (const [action, buffers] of Object.entries(requests)) {
      for (const count of connections) {
        const row = await measure(target, server.pid, count, buffers)
        print(action, count, row)
        if (count === 32) cpu.set(action, row.cpuUs)
      }
    }
    await server.stop()

    const hsm = JSON.parse(await run('bench/bare-hsm.ts', '', cleanEnv({ KEYSTEAD_HOME: home }))) as Record<
      string,
      number
    >
    const bareCpu = host.get(32)?.cpuUs ?? Number.NaN
    console.log(`\n${line(['action', 'CPU us/request at 32', 'HSM us', 'HTTP us', 'the rest us', 'whole / HSM'])}`)
    console.log(line(Array.from({ length: 6 }, () => '---')))
    for (const [action, us] of Object.entries(hsm)) {
      const whole = cpu.get(action) ?? Number.NaN
      console.log(
        line([
          action,
          number(whole),
          number(us, 1),
          number(bareCpu),
          number(whole - us - bareCpu),
          number(whole / us, 1),
        ]),
      )
    }
    console.log(`\n${await coldStart(home)}`)
  } finally {
    removeHome(home)
  }
}

await main()

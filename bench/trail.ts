/** What the audit trail costs: Encrypt at 32 connections with the trail, and with its records thrown away, in turn. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cleanEnv, credentialsIn, newHome, removeHome, startServer } from '../test/harness/server.ts'
import type { Job, Measured } from './drive.ts'
import { call, signedRequest, type Target } from './requests.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const rounds = 3

async function drive(job: Job): Promise<Measured> {
  const child = spawn(process.execPath, ['bench/drive.ts'], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  child.stdin.end(JSON.stringify(job))
  await once(child, 'exit')
  return JSON.parse(printed) as Measured
}

async function requestsPerSecond(home: string, KeyId: string, trail: 'with' | 'without'): Promise<number> {
  const env = cleanEnv({ KEYSTEAD_HOME: home })
  const child = spawn(process.execPath, ['bench/trail-host.ts', trail], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\S+/.exec(chunk.toString())?.[0] ?? ''
  const target: Target = { url, credentials: credentialsIn(`${home}/credentials`) }
  const Plaintext = Buffer.alloc(32, 1).toString('base64')
  const requests = await Promise.all(
    Array.from({ length: 64 }, () => signedRequest(target, 'Encrypt', { KeyId, Plaintext })),
  )
  const { hostname, port } = new URL(url)
  const measured = await drive({
    host: hostname,
    port: Number(port),
    connections: 32,
    warmMs: 1000,
    runMs: 4000,
    requests: requests.map((request) => request.toString('base64')),
  })
  child.kill('SIGTERM')
  await once(child, 'exit')
  return measured.requests / measured.seconds
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const home = newHome()
try {
  const server = await startServer('local', { home })
  const target = { url: server.url, credentials: server.credentials }
  const { KeyMetadata } = (await call(target, 'CreateKey', {})) as { KeyMetadata: { KeyId: string } }
  await server.stop()
  const shares: number[] = []
  for (let round = 0; round < rounds; round++) {
    const without = await requestsPerSecond(home, KeyMetadata.KeyId, 'without')
    const with_ = await requestsPerSecond(home, KeyMetadata.KeyId, 'with')
    shares.push(1 - with_ / without)
    console.log(`${with_.toFixed(0)} requests/s with the trail, ${without.toFixed(0)} without`)
  }
  console.log(`the trail costs ${(100 * median(shares)).toFixed(0)} % (median of ${rounds})`)
} finally {
  removeHome(home)
}

/**
 * What the audit trail costs: GenerateDataKey at 32 connections with the trail, with its records thrown away, and while
 * hundreds of thousands of records are sealed in the same process, in turn.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cleanEnv, credentialsIn, newHome, removeHome, startServer } from '../test/harness/server.ts'
import type { Job, Measured } from './drive.ts'
import { call, signedRequest, type Target } from './requests.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const rounds = 3
const backlogBytes = 400_000_000

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

async function measured(home: string, KeyId: string, trail: 'with' | 'without' | 'sealing'): Promise<Measured> {
  const env = cleanEnv({ KEYSTEAD_HOME: home })
  const child = spawn(process.execPath, ['bench/trail-host.ts', trail], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\S+/.exec(chunk.toString())?.[0] ?? ''
  const target: Target = { url, credentials: credentialsIn(`${home}/credentials`) }
  const requests = await Promise.all(
    Array.from({ length: 64 }, () => signedRequest(target, 'GenerateDataKey', { KeyId, KeySpec: 'AES_256' })),
  )
  const { hostname, port } = new URL(url)
  const answer = await drive({
    host: hostname,
    port: Number(port),
    connections: 32,
    warmMs: 1000,
    runMs: 4000,
    requests: requests.map((request) => request.toString('base64')),
  })
  child.kill('SIGTERM')
  await once(child, 'exit')
  return answer
}

/** A trail of which nothing is sealed, and enough to be at it for the whole of a run. */
function backlog(home: string): void {
  const directory = `${home}/audit`
  rmSync(`${directory}/digests`, { recursive: true, force: true })
  const day = `${directory}/${readdirSync(directory).find((name) => name.endsWith('.jsonl'))}`
  const lines = readFileSync(day)
  while (statSync(day).size < backlogBytes) appendFileSync(day, lines)
}

const perSecond = ({ requests, seconds }: Measured): number => requests / seconds
const shown = (run: Measured): string => `${perSecond(run).toFixed(0)} requests/s (p99 ${run.p99Ms.toFixed(1)} ms)`

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

const home = newHome()
try {
  const server = await startServer('local', { home })
  const target = { url: server.url, credentials: server.credentials }
  const { KeyMetadata } = (await call(target, 'CreateKey', {})) as { KeyMetadata: { KeyId: string } }
  await server.stop()
  const shares: number[] = []
  const sealingShares: number[] = []
  for (let round = 0; round < rounds; round++) {
    const without = await measured(home, KeyMetadata.KeyId, 'without')
    const trailed = await measured(home, KeyMetadata.KeyId, 'with')
    backlog(home)
    const sealing = await measured(home, KeyMetadata.KeyId, 'sealing')
    shares.push(1 - perSecond(trailed) / perSecond(without))
    sealingShares.push(1 - perSecond(sealing) / perSecond(trailed))
    console.log(`${shown(trailed)} with the trail, ${shown(without)} without, ${shown(sealing)} while it is sealed`)
  }
  console.log(`the trail costs ${(100 * median(shares)).toFixed(0)} % (median of ${rounds})`)
  console.log(`sealing it costs ${(100 * median(sealingShares)).toFixed(0)} % more while it lasts`)
} finally {
  removeHome(home)
}

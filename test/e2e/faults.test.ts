/** What a host does while what it stands on is away, and after: nothing is lost that was answered, and nobody restarts anything. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer, connect as open, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  KMSClient,
  type KMSServiceException,
} from '@aws-sdk/client-kms'
import { afterEach, describe, expect, test } from 'vitest'
import { auditTable } from '../../lib/sinks/places.ts'
import { createTableIfMissing, tableDefinition } from '../../lib/store/table.ts'
import { newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import { hasSmallDisks, needsSmallDisks } from '../harness/small-disk.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function start(options: NonNullable<Parameters<typeof startServer>[1]>): Promise<RunningServer> {
  const home = newHome()
  ends.push(async () => removeHome(home))
  const server = await startServer('local', { ...options, home })
  ends.push(() => server.stop('SIGKILL'))
  return server
}

const plaintext = Buffer.from('kept')

/** Callers who go on whatever they hear, and what they were told. */
class Load {
  readonly #kms: KMSClient
  readonly refusals = new Map<string, number>()
  readonly keys: string[] = []
  readonly aliases = new Map<string, string>()
  readonly ciphertexts: (Uint8Array | undefined)[] = []
  readonly answered: string[] = []
  slowestMs = 0
  #going = true
  readonly #callers: Promise<unknown>

  constructor({ url, credentials }: RunningServer, callers = 8) {
    this.#kms = new KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })
    this.#callers = Promise.all(Array.from({ length: callers }, () => this.#go()))
  }

  /** Undefined when it was refused. */
  async #told<T extends { $metadata: { requestId?: string | undefined } }>(
    calling: Promise<T>,
  ): Promise<T | undefined> {
    const startedAt = performance.now()
    try {
      const answer = await calling
      this.answered.push(answer.$metadata.requestId ?? '')
      return answer
    } catch (error) {
      const { name, $metadata } = error as KMSServiceException
      const what = `${$metadata?.httpStatusCode} ${name}`
      this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1)
      return undefined
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt)
    }
  }

  async #go(): Promise<void> {
    while (this.#going) await this.once()
  }

  /** Each kind of call. @returns whether all were served */
  async once(): Promise<boolean> {
    const kms = this.#kms
    const made = await this.#told(kms.send(new CreateKeyCommand({})))
    const KeyId = made?.KeyMetadata?.KeyId ?? this.keys.at(-1)
    if (KeyId === undefined) return false
    if (made) this.keys.push(KeyId)
    const AliasName = `alias/${randomUUID()}`
    const named = await this.#told(kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyId })))
    if (named) this.aliases.set(AliasName, KeyId)
    const encrypted = await this.#told(kms.send(new EncryptCommand({ KeyId, Plaintext: plaintext })))
    if (encrypted) this.ciphertexts.push(encrypted.CiphertextBlob)
    const shown = await this.#told(kms.send(new DescribeKeyCommand({ KeyId })))
    return [made, named, encrypted, shown].every((each) => each !== undefined)
  }

  async stop(): Promise<void> {
    this.#going = false
    await this.#callers
  }

  /** Everything that was answered is as it was answered. */
  async demandAllThere(): Promise<void> {
    for (const KeyId of this.keys) {
      const { KeyMetadata } = await this.#kms.send(new DescribeKeyCommand({ KeyId }))
      expect(KeyMetadata?.KeyState).toBe('Enabled')
    }
    for (const [KeyId, target] of this.aliases) {
      expect((await this.#kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyId).toBe(target)
    }
    for (const CiphertextBlob of this.ciphertexts) {
      const { Plaintext } = await this.#kms.send(new DecryptCommand({ CiphertextBlob }))
      expect(Buffer.from(Plaintext ?? [])).toEqual(plaintext)
    }
  }
}

const health = async ({ url }: RunningServer, query = '?deep') => {
  const response = await fetch(`${url}/health${query}`)
  return [response.status, ((await response.json()) as { status: string }).status]
}

/** What stands between the host and its table: it lets through, goes silent, hangs up, or is not there. */
class Line {
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  #silent = false
  #server = createServer()
  port = 0

  constructor(target: number) {
    this.#target = target
  }

  async listen(): Promise<void> {
    this.#silent = false
    this.#server = createServer((inward) => {
      const outward = open(this.#target, '127.0.0.1')
      for (const [from, to] of [
        [inward, outward],
        [outward, inward],
      ] as const) {
        this.#sockets.add(from)
        // The first to end says so to the other; what it then says of itself is nobody's business.
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.on('data', (chunk) => void (this.#silent || to.write(chunk)))
      }
    })
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  goSilent(): void {
    this.#silent = true
  }

  /** Nothing of what was under way is answered, and nobody can connect any more. */
  async leave(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server

async function tablesBehindALine() {
  const server = dynalite({ createTableMs: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => server.close())
  const { port } = server.address() as AddressInfo
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials })
  await createTableIfMissing(client, tableDefinition('keystead'))
  await createTableIfMissing(client, auditTable('keystead-audit'))
  client.destroy()
  const line = new Line(port)
  await line.listen()
  ends.push(() => line.leave().catch(() => {}))
  const env = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    KEYSTEAD_STORE: 'dynamodb',
    KEYSTEAD_DYNAMODB_ENDPOINT: `http://127.0.0.1:${line.port}`,
    KEYSTEAD_TABLE: 'keystead',
  }
  return { line, env }
}

const well = [200, 'ok']
const unwell = [503, 'unavailable']

describe('a host whose table is on a server', () => {
  test.each([
    ['its trail in a file', {}],
    ['its trail on the same', { KEYSTEAD_AUDIT_SINK: 'dynamodb', KEYSTEAD_AUDIT_TABLE: 'keystead-audit' }],
  ])('says to try again while that is silent, hangs up or is gone, and goes on after: with %s', async (_, more) => {
    const { line, env } = await tablesBehindALine()
    const server = await start({ env: { ...env, ...more } })
    expect(await health(server)).toEqual(well)
    const load = new Load(server)
    await pause(1500)
    expect([...load.refusals]).toEqual([])

    line.goSilent()
    expect(await health(server)).toEqual(unwell)
    expect(await health(server, '')).toEqual(well)
    await line.leave()
    expect(await health(server)).toEqual(unwell)
    await pause(1500)
    const served = load.answered.length
    await line.listen()
    // Whoever asked before it was back may still hear that it was not.
    await expect.poll(() => load.answered.length, { timeout: 20_000 }).toBeGreaterThan(served + 100)
    await load.stop()

    expect([...load.refusals.keys()]).toEqual(['503 DependencyTimeoutException'])
    // Of the store, of the record before a change and of the record after it, five seconds each.
    expect(load.slowestMs).toBeLessThan(16_000)
    expect(await health(server)).toEqual(well)
    expect(await load.once()).toBe(true)
    await load.demandAllThere()
    expect(server.output()).not.toMatch(/ended|unhandled/i)
  })
})

describe.skipIf(!hasSmallDisks)(`a host whose disk is full (${needsSmallDisks})`, () => {
  test('answers nothing that it cannot keep or put on record, and goes on once there is room', async () => {
    const server = await start({ diskMebibytes: 64, env: { KEYSTEAD_STORE: 'embedded' } })
    const load = new Load(server)
    await pause(1000)
    expect([...load.refusals]).toEqual([])

    const { bavail, bsize } = statfsSync(server.home)
    const ballast = join(server.home, 'ballast')
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - (1 << 20)))
    await expect.poll(() => load.refusals.size, { timeout: 30_000 }).toBeGreaterThan(0)
    await expect.poll(() => health(server)).toEqual(unwell)
    await pause(1000)
    rmSync(ballast)
    await expect.poll(() => load.once(), { timeout: 20_000 }).toBe(true)
    await load.stop()

    expect([...load.refusals.keys()]).toEqual(['503 DependencyTimeoutException'])
    expect(await health(server)).toEqual(well)
    await load.demandAllThere()
    const trail = join(server.home, 'audit')
    const files = readdirSync(trail).filter((file) => file.startsWith('audit-'))
    const lines = files.flatMap((file) => readFileSync(join(trail, file), 'utf8').split('\n'))
    const onRecord = new Set(lines.map((line) => /"requestID":"([0-9a-f-]{36})"/.exec(line)?.[1]))
    expect(load.answered.filter((id) => !onRecord.has(id))).toEqual([])
  })
})

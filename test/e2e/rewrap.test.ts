/** A new root while the service works on, and in two Regions whose keys hang from one domain root. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanEnv, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import { openTableServer, type TableServer, tableCredentials, tableServerKind } from '../harness/table-server.ts'
import { softHsmModule } from '../harness/token.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const desk = newHome()
const at = (...names: readonly string[]): string => join(desk, ...names)
const module = ['--module', softHsmModule()]
const secrets = ['--secrets', at('secrets')]
const shares = ['alice', 'bob'].flatMap((name) => ['--share', at('shares', `${name}.share.json`)])
const escrowKey = ['--escrow', at('shares', 'escrow.pem')]

type Env = Readonly<Record<string, string>>
const running = new Set<RunningServer>()
let tables: TableServer

async function ran(script: string, args: readonly string[], env: Env = {}) {
  const child = spawn(process.execPath, [join(root, 'scripts', `${script}.ts`), ...args], { env: cleanEnv(env) })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk) => (output[name] += String(chunk)))
  const [code] = await once(child, 'close')
  return { code, ...output }
}
async function done(script: string, args: readonly string[], env: Env = {}): Promise<string> {
  const { code, stdout, stderr } = await ran(script, args, env)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}
async function start(env: Env & { readonly KEYSTEAD_HOME: string }): Promise<RunningServer> {
  const server = await startServer('local', { home: env.KEYSTEAD_HOME, env })
  running.add(server)
  return server
}
async function stop(server: RunningServer | undefined): Promise<void> {
  if (!server) return
  running.delete(server)
  await server.stop()
}
const provision = (home: string) =>
  done('provision', [...module, '--directory', join(home, 'hsm'), ...escrowKey], { KEYSTEAD_HOME: home })
const clientOf = ({ url, credentials }: RunningServer, region = 'us-east-1') =>
  new kms.KMSClient({ endpoint: url, region, credentials, maxAttempts: 1 })

beforeAll(async () => {
  mkdirSync(at('secrets'))
  for (const name of ['alice', 'bob']) writeFileSync(at('secrets', name), `six random words of ${name}`)
  const people = ['--custodian', 'alice', '--custodian', 'bob']
  await done('ceremony', ['create', '--threshold', '2', ...people, ...secrets, '--out', at('shares')])
  tables = await openTableServer()
})
afterAll(async () => {
  for (const server of running) await server.stop('SIGKILL')
  await tables?.close()
  removeHome(desk)
})

const created = async (client: kms.KMSClient, input: kms.CreateKeyCommandInput = {}): Promise<string> =>
  (await client.send(new kms.CreateKeyCommand(input))).KeyMetadata?.KeyId ?? ''
const encrypted = async (client: kms.KMSClient, KeyId: string, text: string) =>
  (await client.send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from(text) }))).CiphertextBlob
const opened = async (client: kms.KMSClient, CiphertextBlob: Uint8Array | undefined) =>
  Buffer.from((await client.send(new kms.DecryptCommand({ CiphertextBlob }))).Plaintext ?? []).toString()

test(`a service on the tables of ${tableServerKind} goes on while all is wrapped again, and keys that it makes and rotates meanwhile are kept`, async () => {
  const table = `${basename(desk)}-rewrap`
  const env = {
    ...tableCredentials,
    KEYSTEAD_HOME: at('home'),
    KEYSTEAD_STORE: 'dynamodb',
    KEYSTEAD_DYNAMODB_ENDPOINT: tables.endpoint,
    KEYSTEAD_TABLE: table,
    KEYSTEAD_AUDIT_TABLE: `${table}-audit`,
  }
  await tables.makeTables(table)
  await provision(env.KEYSTEAD_HOME)
  let server = await start(env)
  const { credentials } = server
  const client = () => clientOf({ ...server, credentials })

  const blobs: (Uint8Array | undefined)[] = []
  const keys: string[] = []
  const makeOne = async (): Promise<void> => {
    const KeyId = await created(client())
    keys.push(KeyId)
    blobs.push(await encrypted(client(), KeyId, 'kept'))
  }
  for (let each = 0; each < 30; each++) await makeOne()

  /** What administrators and clients do all the while. */
  async function busy<T>(work: Promise<T>): Promise<T> {
    let ended = false
    const over = work.finally(() => {
      ended = true
    })
    for (let turn = 0; !ended; turn++) {
      const KeyId = keys[turn % 30] ?? ''
      if (turn < 60) await client().send(new kms.RotateKeyOnDemandCommand({ KeyId }))
      blobs.push(await encrypted(client(), KeyId, 'kept'))
      if (turn % 10 === 0) await makeOne()
      expect(await opened(client(), blobs[turn % blobs.length])).toBe('kept')
      await pause(5)
    }
    return over
  }

  const rewrap = ['--escrow', at('home', 'hsm', 'escrow.json'), ...shares, ...secrets]
  expect(await done('ceremony', ['rotate', ...module, ...escrowKey], env)).toContain('has the root regional-2')
  // Not started again: it does not know of the new root, opens nothing that was moved once it has to, and makes more under the old one.
  await makeOne()
  await stop(server)
  server = await start(env)
  const { code, stdout, stderr } = await busy(ran('rewrap', rewrap, env))
  expect([code, stderr.replace(/^\d+ wrapped again …\n/gm, '')]).toEqual([0, ''])
  expect(stdout).toContain('0 left under regional-1.')
  for (const blob of blobs) expect(await opened(client(), blob)).toBe('kept')
  expect(await done('rewrap', [], env)).toContain('There is nothing to wrap again.')

  await done('ceremony', ['retire-root', 'regional-1', '--yes'], env)
  for (const blob of blobs) expect(await opened(client(), blob)).toBe('kept')
  await stop(server)
  server = await start(env)
  for (const blob of blobs) expect(await opened(client(), blob)).toBe('kept')
  await stop(server)
}, 240_000)

test('multi-Region keys move to a newer domain root, each Region at its time, and can then be replicated to one that joined later', async () => {
  const names = ['us-east-1', 'us-west-2'] as const
  const homeOf = (name: string): string => at(name)
  const hsmOf = (name: string): readonly string[] => [...module, '--directory', join(homeOf(name), 'hsm')]
  const servers = new Map<string, RunningServer>()
  const settings = (name: string) => ({
    KEYSTEAD_HOME: homeOf(name),
    KEYSTEAD_STORE: 'embedded',
    KEYSTEAD_REGION: name,
    KEYSTEAD_CACHE_TTL_MS: '0',
  })
  const [east, west] = names
  const peer = (name: string) => ({ KEYSTEAD_PEERS: JSON.stringify({ [name]: servers.get(name)?.url ?? '' }) })
  async function startBoth(): Promise<void> {
    const first = await start(settings(west))
    servers.set(west, first)
    servers.set(east, await start({ ...settings(east), ...peer(west) }))
    await stop(first)
    servers.set(west, await start({ ...settings(west), ...peer(east), KEYSTEAD_PORT: new URL(first.url).port }))
  }
  const stopBoth = () => Promise.all(names.map((name) => stop(servers.get(name))))
  const client = (name: (typeof names)[number]): kms.KMSClient => {
    const server = servers.get(name)
    if (!server) throw new Error(`${name} is not running`)
    return clientOf(server, name)
  }
  /** A newer domain root for both, in escrow in a file of this name. */
  async function share(file: string): Promise<void> {
    const [request, domain] = [at('request.json'), at(file)]
    await done('domain', ['request', ...hsmOf(west), '--out', request])
    await done('domain', ['share', request, ...hsmOf(east), ...escrowKey, '--out', domain])
    await done('domain', ['accept', domain, ...hsmOf(west)])
  }
  const rewrap = (name: string, ...escrow: readonly string[]) =>
    done('rewrap', [...escrow.flatMap((file) => ['--escrow', file]), ...shares, ...secrets], settings(name))
  const escrowOf = (name: string): string => join(homeOf(name), 'hsm', 'escrow.json')

  for (const name of names) await provision(homeOf(name))
  servers.set(east, await start(settings(east)))
  const KeyId = await created(client(east), { MultiRegion: true })
  const blobs = [await encrypted(client(east), KeyId, 'kept')]
  await stop(servers.get(east))
  const replicate = () => client(east).send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: west }))

  await share('second.json')
  await startBoth()
  await expect(replicate()).rejects.toThrow()
  await stopBoth()
  expect(await rewrap(east, escrowOf(east))).toMatch(/^0 left under domain-1-[0-9a-f]{16}\.$/m)
  await startBoth()
  await replicate()
  /** What each encrypts, before and after a rotation, opens in both. */
  async function works(): Promise<void> {
    await client(east).send(new kms.RotateKeyOnDemandCommand({ KeyId }))
    for (const name of names) blobs.push(await encrypted(client(name), KeyId, 'kept'))
    for (const name of names) for (const blob of blobs) expect(await opened(client(name), blob)).toBe('kept')
  }
  await works()
  await stopBoth()

  // Both have copies under the second root, and get a third: one moves, the other is late.
  await share('third.json')
  const both = [escrowOf(east), at('second.json')]
  expect(await rewrap(east, ...both)).toContain('Wrapped again from domain-2-')
  await startBoth()
  await works()
  await stopBoth()
  const [, second = ''] =
    /^ {2}(domain-2-[0-9a-f]{16}): /m.exec(await done('rewrap', ['--dry-run'], settings(west))) ?? []
  const retire = (name: string) => ran('ceremony', ['retire-root', second, '--yes'], settings(name))
  expect((await retire(west)).stderr).toContain(`hang from ${second}: npm run rewrap.`)
  expect(await rewrap(west, escrowOf(west), at('second.json'))).toContain(`0 left under ${second}.`)
  for (const name of names) expect((await retire(name)).stdout).toContain(`${second} is no more in the token`)
  await startBoth()
  await works()
  const Message = Buffer.from('signed')
  const signing = { MultiRegion: true, KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const
  const signer = await created(client(east), signing)
  await client(east).send(new kms.ReplicateKeyCommand({ KeyId: signer, ReplicaRegion: west }))
  const asked = { KeyId: signer, Message, SigningAlgorithm: 'ECDSA_SHA_256' } as const
  const { Signature } = await client(west).send(new kms.SignCommand(asked))
  expect((await client(east).send(new kms.VerifyCommand({ ...asked, Signature }))).SignatureValid).toBe(true)
  await stopBoth()
}, 240_000)

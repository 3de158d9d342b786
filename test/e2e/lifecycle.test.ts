/** Starting, stopping and starting again, as an operator does. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient, ListKeysCommand } from '@aws-sdk/client-kms'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../scripts/stand-in.ts'
import { cleanEnv, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'

const homes: string[] = []
const home = (): string => {
  const made = newHome()
  homes.push(made)
  return made
}
const running: RunningServer[] = []
const start = async (options: Parameters<typeof startServer>[1]): Promise<RunningServer> => {
  const server = await startServer('local', options)
  running.push(server)
  return server
}
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop('SIGKILL')))
  for (const made of homes.splice(0)) removeHome(made)
})
const clientOf = (server: RunningServer) =>
  new KMSClient({ endpoint: server.url, region: 'us-east-1', credentials: server.credentials, maxAttempts: 1 })

/** Runs the start script to its end, which must be soon. */
const tried = (env: Record<string, string>) =>
  spawnSync(process.execPath, ['scripts/serve.ts'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: cleanEnv({ KEYSTEAD_PORT: '0', ...env }),
    encoding: 'utf8',
    timeout: 30_000,
  })

test('keys and credentials survive a clean stop, and a kill', async () => {
  const KEYSTEAD_HOME = home()
  let server = await start({ home: KEYSTEAD_HOME })
  const first = server.credentials
  const { KeyMetadata } = await clientOf(server).send(new CreateKeyCommand({}))
  const { CiphertextBlob } = await clientOf(server).send(
    new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext: Buffer.from('kept') }),
  )
  for (const signal of ['SIGINT', 'SIGKILL', 'SIGTERM'] as const) {
    const ended = await server.stop(signal)
    expect(ended).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 0)
    server = await start({ home: KEYSTEAD_HOME })
    expect([server.credentials.accessKeyId, server.credentials.secretAccessKey === first.secretAccessKey]).toEqual([
      first.accessKeyId,
      true,
    ])
    const opened = await clientOf(server).send(new DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('kept')
  }
  expect((await clientOf(server).send(new ListKeysCommand({}))).Keys).toHaveLength(1)
})

test('local state is for its owner only, and the secret is in the credentials file and nowhere else', async () => {
  const KEYSTEAD_HOME = home()
  const server = await start({ home: KEYSTEAD_HOME })
  await clientOf(server).send(new CreateKeyCommand({}))
  await server.stop()
  const files = readdirSync(KEYSTEAD_HOME, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  expect(files.length).toBeGreaterThan(5)
  expect(statSync(KEYSTEAD_HOME).mode & 0o077).toBe(0)
  expect(statSync(server.credentialsFile).mode & 0o077).toBe(0)
  for (const file of files) {
    const path = join(file.parentPath, file.name)
    if (path !== server.credentialsFile)
      expect([path, readFileSync(path).includes(server.credentials.secretAccessKey)]).toEqual([path, false])
  }
  expect(server.output()).not.toContain(server.credentials.secretAccessKey)
})

test('the root access key can be seeded', async () => {
  const KEYSTEAD_ROOT_ACCESS_KEY_ID = 'AKIASEEDEDSEEDEDSEED'
  const KEYSTEAD_ROOT_SECRET_ACCESS_KEY = 'seeded-by-the-operator-of-this-service-x'
  const KEYSTEAD_HOME = home()
  // The harness wants a credentials file; a seeded start does not write one.
  writeFileSync(join(KEYSTEAD_HOME, 'credentials'), '')
  const server = await start({
    home: KEYSTEAD_HOME,
    env: { KEYSTEAD_ROOT_ACCESS_KEY_ID, KEYSTEAD_ROOT_SECRET_ACCESS_KEY },
  })
  const credentials = { accessKeyId: KEYSTEAD_ROOT_ACCESS_KEY_ID, secretAccessKey: KEYSTEAD_ROOT_SECRET_ACCESS_KEY }
  const client = new KMSClient({ endpoint: server.url, region: 'us-east-1', credentials })
  expect((await client.send(new ListKeysCommand({}))).Keys).toEqual([])
  expect(server.output()).not.toContain(KEYSTEAD_ROOT_SECRET_ACCESS_KEY)
})

test('another secret for a root access key that is there is refused, and not told', async () => {
  const server = await start({ home: home(), env: { KEYSTEAD_STORE: 'embedded' } })
  await server.stop()
  writeFileSync(
    server.credentialsFile,
    readFileSync(server.credentialsFile, 'utf8').replace(/(secret_access_key = )./, '$1!'),
  )
  const { status, stderr } = tried({ KEYSTEAD_HOME: server.home })
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1])
  expect(stderr).toContain(`is not the secret that access key ${server.credentials.accessKeyId} was made with`)
  expect(stderr).not.toContain(server.credentials.secretAccessKey.slice(1))
})

test.each([
  [{ KEYSTEAD_PORT: 'http' }, /KEYSTEAD_PORT must be a whole number from 0 to 65535/],
  [{ KEYSTEAD_PROT: '4599' }, /KEYSTEAD_PROT is not a setting of Keystead/],
  [{ KEYSTEAD_ACCOUNT_ID: '12' }, /KEYSTEAD_ACCOUNT_ID must be 12 digits/],
  [{ KEYSTEAD_ROOT_ACCESS_KEY_ID: 'AKIAAAAAAAAAAAAAAAAA' }, /go together/],
  [{ KEYSTEAD_HSM_MODULE: '/nowhere/module.so' }, /module/],
])('a configuration that cannot be used is refused in one line: %j', (env, message) => {
  const { status, stderr } = tried({ KEYSTEAD_HOME: home(), ...env })
  expect(stderr).toMatch(message)
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1])
})

test('a port that is taken is named, with the way out', async () => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as AddressInfo
  const { status, stderr } = tried({ KEYSTEAD_HOME: home(), KEYSTEAD_PORT: String(port) })
  blocker.close()
  expect([status, stderr]).toEqual([
    1,
    `keystead: port ${port} is taken. Choose another: KEYSTEAD_PORT=${port + 1} npm start\n`,
  ])
})

test('a state folder that another process uses is refused', async () => {
  const server = await start({ home: home(), env: { KEYSTEAD_STORE: 'embedded' } })
  const { status, stderr } = tried({ KEYSTEAD_HOME: server.home })
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1])
  expect(stderr).toMatch(/another|use|lock/i)
})

test('a token without its root keys is refused, and left as it is', async () => {
  const KEYSTEAD_HOME = home()
  mkdirSync(join(KEYSTEAD_HOME, 'hsm', 'tokens'), { recursive: true })
  writeFileSync(join(KEYSTEAD_HOME, 'hsm', 'pin'), '123456')
  const { status, stderr } = tried({ KEYSTEAD_HOME })
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1])
  expect(stderr).toMatch(/token/i)
  expect(readdirSync(join(KEYSTEAD_HOME, 'hsm', 'tokens'))).toEqual([])
  rmSync(KEYSTEAD_HOME, { recursive: true })
})

const onLinux = existsSync('/proc/self/limits')
const needsProc = onLinux ? '' : ' (stands aside: there is no /proc)'

/** The addresses that a process listens on, as the system has them: hexadecimal, of IPv4 and IPv6. */
function listenersOf(pid: number): readonly string[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '']
    } catch {
      return []
    }
  })
  return ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/${pid}/net/${family}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode = '']) => state === '0A' && sockets.includes(inode))
      .map(([, local = '']) => local.split(':')[0] ?? ''),
  )
}

test.skipIf(!onLinux)(`it listens on loopback only unless it is told otherwise${needsProc}`, async () => {
  const usual = await start({ home: home(), env: { KEYSTEAD_METRICS_PORT: String(await freePort()) } })
  // The API and the metrics: 127.0.0.1 twice.
  expect(listenersOf(usual.pid)).toEqual(['0100007F', '0100007F'])
  expect(usual.output()).not.toContain('without TLS')
  const everywhere = await start({ home: home(), env: { KEYSTEAD_HOST: '0.0.0.0' } })
  expect(listenersOf(everywhere.pid)).toEqual(['00000000'])
  expect(everywhere.output()).toContain(
    'keystead: it listens on 0.0.0.0, without TLS: nothing but a proxy that ends TLS should reach it (docs/portable.md)\n',
  )
})

test.skipIf(!onLinux)(`npm start leaves no core dump, and who starts it otherwise is told${needsProc}`, async () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const command of [scripts.start ?? '', 'exec node scripts/serve.ts']) {
    // As npm runs it, where dumps are on.
    const service = spawn('sh', ['-c', `ulimit -S -c unlimited; ${command}`], {
      env: cleanEnv({
        KEYSTEAD_HOME: home(),
        KEYSTEAD_PORT: '0',
        PATH: `${process.cwd()}/node_modules/.bin:${process.env.PATH}`,
      }),
    })
    let said = ''
    for (const stream of [service.stdout, service.stderr]) stream.on('data', (chunk) => (said += chunk))
    try {
      await expect.poll(() => said, { timeout: 60_000 }).toContain('Keystead is at http')
      const off = command === scripts.start
      // The process of the HSM too.
      const all = [service.pid, ...readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'utf8').split(' ')]
      for (const pid of all.filter(Boolean)) {
        const [, soft, hard] =
          /^Max core file size\s+(\S+)\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? []
        expect([command, soft, hard === '0']).toEqual([command, off ? '0' : 'unlimited', off])
      }
      expect(all.filter(Boolean).length).toBeGreaterThan(1)
      expect(said.includes('a crash would leave a core dump, with keys in it')).toBe(!off)
    } finally {
      service.kill()
      await once(service, 'exit')
    }
  }
})

test('whatever opens keys or roots is started without core dumps', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  const opening = ['start', 'offline', 'provision', 'ceremony', 'domain', 'backup', 'restore', 'rewrap']
  for (const name of opening) expect(scripts[name]).toMatch(/^ulimit -c 0 && exec node scripts\/[\w-]+\.ts$/)
})

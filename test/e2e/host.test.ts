/** What docs/portable.md hands to an operator: each part runs where the machine has what it needs, and is named where not. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { SecureVersion } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../scripts/stand-in.ts'
import { cleanEnv, credentialsIn, type RunningServer, removeHome, startServer } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'keystead-host-'))
// Whoever runs the service there is somebody else.
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const shipped = (name: string): string => readFileSync(join(root, 'infra/host', name), 'utf8')
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

async function roundTrip(kms: KMSClient): Promise<string> {
  try {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}))
    const Plaintext = Buffer.from('through')
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }))
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob }))
    return Buffer.from(opened.Plaintext ?? []).toString()
  } finally {
    kms.destroy()
  }
}

describe.skipIf(!has('systemd-analyze', '--version'))('the systemd unit (needs systemd-analyze)', () => {
  test('is one that systemd takes, and leaves no core file', () => {
    const unit = join(folder, 'keystead.service')
    // A clone may be anywhere, also where a unit would have to escape its path.
    const clone = join(folder, 'clone')
    symlinkSync(root, clone)
    writeFileSync(unit, shipped('keystead.service').replaceAll('/opt/keystead', clone))
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
    expect([status, stderr.split('\n').filter((line) => line.includes('keystead.service'))]).toEqual([0, []])
    expect(shipped('keystead.service')).toMatch(/^LimitCORE=0$/m)
  })
})

const canEndTls = has('nginx', '-v') && has('openssl', 'version')

describe.skipIf(!canEndTls)('nginx in front (apt-get install nginx-light openssl would run this)', () => {
  let service: RunningServer
  let nginx: ChildProcess
  let endpoint: string
  let ca: Buffer
  beforeAll(async () => {
    service = await startServer('local', { env: { KEYSTEAD_TRUSTED_PROXIES: '127.0.0.1' } })
    const [port, key, certificate] = [await freePort(), join(folder, 'tls.key'), join(folder, 'tls.crt')]
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    spawnSync('openssl', ['req', '-x509', ...ec, ...named, '-keyout', key, '-out', certificate])
    ca = readFileSync(certificate)
    writeFileSync(
      join(folder, 'nginx-location.conf'),
      shipped('nginx-location.conf').replace('http://127.0.0.1:4599', service.url),
    )
    const server = shipped('nginx-server.conf')
      .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
      .replace('/etc/nginx/keystead/', `${folder}/`)
      .replaceAll('/etc/keystead/', `${folder}/`)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ')
    const config = join(folder, 'nginx.conf')
    writeFileSync(
      config,
      `daemon off; pid ${folder}/nginx.pid; error_log stderr; events {}\nhttp { access_log off; ${temporary}\n${server} }\n`,
    )
    nginx = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'ignore' })
    endpoint = `https://127.0.0.1:${port}`
    await vi.waitFor(async () => expect((await asked('/health')).statusCode).toBe(200), 10_000)
  })
  afterAll(async () => {
    nginx.kill()
    if (nginx.exitCode === null) await once(nginx, 'exit')
    await service.stop()
    removeHome(service.home)
  })

  /** @returns the answer's head */
  const asked = (
    path: string,
    options: RequestOptions = {},
  ): Promise<Pick<IncomingMessage, 'statusCode' | 'headers'>> =>
    new Promise((resolve) => {
      const sent = request(`${endpoint}${path}`, { ca, ...options }, (response) => {
        response.resume()
        resolve(response)
      })
      sent.on('error', () => resolve({ headers: {} })).end()
    })
  const clientThrough = (endpoint: string, localAddress = '127.0.0.1') =>
    new KMSClient({
      endpoint,
      region: 'us-east-1',
      credentials: service.credentials,
      maxAttempts: 1,
      requestHandler: { httpsAgent: new Agent({ ca, localAddress }) },
    })

  test('passes on what is signed: an SDK works through it', async () => {
    expect(await roundTrip(clientThrough(endpoint))).toBe('through')
  })

  test('tells once to come over TLS again, on its own answers too', async () => {
    for (const [path, method, status] of [
      ['/health', 'GET', 200],
      ['/docs', 'GET', 200],
      ['/keys', 'GET', 400],
      ['/', 'HACK', 400],
    ] as const) {
      const { statusCode, headers } = await asked(path, { method, agent: false })
      expect([path, statusCode, headers['strict-transport-security']]).toEqual([path, status, 'max-age=63072000'])
    }
  })

  test('speaks TLS 1.2 and 1.3 only, and nothing in the clear', async () => {
    const spoken = async (version: SecureVersion) =>
      (
        await asked('/health', {
          minVersion: version,
          maxVersion: version,
          ciphers: 'DEFAULT:@SECLEVEL=0',
          agent: false,
        })
      ).statusCode
    expect([await spoken('TLSv1.1'), await spoken('TLSv1.2'), await spoken('TLSv1.3')]).toEqual([undefined, 200, 200])
    const { status } = await fetch(`${endpoint.replace('https', 'http')}/health`)
    expect(status).toBe(400)
    expect(shipped('nginx-server.conf').match(/listen .*/g)).toEqual(['listen 443 ssl;'])
  })

  test('is believed about who asked and that it was over TLS, by policies and on record', async () => {
    const [through, past] = [clientThrough(endpoint, '127.0.0.2'), clientThrough(service.url)]
    const everything = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' }
    const unless = (Condition: object) => ({ ...everything, Effect: 'Deny', Action: 'kms:Encrypt', Condition })
    const keyWith = async (Condition: object) => {
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [everything, unless(Condition)] })
      return (await through.send(new CreateKeyCommand({ Policy }))).KeyMetadata?.KeyId
    }
    const used = (client: KMSClient, KeyId: string | undefined) =>
      client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') })).then(
        () => 'done',
        ({ name }: Error) => name,
      )
    const overTls = await keyWith({ Bool: { 'aws:SecureTransport': 'false' } })
    expect([await used(through, overTls), await used(past, overTls)]).toEqual(['done', 'AccessDeniedException'])
    const fromThere = await keyWith({ NotIpAddress: { 'aws:SourceIp': '127.0.0.2/32' } })
    expect([await used(through, fromThere), await used(past, fromThere)]).toEqual(['done', 'AccessDeniedException'])
    const trail = join(service.home, 'audit')
    const records = readdirSync(trail)
      .filter((file) => file.endsWith('.jsonl'))
      .flatMap((file) => readFileSync(join(trail, file), 'utf8').trim().split('\n'))
      .map((line) => JSON.parse(line) as { eventName: string; sourceIPAddress: string })
    const sources = records.filter(({ eventName }) => eventName === 'Encrypt').map((each) => each.sourceIPAddress)
    expect(sources.slice(-4)).toEqual(['127.0.0.2', '127.0.0.1', '127.0.0.2', '127.0.0.1'])
    through.destroy()
    past.destroy()
  })
})

const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
const canBeNobody = process.getuid?.() === 0 && has('setpriv', ...nobody, process.execPath, '--version')

describe.skipIf(!canBeNobody)('a copy of the clone (needs root, setpriv, and a clone that others may read)', () => {
  test('starts as a user who owns nothing but its state, as the unit and the image have it', async () => {
    const [copy, home] = [join(folder, 'copy'), join(folder, 'home')]
    for (const part of ['functions', 'lib', 'scripts', 'infra', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    mkdirSync(home, { mode: 0o700 })
    spawnSync('chown', ['65534:65534', home])
    const command = JSON.parse(/^CMD (.*)$/m.exec(shipped('Dockerfile'))?.[1] ?? '') as readonly string[]
    const bin = join(root, 'node_modules/.bin')
    const port = await freePort()
    const service = spawn('setpriv', [...nobody, ...command], {
      cwd: copy,
      env: cleanEnv({
        HOME: home,
        KEYSTEAD_HOME: home,
        KEYSTEAD_PORT: String(port),
        PATH: `${bin}:${process.env.PATH}`,
      }),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    service.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    try {
      const url = `http://127.0.0.1:${port}`
      for (let tries = 0; tries < 150 && service.exitCode === null; tries++) {
        if (
          await fetch(`${url}/health?deep`).then(
            ({ ok }) => ok,
            () => false,
          )
        )
          break
        await pause(200)
      }
      expect([service.exitCode, said]).toEqual([null, ''])
      const credentials = credentialsIn(join(home, 'credentials'))
      const kms = new KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })
      expect(await roundTrip(kms)).toBe('through')
    } finally {
      service.kill('SIGTERM')
      if (service.exitCode === null) await once(service, 'exit')
    }
    expect(service.exitCode).toBe(0)
  })
})

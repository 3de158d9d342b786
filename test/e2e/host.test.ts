/** What docs/portable.md hands to an operator: each part runs where the machine has what it needs, and is named where not. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { freePort } from '../../scripts/stand-in.ts'
import { cleanEnv, credentialsIn } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'keystead-host-'))
// Whoever runs the service there is somebody else.
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const shipped = (name: string): string => readFileSync(join(root, 'infra/host', name), 'utf8')
const has = (program: string, ...args: string[]): boolean => spawnSync(program, args, { stdio: 'ignore' }).status === 0

async function roundTrip(endpoint: string, credentials: ReturnType<typeof credentialsIn>): Promise<string> {
  const kms = new KMSClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
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

describe.skipIf(!has('nginx', '-v'))('nginx in front (apt-get install nginx-light would run this)', () => {
  test('passes on what is signed: an SDK works through it', async () => {
    const port = await freePort()
    const location = join(folder, 'location.conf')
    writeFileSync(location, shipped('nginx-location.conf').replace('http://127.0.0.1:4599', inject('url')))
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(' ')
    const server = `server { listen 127.0.0.1:${port}; include ${location}; }`
    const config = join(folder, 'nginx.conf')
    writeFileSync(
      config,
      `daemon off; pid ${folder}/nginx.pid; error_log stderr; events {}\nhttp { access_log off; ${temporary} ${server} }\n`,
    )
    const nginx = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'ignore' })
    try {
      const endpoint = `http://127.0.0.1:${port}`
      await expect
        .poll(() =>
          fetch(`${endpoint}/health`).then(
            ({ status }) => status,
            () => 0,
          ),
        )
        .toBe(200)
      expect(await roundTrip(endpoint, credentialsIn(inject('credentialsFile')))).toBe('through')
    } finally {
      nginx.kill()
      await once(nginx, 'exit')
    }
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
    const [program = '', script = ''] = /^CMD \["(\w+)", "([\w/.]+)"\]$/m.exec(shipped('Dockerfile'))?.slice(1) ?? []
    expect([program, script]).toEqual(['node', 'scripts/serve.ts'])
    const port = await freePort()
    const service = spawn('setpriv', [...nobody, process.execPath, script], {
      cwd: copy,
      env: cleanEnv({ HOME: home, KEYSTEAD_HOME: home, KEYSTEAD_PORT: String(port) }),
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
      expect(await roundTrip(url, credentialsIn(join(home, 'credentials')))).toBe('through')
    } finally {
      service.kill('SIGTERM')
      if (service.exitCode === null) await once(service, 'exit')
    }
    expect(service.exitCode).toBe(0)
  })
})

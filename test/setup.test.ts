import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

/** Stands for npm: writes down what it is asked, and makes what the real one would. Its faults are in the environment. */
const npm = `
const { appendFileSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } = require('node:fs')
const [command, ...args] = process.argv.slice(2)
const { FAULT = '', FAULT_UNTIL_CACHE, PAUSE_MS = '0', npm_package_config_node_gyp_nodedir: headers = '' } = process.env
appendFileSync('npm.log', [command, ...args.filter((arg) => !arg.startsWith('--'))].join(' ') + '\\n')
const fault = FAULT && !(FAULT_UNTIL_CACHE && process.env.npm_config_cache)
if (fault) {
  process.stderr.write('npm error code ' + FAULT + '\\n')
  process.exit(1)
}
if (command === 'ci') {
  rmSync('node_modules', { recursive: true, force: true })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(PAUSE_MS))
  mkdirSync('node_modules/.bin', { recursive: true })
  mkdirSync('node_modules/koffi')
  writeFileSync('node_modules/koffi/index.js', '')
} else if (command === 'pack') {
  const [, to] = /^--pack-destination=(.*)$/.exec(args.find((arg) => arg.startsWith('--pack-')))
  copyFileSync('node.tgz', to + '/' + args[0].replace('@', '-') + '.tgz')
} else if (args.includes('pkcs11js')) {
  if (/\\s/.test(headers) || !existsSync(headers + '/include/node/node_api.h')) process.exit(1)
  mkdirSync('node_modules/pkcs11js/build/Release', { recursive: true })
  writeFileSync('node_modules/pkcs11js/build/Release/pkcs11.node', '')
  writeFileSync('node_modules/pkcs11js/index.js', '')
}
`

let clone = ''
let commands = ''

const write = (name: string, text: string): void => writeFileSync(join(clone, name), text)
const command = (name: string, script: string): void => {
  writeFileSync(join(commands, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(commands, name), 0o755)
}

const nodePackage = `${process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${process.platform}-${process.arch}`
let integrity = ''

/** What the registry has of Node: this one. */
function packNode(): void {
  const packed = join(clone, 'package')
  mkdirSync(join(packed, 'include/node'), { recursive: true })
  mkdirSync(join(packed, 'bin'))
  writeFileSync(join(packed, 'include/node/node_api.h'), '')
  symlinkSync(process.execPath, join(packed, 'bin/node'))
  spawnSync('tar', ['-czf', 'node.tgz', 'package'], { cwd: clone })
  rmSync(packed, { recursive: true })
  integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(clone, 'node.tgz')))
    .digest('base64')}`
}

const describePackage = (more: object = {}): void =>
  write(
    'package.json',
    JSON.stringify({
      dependencies: {},
      devDependencies: { node: '24.0.0' },
      nodePackages: { [nodePackage]: integrity },
      scripts: {},
      ...more,
    }),
  )

beforeEach(() => {
  clone = join(mkdtempSync(join(tmpdir(), 'keystead-test-setup-')), 'a clone')
  commands = join(clone, 'commands')
  for (const directory of ['scripts', 'commands', 'fake']) mkdirSync(join(clone, directory), { recursive: true })
  copyFileSync(new URL('../scripts/setup.mjs', import.meta.url), join(clone, 'scripts/setup.mjs'))
  packNode()
  describePackage()
  write('package-lock.json', '{}')
  write('fake/npm-cli.js', npm)
  write('module.so', '')
  for (const tool of ['python3', 'make', 'g++', 'true']) command(tool, '')
  command('env', 'exec /usr/bin/env "$@"')
  command('tar', 'PATH=/usr/bin:/bin exec tar "$@"')
})
afterEach(() => rmSync(join(clone, '..'), { recursive: true, force: true }))

interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; stdout: string; lines: readonly string[]; last: string }>
}

interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** Evaluated before the script: makes the process another user's, or another Node's. */
  readonly as?: string
}

function setUp({ env = {}, as = '' }: Options = {}): Run {
  const preload = as ? ['--import', `data:text/javascript,${encodeURIComponent(as)}`] : []
  const child = spawn(process.execPath, [...preload, join(clone, 'scripts/setup.mjs')], {
    cwd: clone,
    env: {
      PATH: commands,
      HOME: clone,
      npm_execpath: join(clone, 'fake/npm-cli.js'),
      KEYSTEAD_HSM_MODULE: join(clone, 'module.so'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const ended = new Promise<Awaited<Run['ended']>>((resolve) => {
    child.once('close', (code) => {
      const lines = stderr.trimEnd().split('\n')
      resolve({ code, stdout, lines, last: lines.at(-1) ?? '' })
    })
  })
  return { child, ended }
}

const asked = (): readonly string[] =>
  existsSync(join(clone, 'npm.log')) ? readFileSync(join(clone, 'npm.log'), 'utf8').trimEnd().split('\n') : []
const wholeInstall = ['ci', `pack ${nodePackage}@24.0.0`, 'rebuild esbuild', 'rebuild pkcs11js']
const until = async (happens: () => boolean): Promise<void> => {
  while (!happens()) await new Promise((resolve) => setTimeout(resolve, 10))
}
const lockFile = (): string => join(clone, '.keystead/setup.lock')

describe('setup', () => {
  test('installs once, prints nothing to standard output, and then finds nothing to do', async () => {
    const first = await setUp().ended
    expect(first).toMatchObject({ code: 0, stdout: '' })
    expect(asked()).toEqual(wholeInstall)
    expect(await setUp().ended).toMatchObject({ code: 0, stdout: '', lines: [''] })
    expect(asked()).toEqual(wholeInstall)
    expect(existsSync(lockFile())).toBe(false)
  })

  test.each([
    ['the lock file changes', () => write('package-lock.json', '{ "name": "other" }')],
    ['a dependency changes', () => describePackage({ dependencies: { other: '1' } })],
    ['Node 24 is gone', () => rmSync(join(clone, 'node_modules/.bin/node'))],
    ['the add-on is gone', () => rmSync(join(clone, 'node_modules/pkcs11js/build'), { recursive: true })],
  ])('installs again when %s', async (_what, change) => {
    await setUp().ended
    change()
    expect((await setUp().ended).code).toBe(0)
    expect(asked()).toEqual([...wholeInstall, ...wholeInstall])
  })

  test('does not install again for a new script in package.json', async () => {
    await setUp().ended
    describePackage({ scripts: { new: 'true' } })
    expect((await setUp().ended).code).toBe(0)
    expect(asked()).toEqual(wholeInstall)
  })

  test('takes no other Node than the one that package.json says, and runs nothing of it', async () => {
    describePackage({ nodePackages: { [nodePackage]: `sha512-${'A'.repeat(86)}==` } })
    expect(await setUp().ended).toMatchObject({
      code: 1,
      last: `keystead setup: ${nodePackage}@24.0.0 is not what package.json says (nodePackages). Do not use what is there`,
    })
    expect(asked()).toEqual(['ci', `pack ${nodePackage}@24.0.0`])
    expect(existsSync(join(clone, 'node_modules/.bin/node'))).toBe(false)
  })

  test('says so where package.json has no Node for the platform', async () => {
    describePackage({ nodePackages: {} })
    const { code, lines } = await setUp().ended
    expect(code).toBe(0)
    expect(lines).toContain(
      `keystead setup: package.json does not say which ${nodePackage} is right: it is taken as the registry has it`,
    )
  })

  test('installs once when started four times at once', async () => {
    const runs = [1, 2, 3, 4].map(() => setUp({ env: { PAUSE_MS: '500' } }).ended)
    expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(asked()).toEqual(wholeInstall)
  })

  test('installs whole after one that was killed half-way', async () => {
    const killed = setUp({ env: { PAUSE_MS: '500' } })
    await until(() => asked().length === 1)
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(existsSync(lockFile())).toBe(true)
    expect(await setUp().ended).toMatchObject({ code: 0 })
    expect(asked()).toEqual(['ci', ...wholeInstall])
  }, 30_000)

  test('says how to go on when it is interrupted, and leaves no lock', async () => {
    const run = setUp({ env: { PAUSE_MS: '20000' } })
    await until(() => asked().length === 1)
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({
      code: 1,
      last: 'keystead setup: stopped by SIGTERM before it was done. Run: node scripts/setup.mjs',
    })
    expect(existsSync(lockFile())).toBe(false)
  })

  test.each([
    ['EUSAGE', 'package.json and package-lock.json do not agree. Run: npm install'],
    ['ENOTFOUND', 'the package registry cannot be reached. When `npm ping` answers, run: node scripts/setup.mjs'],
    [
      'CERT_HAS_EXPIRED',
      'the package registry cannot be reached. When `npm ping` answers, run: node scripts/setup.mjs',
    ],
    ['E401', 'the package registry refuses this machine. When `npm ping` answers, run: node scripts/setup.mjs'],
    ['ENOSPC', 'the disk is full. Make a gigabyte of room, then run: node scripts/setup.mjs'],
    ['EACCES', 'node_modules cannot be written. Run: sudo chown -R "$(id -un)" . && node scripts/setup.mjs'],
  ])('says what mends npm failing with %s, and is not ready afterwards', async (fault, mend) => {
    await setUp().ended
    write('package-lock.json', '{ "name": "other" }')
    const failed = await setUp({ env: { FAULT: fault } }).ended
    expect(failed).toMatchObject({ code: 1, last: `keystead setup: npm ci failed: ${mend}` })
    expect(failed.lines).toContain(`npm error code ${fault}`)
    expect(existsSync(join(clone, 'node_modules/.setup-stamp'))).toBe(false)
  })

  test('uses a cache of its own when the user’s cannot be written', async () => {
    expect((await setUp({ env: { FAULT: 'EROFS', FAULT_UNTIL_CACHE: '1' } }).ended).code).toBe(0)
    expect(asked()).toEqual(['ci', ...wholeInstall])
  })

  test('says that npm is missing', async () => {
    expect(await setUp({ env: { npm_execpath: '' } }).ended).toMatchObject({
      code: 1,
      last: 'keystead setup: npm is not in PATH. Install npm 10 or later, which comes with Node, then run: node scripts/setup.mjs',
    })
  })

  test('refuses a Node that is too old', async () => {
    const as = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.0' } })"
    expect(await setUp({ as }).ended).toMatchObject({
      code: 1,
      lines: ['keystead setup: Node 18.20.0 is too old. Install Node 20 or later'],
    })
  })
})

describe.skipIf(process.platform === 'darwin')(
  'system packages (macOS brings its own compiler; any Linux runs these)',
  () => {
    const user = 'process.getuid = () => 1000'
    const root = 'process.getuid = () => 0'
    const install = 'apt-get install -y python3 make g++'

    beforeEach(() => {
      rmSync(join(commands, 'make'))
      const made = `#!/bin/sh\n`
      command(
        'apt-get',
        `echo "$DEBIAN_FRONTEND $*" >> '${clone}/apt.log'
case "$*" in *install*) printf '${made}' > '${commands}/make'; /bin/chmod 755 '${commands}/make' ;; esac`,
      )
    })
    const aptLog = (): readonly string[] =>
      existsSync(join(clone, 'apt.log')) ? readFileSync(join(clone, 'apt.log'), 'utf8').trimEnd().split('\n') : []

    test('are installed at once for root, with no question asked', async () => {
      expect((await setUp({ as: root }).ended).code).toBe(0)
      expect(aptLog()).toHaveLength(1)
      expect(aptLog()[0]).toMatch(/^noninteractive .*install -y --no-install-recommends python3 make g\+\+$/)
    })

    test('are installed through a sudo that asks nothing', async () => {
      command('sudo', '[ "$1" = -n ] && shift && exec "$@"')
      expect((await setUp({ as: user }).ended).code).toBe(0)
      expect(aptLog()).toHaveLength(1)
    })

    test('are left to the user, with the command, when sudo wants a password and there is no terminal', async () => {
      command('sudo', 'exit 1')
      expect(await setUp({ as: user }).ended).toMatchObject({
        code: 1,
        last: `keystead setup: system packages are missing and sudo wants a password. Run: sudo ${install}`,
      })
      expect(aptLog()).toEqual([])
      expect(asked()).toEqual([])
    })

    test('are left to root, with the command, where there is no sudo', async () => {
      expect(await setUp({ as: user }).ended).toMatchObject({
        code: 1,
        last: `keystead setup: system packages are missing and there is no sudo. As root, run: ${install}`,
      })
    })

    test('are installed after the package lists, which a fresh system lacks', async () => {
      command(
        'apt-get',
        `echo "$1 $*" >> '${clone}/apt.log'
case "$*" in update) exit 0 ;; *) [ "$(/usr/bin/wc -l < '${clone}/apt.log')" -gt 1 ] ;; esac`,
      )
      expect((await setUp({ as: root }).ended).code).toBe(0)
      expect(aptLog().map((line) => /install|update/.exec(line)?.[0])).toEqual(['install', 'update', 'install'])
    })

    test('that cannot be installed are named with the command', async () => {
      command('apt-get', 'echo no such package >&2; exit 100')
      const { code, lines, last } = await setUp({ as: root }).ended
      expect(code).toBe(1)
      expect(lines).toContain('no such package')
      expect(last).toBe(`keystead setup: python3, make, g++ could not be installed. Run: ${install}`)
    })

    test('are not asked for when the add-on stands', async () => {
      command('make', '')
      await setUp().ended
      rmSync(join(commands, 'make'))
      expect(await setUp({ as: user }).ended).toMatchObject({ code: 0 })
      expect(aptLog()).toEqual([])
    })
  },
)

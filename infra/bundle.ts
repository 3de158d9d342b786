/**
 * Bundles the Lambdas: `node infra/bundle.ts` writes one file for each to dist/, and the native add-on beside them;
 * `--split` writes files that share chunks to dist/offline/, for one process that loads them all; `--check` also
 * fails when a bundle is larger than a Lambda should load.
 */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { viewerFiles } from '../lib/http/documents.ts'
import { catalog, documents, frontDoor, peers, root, scheduleCatalog, serviceCatalog } from './catalog.ts'

const dist = join(root, 'dist')
/** Where serverless-offline looks for handlers: they are named `dist/…` from here too. */
const offline = join(dist, 'offline')

/** What bundles load from beside them, and the parts of it that they need. */
const packages = {
  'node_modules/pkcs11js': ['package.json', 'index.js', 'LICENSE', 'build/Release/pkcs11.node'],
  'node_modules/swagger-ui-dist': ['LICENSE', 'NOTICE', ...viewerFiles],
} as const

const maxBytes = 1_000_000

/** Packages in CommonJS call `require`, which a module does not have. */
const requireBanner =
  "import { createRequire as keysteadRequire } from 'node:module'; const require = keysteadRequire(import.meta.url);"

const options = {
  absWorkingDir: root,
  entryPoints: [
    ...[frontDoor, documents, peers].map((name) => ({ in: `functions/${name}.ts`, out: name })),
    ...[...catalog(), ...serviceCatalog(), ...scheduleCatalog()].map(({ file, kebab }) => ({ in: file, out: kebab })),
  ],
  bundle: true,
  minify: true,
  // The names in a stack trace are what a failure in the log is read by.
  keepNames: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  banner: { js: requireBanner },
  mainFields: ['module', 'main'],
  external: ['pkcs11js'],
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions

/**
 * A Lambda has its role's credentials in its environment, and nowhere else: the clients that ask other places for some
 * (sign-in, files, processes, metadata) are neither loaded nor there.
 */
const credentialsOfRole: Plugin = {
  name: 'credentials of the role',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({ path: 'role', namespace: 'credentials' }))
    onLoad({ filter: /./, namespace: 'credentials' }, () => ({
      contents: "export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env'",
      resolveDir: root,
    }))
  },
}

export interface Size {
  readonly name: string
  readonly bytes: number
}

/** One bundle a Lambda, whole but for the packages that are copied beside them. */
export async function bundle(): Promise<readonly Size[]> {
  const made = existsSync(dist) ? readdirSync(dist) : []
  for (const name of made.filter((name) => name !== 'offline')) rmSync(join(dist, name), { recursive: true })
  const { metafile } = await build({ ...options, outdir: dist, plugins: [credentialsOfRole] })
  for (const [from, parts] of Object.entries(packages)) {
    for (const part of parts) cpSync(join(root, from, part), join(dist, from, part), { dereference: true })
  }
  return Object.entries(metafile.outputs).map(([file, { bytes }]) => ({
    name: file.replace(/^dist\/|\.mjs$/g, ''),
    bytes,
  }))
}

/** Bundles that share what they have in common: one process opens one store and one HSM session. */
export async function bundleSplit(): Promise<void> {
  rmSync(offline, { recursive: true, force: true })
  await build({ ...options, splitting: true, outdir: join(offline, 'dist'), chunkNames: 'chunks/[hash]' })
}

const kB = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`

function report(sizes: readonly Size[], seconds: number): string {
  const bySize = sizes.toSorted((a, b) => b.bytes - a.bytes)
  const total = bySize.reduce((sum, { bytes }) => sum + bytes, 0)
  const [largest] = bySize
  const median = bySize[Math.floor(bySize.length / 2)]
  return (
    `${sizes.length} bundles in ${seconds.toFixed(1)} s: largest ${largest?.name} ${kB(largest?.bytes ?? 0)}, ` +
    `median ${kB(median?.bytes ?? 0)}, together ${kB(total)}\n`
  )
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--split')) return bundleSplit()
  const started = performance.now()
  const sizes = await bundle()
  process.stdout.write(report(sizes, (performance.now() - started) / 1000))
  if (!args.includes('--check')) return
  for (const { name, bytes } of sizes.filter(({ bytes }) => bytes >= maxBytes)) {
    process.stdout.write(`${name} is ${kB(bytes)}; a bundle is to stay under ${kB(maxBytes)}\n`)
    process.exitCode = 1
  }
}

if (import.meta.main) await main(process.argv.slice(2))

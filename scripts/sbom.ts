/**
 * `npm run sbom`: a CycloneDX bill of what is shipped, as the lock file has it. npm's own `--omit=dev` leaves out what a
 * tool needs too, the AWS SDK's parts among it; so npm lists all, and the lock file says what is shipped.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

interface Component {
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
}
interface Dependency {
  readonly ref: string
  readonly dependsOn: readonly string[]
}

const root = new URL('..', import.meta.url)
const { name, packages } = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')) as {
  readonly name: string
  readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>
}
const shipped = new Set(
  Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`),
)

const bill = JSON.parse(
  execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }),
)
const components = (bill.components as readonly Component[]).filter((each) =>
  shipped.has(`${each.name}@${each.version}`),
)
// npm calls it by its folder.
const component = { ...bill.metadata.component, type: 'application', name }
const refs = new Set([component['bom-ref'], ...components.map((each) => each['bom-ref'])])
const dependencies = (bill.dependencies as readonly Dependency[])
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }))

process.stdout.write(
  `${JSON.stringify({ ...bill, metadata: { ...bill.metadata, component }, components, dependencies }, null, 2)}\n`,
)

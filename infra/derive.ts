/**
 * Writes what must agree with the registry of operations, or with the tables' template, from it: `node infra/derive.ts`.
 * With `--check` it writes nothing, names each file that is not current, and fails when there is one.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settings } from '../lib/config.ts'
import { actionsTable } from './actions.ts'
import { catalog, type Entry, root } from './catalog.ts'
import { authorizedFunctionsOf, functionsOf, slashedRoutesOf } from './functions.ts'
import { openapiOf } from './openapi.ts'
import { rolesOf } from './roles.ts'
import { tableRequests } from './tables.ts'
import { yamlOf } from './yaml.ts'

const folder = 'infra/derived'
const note = '# Derived from the registry of operations by infra/derive.ts; do not edit.\n'
const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

const routesOf = (entries: readonly Entry[]) =>
  entries.map(({ operation: { route, name }, file }) => ({ route, operation: name, file }))

const begin = '<!-- derived: configuration -->'
const end = '<!-- /derived -->'

function configurationTable(): string {
  const rows = Object.entries(settings).map(
    ([name, { byDefault, summary }]) => `| \`${name}\` | ${byDefault && `\`${byDefault}\``} | ${summary} |`,
  )
  return ['| Variable | Default | What it sets |', '| --- | --- | --- |', ...rows].join('\n')
}

/** @throws Error when the README has lost the place of the table */
export function withConfiguration(readme: string): string {
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`README.md has no ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${configurationTable()}\n\n${readme.slice(to)}`
}

/** Every derived file, by its path from the root, and what it must hold. */
export function derived(): ReadonlyMap<string, string> {
  const entries = catalog()
  const files = new Map([
    [`${folder}/actions.md`, actionsTable(entries)],
    [`${folder}/functions.yml`, note + yamlOf(functionsOf(entries))],
    [`${folder}/functions-aws-iam.yml`, note + yamlOf(authorizedFunctionsOf(entries))],
    [`${folder}/openapi.json`, json(openapiOf(entries))],
    [`${folder}/roles.yml`, note + yamlOf(rolesOf(entries))],
    [`${folder}/routes.json`, json(routesOf(entries))],
    [`${folder}/slashed-routes.yml`, note + yamlOf(slashedRoutesOf())],
    ...Array.from(tableRequests(), ([name, request]) => [`${folder}/${name}`, json(request)] as const),
  ])
  const readme = join(root, 'README.md')
  if (existsSync(readme)) files.set('README.md', withConfiguration(readFileSync(readme, 'utf8')))
  return files
}

/** The files that differ from what they must hold, those in the folder that nothing derives included. */
export function stale(files: ReadonlyMap<string, string> = derived()): readonly string[] {
  const stored = existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)
    : []
  const wrong = Array.from(files).filter(
    ([file, text]) => !existsSync(join(root, file)) || readFileSync(join(root, file), 'utf8') !== text,
  )
  return [...wrong.map(([file]) => file), ...stored.filter((file) => !files.has(file))]
}

function main(check: boolean): void {
  const files = derived()
  const wrong = stale(files)
  if (check) {
    for (const file of wrong) process.stdout.write(`${file} is not current: node infra/derive.ts\n`)
    process.exitCode = wrong.length > 0 ? 1 : 0
    return
  }
  mkdirSync(join(root, folder), { recursive: true })
  for (const file of wrong) {
    const text = files.get(file)
    if (text === undefined) rmSync(join(root, file))
    else writeFileSync(join(root, file), text)
    process.stdout.write(`${file}\n`)
  }
}

if (import.meta.main) main(process.argv.includes('--check'))

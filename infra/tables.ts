/** The tables of infra/tables.yml as the requests that make them anywhere else: for localstack/init. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { root } from './catalog.ts'

interface Table {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
}

const shape = ['BillingMode', 'AttributeDefinitions', 'KeySchema', 'GlobalSecondaryIndexes'] as const
const expiry = ['TimeToLiveSpecification'] as const

const only = (properties: Table['Properties'], names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, properties[name]]))

/** What CreateTable and UpdateTimeToLive are asked, but for the table's name; by the file that holds it. */
export function tableRequests(): ReadonlyMap<string, object> {
  const { Resources } = parse(readFileSync(join(root, 'infra/tables.yml'), 'utf8'))
  const requests = Object.entries<Table>(Resources).flatMap(([id, { Properties }]): [string, object][] => {
    const name = `${id.replace(/Table$/, '').toLowerCase()}-table`
    return [
      [`create-${name}.json`, only(Properties, shape)],
      [`expire-${name}.json`, only(Properties, expiry)],
    ]
  })
  return new Map(requests)
}

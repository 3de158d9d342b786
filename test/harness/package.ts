/** What `serverless package` has written, read as a deployment would. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Resource, Template } from '../../infra/stacks.ts'

export const folder = fileURLToPath(new URL('../../.serverless/', import.meta.url))

const service = 'cloudformation-template-update-stack.json'

/** Every stack's template by its file, the service's first. */
export function templates(): ReadonlyMap<string, Template> {
  const nested = readdirSync(folder).filter((name) => /^cloudformation-template-(?!create|update).*\.json$/.test(name))
  return new Map(
    [service, ...nested].map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as Template]),
  )
}

/** The resources of a type in all stacks, by their logical id. */
export const resourcesOf = (type: string): readonly (readonly [string, Resource])[] =>
  [...templates().values()].flatMap(({ Resources }) =>
    Object.entries(Resources).filter(([, resource]) => resource.Type === type),
  )

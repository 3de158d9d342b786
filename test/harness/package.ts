/** What `serverless package` has written, read as a deployment would. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Resource, Template } from '../../infra/stacks.ts'

/** As it comes; and with AWS's own callers, in a network that exists, its tables under a key of the owner's. */
export const folder = fileURLToPath(new URL('../../.serverless/', import.meta.url))
export const variantFolder = fileURLToPath(new URL('../../.keystead/package-variant', import.meta.url))

const service = 'cloudformation-template-update-stack.json'

/** Every stack's template by its file, the service's first. */
export function templates(folder: string): ReadonlyMap<string, Template> {
  const nested = readdirSync(folder).filter((name) => /^cloudformation-template-(?!create|update).*\.json$/.test(name))
  return new Map(
    [service, ...nested].map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as Template]),
  )
}

/** The resources of a type in all stacks, by their logical id. */
export const resourcesOf = (type: string, from = folder): readonly (readonly [string, Resource])[] =>
  [...templates(from).values()].flatMap(({ Resources }) =>
    Object.entries(Resources).filter(([, resource]) => resource.Type === type),
  )

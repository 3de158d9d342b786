/** The registry and the tree of functions, held against each other: what everything derived starts from. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { iamApi } from '../functions/identity/iam.ts'
import { stsApi } from '../functions/identity/sts.ts'
import { operations } from '../functions/index.ts'
import { schedules } from '../functions/scheduled/index.ts'
import type { QueryApi } from '../lib/http/query.ts'
import type { AnyOperation } from '../lib/operation.ts'
import type { Schedule } from '../lib/scheduled.ts'
import type { QueryService } from '../lib/services.ts'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The Lambda behind `POST /`. */
export const frontDoor = 'front-door'

/** The Lambda that describes the API, unsigned. */
export const documents = 'documents'

/** The Lambda that other Regions talk to. */
export const peers = 'peers'

export interface Entry {
  readonly operation: AnyOperation
  readonly group: string
  /** The action in kebab-case: the file's, the bundle's and the Lambda's name. */
  readonly kebab: string
  /** From the root of the tree. */
  readonly file: string
  readonly method: string
  readonly path: string
}

export const kebabOf = (name: string): string =>
  name.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase()

/**
 * Every operation with its file, in the registry's order.
 * @throws Error when the registry and the tree differ, or two operations share a route
 */
export function catalog(all: readonly AnyOperation[] = operations, files = operationFiles()): readonly Entry[] {
  const entries = all.map((operation) => {
    const kebab = kebabOf(operation.name)
    const found = files.filter((file) => file.endsWith(`/${kebab}.ts`))
    const [file] = found
    if (file === undefined || found.length > 1)
      throw new Error(`${operation.name} needs one file functions/<group>/${kebab}.ts`)
    const [method = '', path = ''] = operation.route.split(' ')
    return { operation, group: file.split('/')[1] ?? '', kebab, file, method, path }
  })
  const known = new Set(entries.map(({ file }) => file))
  const stray = files.find((file) => !known.has(file))
  if (stray !== undefined) throw new Error(`${stray} holds no operation of the registry`)
  const routes = new Set<string>()
  for (const { operation, method, path } of entries) {
    const shape = `${method} ${path.replace(/\{\w+\}/g, '{}')}`
    if (routes.has(shape))
      throw new Error(`${operation.name} has a route that another operation has: ${operation.route}`)
    routes.add(shape)
    for (const [, member = ''] of path.matchAll(/\{(\w+)\}/g)) {
      if (!Object.hasOwn(operation.input.members, member))
        throw new Error(`${operation.name} has no ${member} for its route`)
    }
  }
  return entries
}

export interface ScheduleEntry {
  readonly schedule: Schedule
  readonly kebab: string
  readonly file: string
}

/**
 * Every scheduled function with its file.
 * @throws Error when the registry and the tree differ
 */
export function scheduleCatalog(
  all: readonly Schedule[] = schedules,
  files = filesIn('scheduled'),
): readonly ScheduleEntry[] {
  const entries = all.map((schedule) => {
    const kebab = kebabOf(schedule.name)
    return { schedule, kebab, file: `${scheduled}${kebab}.ts` }
  })
  const known = entries.map(({ file }) => file)
  const odd = [...known.filter((file) => !files.includes(file)), ...files.filter((file) => !known.includes(file))]
  if (odd.length > 0) throw new Error(`${odd.join(', ')}: not both in the registry of schedules and in the tree`)
  return entries
}

const scheduled = 'functions/scheduled/'
const identity = 'functions/identity/'

/**
 * Whether a scheduled function is to reach the HSM: to make or use key material, or to sign what it tells other Regions.
 * Nobody signs for it, so it has no signature to verify.
 */
export const reachesHsm = ({ schedule: { needs } }: ScheduleEntry): boolean =>
  needs.includes('hsm') || needs.includes('peers')

export interface ServiceEntry {
  readonly kebab: QueryService['name']
  readonly file: string
  readonly summary: string
  readonly actions: readonly AnyOperation[]
  readonly routes: readonly string[]
}

/** The services that are one Lambda each: their actions are told apart by what no gateway routes by. */
export const serviceCatalog = (apis: readonly QueryApi[] = [iamApi, stsApi]): readonly ServiceEntry[] =>
  apis.map(({ service: { name, presigned }, actions }) => ({
    kebab: name,
    file: `${identity}${name}.ts`,
    summary: `Every action of ${name.toUpperCase()}, by its form's Action.`,
    actions,
    routes: (presigned ? ['POST', 'GET'] : ['POST']).map((method) => `${method} /${name}`),
  }))

const filesIn = (group: string): readonly string[] =>
  readdirSync(join(root, 'functions', group))
    .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    .map((file) => `functions/${group}/${file}`)
    .sort()

function operationFiles(): readonly string[] {
  return readdirSync(join(root, 'functions'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /^\w+\/[\w-]+\.ts$/.test(file))
    .map((file) => `functions/${file}`)
    .filter((file) => !file.startsWith(scheduled) && !file.startsWith(identity))
    .sort()
}

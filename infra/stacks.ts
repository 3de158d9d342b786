/**
 * Takes what belongs to a Lambda alone out of the service's stack into a nested one, a stack for each folder of
 * functions: CloudFormation has a limit of 500 resources a stack, and a Lambda with its role, log group, permission,
 * integration and routes is six. What several Lambdas share stays, and comes to them as parameters.
 *
 * `infra/bundle-plugin.cjs` runs this file: a template on standard input, the templates on standard output.
 */
import { text } from 'node:stream/consumers'
import { catalog, scheduleCatalog, serviceCatalog } from './catalog.ts'

export interface Resource {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
  readonly DependsOn?: string | readonly string[]
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly [section: string]: unknown
}

/** What one Lambda has for itself. */
const own = new Set([
  'AWS::Lambda::Function',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Permission',
  'AWS::Logs::LogGroup',
  'AWS::IAM::Role',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::Events::Rule',
])

/** Well below CloudFormation's 500: there must be room for a new group's before this is noticed. */
export const mostResources = 400

/** The folder of each Lambda; the few that have none stay in the service's own stack. */
export const groups = (): ReadonlyMap<string, string> =>
  new Map([
    ...catalog().map(({ kebab, group }) => [kebab, group] as const),
    ...serviceCatalog().map(({ kebab }) => [kebab, 'identity'] as const),
    ...scheduleCatalog().map(({ kebab }) => [kebab, 'scheduled'] as const),
  ])

/** The name that stands for a resource, or an attribute of it; undefined leaves it as it is. */
type Rename = (id: string, attribute?: string) => string | undefined

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** @throws Error for a form of reference that no template here has: one that is not seen is one that breaks */
function renamed(value: unknown, rename: Rename): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename))
  if (!isObject(value)) return value
  const { Ref: id, 'Fn::GetAtt': attribute, 'Fn::Sub': sub, Condition: condition } = value
  if (typeof id === 'string') return { Ref: rename(id) ?? id }
  if (Array.isArray(attribute)) {
    const name = rename(String(attribute[0]), String(attribute[1]))
    return name === undefined ? value : { Ref: name }
  }
  if (typeof sub === 'string') {
    const named = (all: string, id: string, attribute?: string) => {
      const name = rename(id, attribute)
      return name === undefined ? all : `\${${name}}`
    }
    return { 'Fn::Sub': sub.replace(/\$\{([\w:]+)(?:\.(\w+))?\}/g, named) }
  }
  if (attribute !== undefined || sub !== undefined || typeof condition === 'string')
    throw new Error(`a reference that stacks cannot be split by: ${JSON.stringify(value)}`)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, renamed(each, rename)]))
}

function referencesOf(value: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  renamed(value, (id) => {
    found.add(id)
    return undefined
  })
  return found
}

const dependsOn = ({ DependsOn = [] }: Resource): readonly string[] => [DependsOn].flat()

/** The Serverless Framework names what a reference says already; the rest is for resources of the same stack. */
function tidy(resource: Resource, here: ReadonlySet<string>): Resource {
  const { DependsOn: _, ...rest } = resource
  const said = referencesOf(rest)
  const left = dependsOn(resource).filter((id) => here.has(id) && !said.has(id))
  return left.length > 0 ? { ...rest, DependsOn: left } : rest
}

/** The Lambda of a resource of its: found by what refers to it, and by what it refers to. */
function lambdasOf(resources: Template['Resources']): ReadonlyMap<string, string> {
  const mine = Object.entries(resources).filter(([, { Type }]) => own.has(Type))
  const links = mine.flatMap(([id, resource]) =>
    [...referencesOf(resource.Properties), ...dependsOn(resource)].map((to) => [id, to] as const),
  )
  const lambdas = new Map<string, string>()
  for (const [id, { Properties }] of mine) {
    const kebab = /^dist\/([\w-]+)\.handler$/.exec(String(Properties?.Handler))?.[1]
    if (kebab !== undefined) lambdas.set(id, kebab)
  }
  const ids = new Set(mine.map(([id]) => id))
  for (let before = -1; before < lambdas.size; ) {
    before = lambdas.size
    for (const [a, b] of links.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])) {
      const lambda = lambdas.get(a)
      if (lambda === undefined || !ids.has(b)) continue
      const other = lambdas.get(b) ?? lambda
      if (other !== lambda) throw new Error(`${b} is of two Lambdas, ${other} and ${lambda}`)
      lambdas.set(b, lambda)
    }
  }
  return lambdas
}

const pascal = (kebab: string): string => kebab.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())

interface Nested {
  readonly template: Template
  /** What the service's stack gives it, by the parameter's name. */
  readonly given: Readonly<Record<string, unknown>>
}

function nested(group: string, resources: Template['Resources']): Nested {
  const here = new Set(Object.keys(resources))
  const given: Record<string, unknown> = {}
  const parameter: Rename = (id, attribute = '') => {
    if (here.has(id) || id.startsWith('AWS::')) return undefined
    const name = `${id}${attribute}`
    given[name] = attribute === '' ? { Ref: id } : { 'Fn::GetAtt': [id, attribute] }
    return name
  }
  const moved = Object.entries(resources).map(([id, resource]) => {
    const properties = renamed(resource.Properties, parameter)
    return [id, tidy({ ...resource, Properties: properties as Resource['Properties'] & object }, here)] as const
  })
  const Parameters = Object.fromEntries(Object.keys(given).map((name) => [name, { Type: 'String' }]))
  const Description = `Keystead: the functions of functions/${group}`
  const template = {
    AWSTemplateFormatVersion: '2010-09-09',
    Description,
    Parameters,
    Resources: Object.fromEntries(moved),
  }
  return { template, given }
}

export const fileOf = (group: string): string => `cloudformation-template-${group}-stack.json`

/**
 * @param folder of the deployment's artifacts in its bucket
 * @returns the service's template, and those of the nested stacks by their file
 * @throws Error when a resource is of two Lambdas, or what stays refers to what goes
 */
export function split(
  template: Template,
  folder: string,
  groupOf: ReadonlyMap<string, string> = groups(),
): { readonly root: Template; readonly nested: Readonly<Record<string, Template>> } {
  const lambdas = lambdasOf(template.Resources)
  const stackOf = (id: string): string | undefined => groupOf.get(lambdas.get(id) ?? '')
  const entries = Object.entries(template.Resources)
  const byGroup = Map.groupBy(entries, ([id]) => stackOf(id))
  const staying = byGroup.get(undefined) ?? []
  byGroup.delete(undefined)
  const Resources: Record<string, Resource> = {}
  const files: Record<string, Template> = {}
  const here = new Set(staying.map(([id]) => id))
  for (const [id, resource] of staying) Resources[id] = tidy(resource, here)
  for (const [group = '', resources] of byGroup) {
    const { template, given: Parameters } = nested(group, Object.fromEntries(resources))
    const url = `https://\${ServerlessDeploymentBucket}.s3.\${AWS::Region}.\${AWS::URLSuffix}/${folder}/${fileOf(group)}`
    const Properties = { TemplateURL: { 'Fn::Sub': url }, Parameters }
    Resources[`${pascal(group)}Stack`] = { Type: 'AWS::CloudFormation::Stack', Properties }
    files[fileOf(group)] = template
  }
  const root: Template = { ...template, Resources }
  const lost = [...referencesOf([root.Resources, root.Outputs])].find((id) => stackOf(id) !== undefined)
  if (lost !== undefined) throw new Error(`${lost} is in a stack of its group, and referred to from outside it`)
  for (const [file, { Resources }] of [['the service', root] as const, ...Object.entries(files)]) {
    const count = Object.keys(Resources).length
    if (count > mostResources) throw new Error(`${file} stack has ${count} resources; at most ${mostResources}`)
  }
  return { root, nested: files }
}

if (import.meta.main) {
  const { template, folder } = JSON.parse(await text(process.stdin)) as { template: Template; folder: string }
  process.stdout.write(JSON.stringify(split(template, folder)))
}

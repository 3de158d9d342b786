/** What is derived from the registry is current, and says what it should. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { schedules } from '../functions/scheduled/index.ts'
import { catalog, frontDoor, kebabOf, scheduleCatalog, serviceCatalog } from '../infra/catalog.ts'
import { derived, stale, withConfiguration } from '../infra/derive.ts'
import { authorizedFunctionsOf, functionsOf, slashedRoutesOf } from '../infra/functions.ts'
import { openapiOf } from '../infra/openapi.ts'
import { roleOf, rolesOf } from '../infra/roles.ts'
import { yamlOf } from '../infra/yaml.ts'
import { settings } from '../lib/config.ts'
import type { AnyOperation, KeyRule } from '../lib/operation.ts'
import { deployed, permissionsOf, rolePolicies } from './harness/role-policies.ts'

const entries = catalog()
const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

test('every derived file is current', () => {
  expect(stale()).toEqual([])
})

test('a derived file that differs, is missing or is strange is named', () => {
  const files = new Map(derived())
  files.delete('infra/derived/roles.yml')
  files.set('infra/derived/actions.md', 'other')
  files.set('infra/derived/new.md', 'new')
  expect(stale(files)).toEqual(['infra/derived/actions.md', 'infra/derived/new.md', 'infra/derived/roles.yml'])
})

describe('the catalog', () => {
  const [entry] = entries
  const operation: AnyOperation = { ...(entry?.operation as AnyOperation), name: 'PutName', route: 'PUT /names' }
  const file = 'functions/keys/put-name.ts'

  test('finds an operation by its name in kebab-case', () => {
    expect(catalog([operation], [file])).toMatchObject([
      { kebab: 'put-name', group: 'keys', file, method: 'PUT', path: '/names' },
    ])
    expect(kebabOf('GenerateDataKeyWithoutPlaintext')).toBe('generate-data-key-without-plaintext')
  })
  test('refuses an operation without a file, or with two', () => {
    const refusal = 'PutName needs one file functions/<group>/put-name.ts'
    expect(() => catalog([operation], [])).toThrow(refusal)
    expect(() => catalog([operation], [file, 'functions/tags/put-name.ts'])).toThrow(refusal)
  })
  test('refuses a file without an operation', () => {
    expect(() => catalog([], [file])).toThrow(`${file} holds no operation of the registry`)
  })
  test('refuses two operations on one route', () => {
    const other = { ...operation, name: 'PutOther' }
    expect(() => catalog([operation, other], [file, 'functions/keys/put-other.ts'])).toThrow(
      'PutOther has a route that another operation has: PUT /names',
    )
  })
  test('refuses a route with a member that the input has not', () => {
    expect(() => catalog([{ ...operation, route: 'PUT /names/{NoSuch}' }], [file])).toThrow(
      'PutName has no NoSuch for its route',
    )
  })
})

test('the registry of scheduled functions and their files must agree', () => {
  expect(() => scheduleCatalog([], ['functions/scheduled/stray.ts'])).toThrow('functions/scheduled/stray.ts')
  expect(() => scheduleCatalog(schedules, [])).toThrow('functions/scheduled/rotate-key.ts')
})

interface Statement {
  readonly Effect: string
  readonly Action: readonly string[]
  readonly Resource: readonly unknown[]
}
const statementsOf = (id: string): readonly Statement[] => {
  const role = rolesOf(entries).Resources[id]
  if (!role) throw new Error(`no role ${id}`)
  return role.Properties.Policies.flatMap(({ PolicyDocument }) => [...PolicyDocument.Statement])
}
/** What a role may change of the store: action and partition. */
function changesOf(role: string): readonly string[] {
  const policy = rolePolicies().get(role)
  if (!policy) throw new Error(`no role ${role}`)
  return permissionsOf(policy)
    .filter(
      ({ action, resource }) => /:(?:PutItem|DeleteItem)$/.test(action) && resource.endsWith(`/${deployed.store}`),
    )
    .map(({ action, partition }) => `${action.slice('dynamodb:'.length)} ${partition}`)
}

describe('roles', () => {
  const roles = rolesOf(entries)

  test('every Lambda has one of its own', () => {
    const wanted = Object.values(functionsOf(entries)).map(({ role }) => role)
    expect(new Set(wanted).size).toBe(entries.length + scheduleCatalog().length + serviceCatalog().length + 3)
    expect(Object.keys(roles.Resources).sort()).toEqual(wanted.toSorted())
  })
  test('none names a resource or an action by a wildcard', () => {
    for (const id of Object.keys(roles.Resources)) {
      for (const { Action, Resource, Effect } of statementsOf(id)) {
        // Of network interfaces nobody knows the ids before; what is denied may be everything.
        const unknown = Effect === 'Deny' || Action.every((action) => action.startsWith('ec2:'))
        if (!unknown) expect(JSON.stringify([Action, Resource])).not.toContain('*')
      }
    }
  })
  test('every resource named is made by a template', () => {
    const templates =
      read('infra/tables.yml') + read('infra/hsm.yml') + read('infra/audit.yml') + read('infra/lost-ticks.yml')
    const named = JSON.stringify(roles).matchAll(/"(?:Ref":|Fn::GetAtt":\[|Fn::Sub":)"(?!arn:)(?:\$\{)?(\w+)/g)
    const made = new Set(Array.from(named, ([, id = '']) => id).filter((id) => !id.endsWith('LogGroup')))
    expect([...made].sort()).toEqual(['AuditTable', 'HsmPin', 'KeyEvents', 'LostTicks', 'StoreTable'])
    for (const id of made) expect(templates).toMatch(new RegExp(`^ {2}${id}:$`, 'm'))
  })
  test('an operation that only reads changes nothing but last uses: of keys that it uses, of access keys that sign', () => {
    for (const { operation, kebab } of entries.filter(({ operation }) => operation.readOnly)) {
      const uses = Object.values<KeyRule>(operation.on).some(({ usage }) => usage)
      expect([kebab, changesOf(roleOf(kebab))]).toEqual([kebab, [uses ? 'PutItem USE#*' : 'PutItem USE#AKIA*']])
    }
  })
  test('an operation can change what it needs and nothing else', () => {
    expect(changesOf('DisableKeyRole')).toEqual(['PutItem KEY#*', 'PutItem USE#AKIA*'])
    expect(changesOf('DeleteAliasRole')).toEqual(['PutItem USE#AKIA*', 'DeleteItem ALIAS#*'])
    expect(changesOf('StsRole')).toEqual(['PutItem ACCESSKEY#session-sealing', 'PutItem USE#AKIA*'])
  })
  test('whoever has the store can ask whether it is half restored, and nobody can say that it is not', () => {
    for (const id of Object.keys(roles.Resources).filter((each) => each !== 'DocumentsRole')) {
      const asked = statementsOf(id).filter((each) => JSON.stringify(each).includes('"RESTORE"'))
      expect([id, asked.length]).toEqual([id, 1])
      for (const { Action } of asked) {
        expect(Action.filter((each) => !/^dynamodb:(?:GetItem|Query)$/.test(each))).toEqual([])
      }
    }
  })
})

describe('the API description', () => {
  const api = openapiOf(entries) as { paths: Record<string, Record<string, Described>> }
  interface Described {
    operationId: string
    parameters?: { name: string; in: string; required: boolean }[]
    requestBody?: { content: Record<string, { schema: { properties: object; required?: string[] } }> }
  }

  test('has every operation, by its route', () => {
    const described = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(entries.map(({ operation }) => `${operation.name}: ${operation.route}`).sort())
  })
  test('has a place for every member of an input, and demands those that are required', () => {
    for (const { operation, method, path } of entries) {
      const { parameters = [], requestBody } = api.paths[path]?.[method.toLowerCase()] ?? {}
      const body = requestBody?.content['application/json']?.schema
      const places = [...parameters.map(({ name }) => name), ...Object.keys(body?.properties ?? {})]
      expect([operation.name, places.sort()]).toEqual([operation.name, Object.keys(operation.input.members).sort()])
      const demanded = [
        ...parameters.filter(({ required }) => required).map(({ name }) => name),
        ...(body?.required ?? []),
      ]
      expect(demanded).toEqual(expect.arrayContaining((operation.input.json.required as string[] | undefined) ?? []))
    }
  })
})

test('behind the gateway’s authorizer are the RESTful routes, each of them, and no other', () => {
  const authorized = authorizedFunctionsOf(entries)
  const usual = functionsOf(entries)
  const operations = entries.map(({ kebab, method, path }) => {
    expect(authorized[kebab]?.events).toEqual([{ httpApi: { method, path, authorizer: { type: 'aws_iam' } } }])
    expect({ ...authorized[kebab], events: usual[kebab]?.events }).toEqual(usual[kebab])
    return kebab
  })
  const others = (all: typeof usual) => Object.entries(all).filter(([kebab]) => !operations.includes(kebab))
  expect(others(authorized)).toEqual(others(usual))
  expect(Object.keys(authorized).sort()).toEqual(Object.keys(usual).sort())
})

test('IAM and STS are one Lambda each, at the paths that an endpoint of theirs gives clients', () => {
  const routes = (name: string) => functionsOf(entries)[name]?.events
  expect(routes('iam')).toEqual([{ httpApi: 'POST /iam' }])
  expect(routes('sts')).toEqual([{ httpApi: 'POST /sts' }, { httpApi: 'GET /sts' }])
  const slashed = Object.values(slashedRoutesOf().Resources).map(({ Properties }) => Properties.RouteKey)
  expect(slashed).toEqual(['POST /iam/', 'POST /sts/', 'GET /sts/', 'GET /docs/'])
})

test('the front door is the Lambda of POST /, and answers health checks', () => {
  expect(functionsOf(entries)[frontDoor]?.events).toEqual([
    { httpApi: 'POST /' },
    { httpApi: 'GET /' },
    { httpApi: 'GET /health' },
  ])
})

test("the README's table has every setting, and writing it again changes nothing", () => {
  const once = withConfiguration(
    'before\n<!-- derived: configuration -->\nthe table of before\n<!-- /derived -->\nafter\n',
  )
  expect(once).toMatch(/^before\n[\s\S]*\nafter\n$/)
  expect(once).not.toContain('the table of before')
  for (const name of Object.keys(settings)) expect(once).toContain(`| \`${name}\` |`)
  expect(withConfiguration(once)).toBe(once)
  expect(() => withConfiguration('nothing')).toThrow('README.md has no <!-- derived: configuration -->')
})

test('text that either YAML would read as something else is quoted', () => {
  const texts = [
    'a',
    'true',
    'No',
    '1',
    '-a',
    'a: b',
    'a #b',
    'a:',
    '!**',
    '*',
    '',
    "it's",
    '2012-10-17',
    'a\nb',
    '{a}',
    '#a',
    'a "b" c',
    ' a',
  ]
  for (const version of ['1.1', '1.2'] as const) expect(parse(yamlOf(texts), { version })).toEqual(texts)
  expect(yamlOf({ key: [{ one: 1, none: [] }, { two: { three: true } }], four: {} })).toBe(
    'key:\n  - one: 1\n    none: []\n  - two:\n      three: true\nfour: {}\n',
  )
})

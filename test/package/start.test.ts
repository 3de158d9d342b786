/**
 * Every artifact starts: unpacked as Lambda does it, loaded by a runtime like Lambda's with the environment that its
 * template gives it, it opens a real token by the add-on it carries, and answers an event.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { json } from 'node:stream/consumers'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { catalog, documents, frontDoor, peers, scheduleCatalog, serviceCatalog } from '../../infra/catalog.ts'
import { auditTable } from '../../lib/sinks/places.ts'
import { createTableIfMissing, tableDefinition } from '../../lib/store/table.ts'
import { type FirstAnswer, firstAnswer } from '../harness/lambda-runtime.ts'
import { folder, resourcesOf } from '../harness/package.ts'
import { provisionedToken } from '../harness/token.ts'
import { unzip } from '../harness/zip.ts'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server
const credentials = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'of-the-role', sessionToken: 'session-of-the-role' }
const secretArn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:keystead-prod/hsm-pin-AbCdEf'

/** What CloudFormation would put where the templates refer to something. */
const references: Readonly<Record<string, string>> = {
  'AWS::AccountId': '000000000000',
  'AWS::Region': 'us-east-1',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  StoreTable: 'keystead-prod',
  AuditTable: 'keystead-prod-audit',
  KeyEvents: 'keystead-prod',
  HsmPin: secretArn,
}
const reference = (id: string): string => {
  const value = references[id]
  if (value === undefined) throw new Error(`no value for ${id}`)
  return value
}
type Value = string | { readonly Ref: string } | { readonly 'Fn::Sub': string }
const resolved = (value: Value): string => {
  if (typeof value === 'string') return value
  return 'Ref' in value ? reference(value.Ref) : value['Fn::Sub'].replace(/\$\{([\w:]+)\}/g, (_, id) => reference(id))
}

interface Packaged {
  readonly Handler: string
  readonly Timeout: number
  readonly Code: { readonly S3Key: string }
  readonly Environment: { readonly Variables: Readonly<Record<string, Value>> }
}
const packaged = new Map(
  resourcesOf('AWS::Lambda::Function').map(([, { Properties }]) => {
    const lambda = Properties as unknown as Packaged
    return [basename(lambda.Handler, '.handler'), lambda] as const
  }),
)

const token = provisionedToken()
const database = dynalite({ createTableMs: 0 })
const secretsAsked: unknown[] = []
/** AWS Secrets Manager, as far as one call goes. */
const secrets = createServer(async (request, response) => {
  const { 'x-amz-target': target, authorization = '', 'x-amz-security-token': session } = request.headers
  secretsAsked.push({
    target,
    session,
    body: await json(request),
    signed: /SignedHeaders=([^,]+)/.exec(authorization)?.[1],
  })
  response.end(JSON.stringify({ ARN: secretArn, SecretString: token.pin }))
})
const listening = (server: Server): Promise<string> =>
  new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  )

let directory: string
let substitutes: Readonly<Record<string, string>>

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'keystead-package-'))
  const endpoint = await listening(database)
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
  await createTableIfMissing(client, tableDefinition(reference('StoreTable')))
  await createTableIfMissing(client, auditTable(reference('AuditTable')))
  client.destroy()
  // What this machine has instead of AWS: SoftHSM for CloudHSM, and DynamoDB and Secrets Manager on loopback.
  substitutes = {
    KEYSTEAD_DYNAMODB_ENDPOINT: endpoint,
    KEYSTEAD_SECRETS_ENDPOINT: await listening(secrets),
    KEYSTEAD_HSM_PROFILE: 'softhsm',
    KEYSTEAD_HSM_MODULE: token.module,
    KEYSTEAD_HSM_TOKEN_DIRECTORY: token.tokenDirectory,
  }
})
afterAll(() => {
  database.close()
  secrets.close()
  rmSync(directory, { recursive: true, force: true })
})

/** The function's artifact, unpacked in a place of its own, and handed one event. */
async function begun(name: string, event: object): Promise<FirstAnswer> {
  const lambda = packaged.get(name)
  if (!lambda) throw new Error(`${name} is not packaged`)
  const task = join(directory, name, 'task')
  const home = join(directory, name, 'tmp')
  mkdirSync(home, { recursive: true })
  unzip(join(folder, basename(lambda.Code.S3Key)), task)
  const variables = Object.entries(lambda.Environment.Variables).map(([name, value]) => [name, resolved(value)])
  return firstAnswer(
    {
      directory: task,
      handler: lambda.Handler,
      timeoutMs: lambda.Timeout * 1000,
      env: {
        ...Object.fromEntries(variables),
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_SESSION_TOKEN: credentials.sessionToken,
        ...substitutes,
        KEYSTEAD_HOME: home,
      },
    },
    event,
  )
}

const started = async (name: string, event: object): Promise<unknown> => (await begun(name, event)).answer

const http = (route: string, headers: Readonly<Record<string, string>> = {}, body = '{}') => {
  const [method = '', path = ''] = route.split(' ')
  const rawPath = path.replace(/\{\w+\}/g, '1234abcd-12ab-34cd-56ef-1234567890ab')
  return {
    version: '2.0',
    routeKey: route,
    rawPath,
    rawQueryString: '',
    headers: { host: 'example.execute-api.us-east-1.amazonaws.com', 'x-forwarded-proto': 'https', ...headers },
    requestContext: {
      domainName: 'example.execute-api.us-east-1.amazonaws.com',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '203.0.113.5', userAgent: 'test' },
    },
    pathParameters: Object.fromEntries(
      Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => [name, '1234abcd-12ab-34cd-56ef-1234567890ab']),
    ),
    ...(method === 'GET' ? {} : { body }),
    isBase64Encoded: false,
  }
}

interface Answer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
/** All that comes through the gateway came over TLS. */
const secured = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Strict-Transport-Security': 'max-age=63072000',
  'X-Content-Type-Options': 'nosniff',
}
const sign = { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' }

const tick = { version: '0', source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }

describe.concurrent('a packaged function that is called when something may be due', () => {
  test.each(scheduleCatalog().map(({ kebab, schedule }) => [kebab, schedule.name]))(
    '%s answers what it has done',
    async (name, task) => {
      expect(await started(name, tick)).toMatchObject({ name: task, done: 0, failed: 0 })
    },
  )
})

test('nobody opened the HSM for nothing', () => {
  expect(secretsAsked).toEqual([])
})

describe.concurrent('a packaged function starts and answers', () => {
  test.each(catalog().map(({ kebab, operation }) => [kebab, operation.route]))(
    '%s, to an unsigned request, that it is not signed',
    async (name, route) => {
      const { statusCode, headers, body } = (await started(name, http(route))) as Answer
      expect([statusCode, JSON.parse(body)]).toEqual([400, expect.objectContaining(sign)])
      expect(headers).toMatchObject(secured)
    },
  )

  test.each(serviceCatalog().map(({ kebab, routes }) => [kebab, routes[0] ?? '']))(
    '%s, to an unsigned form, that it is not signed',
    async (name, route) => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const version = name === 'iam' ? '2010-05-08' : '2011-06-15'
      const action = name === 'iam' ? 'ListUsers' : 'GetCallerIdentity'
      const { statusCode, headers, body } = (await started(
        name,
        http(route, type, `Action=${action}&Version=${version}`),
      )) as Answer
      expect(statusCode).toBe(403)
      expect(headers).toMatchObject(secured)
      expect(body).toContain('<Code>MissingAuthenticationToken</Code>')
    },
  )

  test('the front door, that store and HSM are there', async () => {
    const event = { ...http('GET /health'), rawQueryString: 'deep' }
    expect(await started(frontDoor, event)).toMatchObject({ statusCode: 200, headers: secured })
  })
  test('the description of the API, to anybody', async () => {
    const { statusCode, headers, body } = (await started(documents, http('GET /openapi.json'))) as Answer
    expect([statusCode, JSON.parse(body).openapi]).toEqual([200, expect.stringMatching(/^3\./)])
    const strict = 'Strict-Transport-Security'
    expect(headers).toMatchObject({ [strict]: secured[strict], 'Content-Security-Policy': expect.any(String) })
  })
  test('the peers’ Lambda, to nobody that it knows', async () => {
    const { statusCode } = (await started(peers, http('POST /peers'))) as Answer
    expect([400, 403]).toContain(statusCode)
  })
})

test('sealing opens the HSM, once there is something to seal', async () => {
  const before = secretsAsked.length
  const { done, ...rest } = (await started('seal-audit-log', tick)) as { done: number }
  expect(rest).toMatchObject({ name: 'SealAuditLog', failed: 0 })
  expect(done).toBeGreaterThan(50)
  expect(secretsAsked).toHaveLength(before + 1)
})

test('those that opened the HSM had the PIN from the secret, in requests signed whole, and nobody else asked', () => {
  // All but the description of the API and the schedules, of which one has had something to do.
  expect(secretsAsked).toHaveLength(packaged.size - 1 - scheduleCatalog().length + 1)
  for (const each of secretsAsked) {
    expect(each).toEqual({
      target: 'secretsmanager.GetSecretValue',
      session: credentials.sessionToken,
      body: { SecretId: secretArn },
      signed: 'content-type;host;x-amz-date;x-amz-security-token;x-amz-target',
    })
  }
})

describe('each kind of bundle', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const kinds: readonly (readonly [name: string, event: object])[] = [
    [frontDoor, { ...http('GET /health'), rawQueryString: 'deep' }],
    ['encrypt', http('POST /keys/{KeyId}/encrypt')],
    ['iam', http('POST /iam', form, 'Action=ListUsers&Version=2010-05-08')],
    ['sts', http('POST /sts', form, 'Action=GetCallerIdentity&Version=2011-06-15')],
    ['rotate-key', tick],
    [peers, http('POST /peers')],
    [documents, http('GET /openapi.json')],
  ]
  // On the processor: how long a busy machine has it wait says nothing of the bundle.
  test.each(kinds)('%s gives its first answer within 300 ms of processor time', async (name, event) => {
    let best = await begun(name, event)
    // A neighbour on the same core takes its share of the caches, too.
    for (let tries = 1; best.cpuMs >= 300 && tries < 10; tries++) {
      const next = await begun(name, event)
      if (next.cpuMs < best.cpuMs) best = next
    }
    process.stderr.write(`${name}: ${best.cpuMs.toFixed(0)} ms of processor time, ${best.ms.toFixed(0)} ms in all\n`)
    expect(best.cpuMs).toBeLessThan(300)
  })

  test('is less than a megabyte of JavaScript, for every function', () => {
    const sizes = [...packaged.keys()].map((name) => {
      const { size } = statSync(join(directory, name, 'task/dist', `${name}.mjs`))
      return [name, size] as const
    })
    const bySize = sizes.toSorted(([, a], [, b]) => b - a)
    const shown = bySize.map(([name, size]) => `${name} ${Math.round(size / 1000)}`)
    process.stderr.write(`kB of JavaScript: ${shown.join(', ')}\n`)
    expect(bySize.filter(([, size]) => size >= 1_000_000)).toEqual([])
  })
})

test('an artifact is small, and holds its bundle and the add-on and no more', () => {
  for (const [name, { Code }] of packaged) {
    const file = join(folder, basename(Code.S3Key))
    expect([name, statSync(file).size < 1_000_000]).toEqual([name, true])
  }
  const names = unzip(join(folder, 'encrypt.zip'), join(directory, 'names'))
  expect(names.toSorted()).toEqual([
    'dist/encrypt.mjs',
    'dist/node_modules/pkcs11js/LICENSE',
    'dist/node_modules/pkcs11js/build/Release/pkcs11.node',
    'dist/node_modules/pkcs11js/index.js',
    'dist/node_modules/pkcs11js/package.json',
  ])
  expect(readFileSync(join(directory, 'names/dist/encrypt.mjs')).length).toBeLessThan(1_000_000)
})

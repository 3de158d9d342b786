/**
 * The service, its audit trail, its backups and their restoration on the tables of a DynamoDB-compatible server, and what
 * of such a server they ask for.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DescribeTimeToLiveCommand, GetItemCommand } from '@aws-sdk/client-dynamodb'
import * as kms from '@aws-sdk/client-kms'
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documentedCalls, type Recorder, recordCalls, undocumented } from '../../scripts/table-calls.ts'
import { cleanEnv, credentialsIn, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import { signedHeaders } from '../harness/sign.ts'
import { openTableServer, type TableServer, tableCredentials, tableServerKind } from '../harness/table-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const desk = newHome()
const at = (name: string): string => join(desk, name)
/** Of this run alone, on a server that may outlive it. */
const tableNamed = (name: string): string => `${basename(desk)}-${name}`

let tables: TableServer
let recorder: Recorder
const running = new Set<RunningServer>()
beforeAll(async () => {
  tables = await openTableServer()
  recorder = await recordCalls(tables.endpoint)
})
afterAll(async () => {
  for (const server of running) await server.stop('SIGKILL')
  await recorder?.close()
  await tables?.close()
  removeHome(desk)
})

/** A deployment's settings: its home, and its tables. */
const settings = (home: string, table: string, more: Readonly<Record<string, string>> = {}) => ({
  ...tableCredentials,
  KEYSTEAD_HOME: at(home),
  KEYSTEAD_STORE: 'dynamodb',
  KEYSTEAD_DYNAMODB_ENDPOINT: recorder.endpoint,
  KEYSTEAD_TABLE: tableNamed(table),
  KEYSTEAD_AUDIT_TABLE: `${tableNamed(table)}-audit`,
  ...more,
})
type Settings = ReturnType<typeof settings>

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
const started = (args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess =>
  spawn(process.execPath, args, { cwd: root, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
async function ended(child: ChildProcess): Promise<Ran> {
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', (chunk) => (output[name] += String(chunk)))
  const [code] = await once(child, 'close')
  return { code, ...output }
}
const ran = (script: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> =>
  ended(started([join('scripts', `${script}.ts`), ...args], env))
async function done(script: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await ran(script, args, env)
  expect([code, stderr]).toEqual([0, ''])
  return stdout
}

async function start(env: Settings): Promise<{ readonly server: RunningServer; readonly client: kms.KMSClient }> {
  const server = await startServer('local', { home: env.KEYSTEAD_HOME, env })
  running.add(server)
  const { url, credentials } = server
  return { server, client: new kms.KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 }) }
}
async function stop(server: RunningServer): Promise<void> {
  running.delete(server)
  expect(await server.stop()).toBe(0)
}

const createdKey = async (client: kms.KMSClient): Promise<string> =>
  (await client.send(new kms.CreateKeyCommand({}))).KeyMetadata?.KeyId ?? ''
const message = Buffer.from('kept on a table')
const encrypted = async (client: kms.KMSClient, KeyId: string): Promise<Uint8Array | undefined> =>
  (await client.send(new kms.EncryptCommand({ KeyId, Plaintext: message }))).CiphertextBlob
const opens = async (client: kms.KMSClient, CiphertextBlob: Uint8Array | undefined): Promise<void> => {
  const { Plaintext } = await client.send(new kms.DecryptCommand({ CiphertextBlob }))
  expect(Buffer.from(Plaintext ?? [])).toEqual(message)
}

type Item = Readonly<Record<string, unknown>>
async function itemsOf(table: string): Promise<readonly Item[]> {
  const documents = DynamoDBDocumentClient.from(tables.client)
  const items: Item[] = []
  let from: Record<string, unknown> | undefined
  do {
    const page = await documents.send(new ScanCommand({ TableName: table, ExclusiveStartKey: from }))
    items.push(...(page.Items ?? []))
    from = page.LastEvaluatedKey
  } while (from)
  return items
}

describe(`the audit trail in a table of ${tableServerKind}`, () => {
  interface Event {
    readonly EventName: string
    readonly EventId: string
  }
  async function lookUp({ url, credentials }: RunningServer, input: object): Promise<readonly Event[]> {
    const body = JSON.stringify(input)
    const target = 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents'
    const headers = await signedHeaders(
      {
        method: 'POST',
        target: '/',
        headers: { host: new URL(url).host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
        body,
      },
      credentials,
      { service: 'cloudtrail' },
    )
    const answer = await fetch(url, { method: 'POST', headers, body })
    expect(answer.status).toBe(200)
    return ((await answer.json()) as { readonly Events: readonly Event[] }).Events
  }
  const by = (AttributeKey: string, AttributeValue: string) => ({
    LookupAttributes: [{ AttributeKey, AttributeValue }],
  })

  test('is kept, looked up, sealed, exported and verified; what was changed in it is named', async () => {
    const env = settings('audited', 'audited', { KEYSTEAD_AUDIT_SINK: 'dynamodb', KEYSTEAD_AUDIT_KEEP_DAYS: '400' })
    await tables.makeTables(env.KEYSTEAD_TABLE)
    const { server, client } = await start(env)
    const [id, other] = [await createdKey(client), await createdKey(client)]
    const CiphertextBlob = await encrypted(client, id)
    await client.send(new kms.ReEncryptCommand({ CiphertextBlob, DestinationKeyId: other }))
    await expect(client.send(new kms.DescribeKeyCommand({ KeyId: 'alias/none' }))).rejects.toThrow('alias/none')
    // Records are sorted by second, and then by their ids.
    const namesBy = async (key: string, value: string) =>
      (await lookUp(server, by(key, value))).map(({ EventName }) => EventName).toSorted()
    const arn = `arn:aws:kms:us-east-1:000000000000:key/${other}`
    const soon = { timeout: 20_000, interval: 250 }
    await expect.poll(() => namesBy('ResourceName', arn), soon).toEqual(['CreateKey', 'ReEncrypt'])
    expect(await namesBy('EventName', 'Encrypt')).toEqual(['Encrypt'])
    const byRoot = (await namesBy('Username', 'root')).filter((name) => name !== 'LookupEvents')
    expect(byRoot).toEqual(['CreateKey', 'CreateKey', 'DescribeKey', 'Encrypt', 'ReEncrypt'])
    expect((await lookUp(server, {})).map(({ EventName }) => EventName)).toContain('LookupEvents')
    client.destroy()
    await stop(server)

    const table = env.KEYSTEAD_AUDIT_TABLE
    const records = (await itemsOf(table)).filter(({ record }) => record !== undefined)
    for (const { record, TTL } of records) {
      const { eventTime } = JSON.parse(String(record))
      // A day more than the digests, which are then gone first.
      expect(TTL).toBe(Date.parse(eventTime) / 1000 + 401 * 86_400)
    }
    if (tables.forgets) {
      const { TimeToLiveDescription } = await tables.client.send(new DescribeTimeToLiveCommand({ TableName: table }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'TTL', TimeToLiveStatus: 'ENABLED' })
    }

    const own = records.filter(({ PK }) => String(PK).startsWith('WRITER#'))
    expect(await done('audit-export', ['--out', at('trail')], env)).toMatch(new RegExp(`^${own.length} records in `))
    const key = ['--key', at('trail/public-key.pem')]
    expect(await done('audit-verify', [at('trail'), ...key], {})).toMatch(
      new RegExp(`^${own.length} records in \\d+ digests are as they were sealed; 0 findings\n`),
    )

    const [altered] = own.filter(({ record }) => String(record).includes('"eventName":"ReEncrypt"'))
    const Item = { ...altered, record: String(altered?.record).replace(other, id) }
    await DynamoDBDocumentClient.from(tables.client).send(new PutCommand({ TableName: table, Item }))
    await done('audit-export', ['--out', at('altered')], env)
    const { code, stdout } = await ran('audit-verify', [at('altered'), ...key], {})
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^changed: .*; 1 findings\n/s)])
  })

  test('is kept for ever where nobody says for how long', async () => {
    const env = settings('kept', 'kept', { KEYSTEAD_AUDIT_SINK: 'dynamodb' })
    await tables.makeTables(env.KEYSTEAD_TABLE)
    const { server, client } = await start(env)
    await createdKey(client)
    client.destroy()
    await stop(server)
    const items = await itemsOf(env.KEYSTEAD_AUDIT_TABLE)
    expect(items.length).toBeGreaterThan(2)
    expect(items.filter(({ TTL }) => TTL !== undefined)).toEqual([])
  })
})

describe(`backups from and into a table of ${tableServerKind}`, () => {
  /** What a backup holds, in whatever order its store gave it. */
  const held = (file: string) => {
    const lines = readFileSync(at(file), 'utf8').trimEnd().split('\n')
    const { items, kinds } = JSON.parse(lines.at(-1) ?? '')
    return {
      items,
      kinds,
      lines: lines
        .slice(1, -1)
        .map((line) => JSON.stringify(JSON.parse(line).item))
        .toSorted(),
    }
  }
  const blobs: (Uint8Array | undefined)[] = []
  const marker = async (table: string) =>
    (
      await tables.client.send(
        new GetItemCommand({
          TableName: table,
          Key: { PK: { S: 'RESTORE' }, SK: { S: 'RESTORE' } },
          ConsistentRead: true,
        }),
      )
    ).Item
  const restoredInto = () => settings('vault', 'restored')

  test('a table is backed up as it was at one moment while it is written to, and restored into an embedded store', async () => {
    const env = settings('vault', 'source')
    await tables.makeTables(env.KEYSTEAD_TABLE)
    const { server, client } = await start(env)
    for (let made = 0; made < 40; made++) {
      const KeyId = await createdKey(client)
      if (made % 8 === 0) blobs.push(await encrypted(client, KeyId))
    }

    // One after the other, so that what is there at any moment are the first so many.
    const order: string[] = []
    const write = async (): Promise<void> => {
      const KeyId = await createdKey(client)
      order.push(`key ${KeyId}`)
      const AliasName = `alias/${order.length}`
      await client.send(new kms.CreateAliasCommand({ AliasName, TargetKeyId: KeyId }))
      order.push(AliasName)
      await encrypted(client, KeyId)
    }
    await write()
    // Readings begin with a write each, the second too: what the first found is not there any more.
    let readings = 0
    const watched = await recordCalls(tables.endpoint, async (call) => {
      if (call === 'Scan' && ++readings <= 2) await write()
      return true
    })
    const printed = await done('backup', ['--out', at('first.jsonl')], {
      ...env,
      KEYSTEAD_DYNAMODB_ENDPOINT: watched.endpoint,
    })
    await watched.close()
    expect(readings).toBe(3)
    await write()
    await stop(server)
    client.destroy()

    const { kinds } = held('first.jsonl')
    for (const { kind, items } of kinds) expect(printed).toContain(`  ${kind}: ${items}\n`)
    const embedded = { ...env, KEYSTEAD_STORE: 'embedded' }
    const restored = await done('restore', ['--in', at('first.jsonl')], embedded)
    expect(restored).toBe(
      `${printed.split('\n').slice(0, -2).join('\n')}\nRestored and read again: the store holds what the backup does.\n`,
    )
    await done('backup', ['--out', at('second.jsonl')], embedded)
    expect(held('second.jsonl')).toEqual(held('first.jsonl'))

    const again = await start(embedded)
    for (const blob of blobs) await opens(again.client, blob)
    const there = new Set<string>()
    for await (const { Keys = [] } of kms.paginateListKeys({ client: again.client }, {})) {
      for (const { KeyId } of Keys) there.add(`key ${KeyId}`)
    }
    for await (const { Aliases = [] } of kms.paginateListAliases({ client: again.client }, {})) {
      for (const { AliasName } of Aliases) if (AliasName) there.add(AliasName)
    }
    expect(order.map((each) => there.has(each))).toEqual([...Array(6).fill(true), ...Array(2).fill(false)])
    again.client.destroy()
    await stop(again.server)
  })

  test('a restoration into a table is broken off, and the table is not served from', async () => {
    const env = restoredInto()
    await tables.makeTables(env.KEYSTEAD_TABLE)
    let puts = 0
    const stalling = await recordCalls(tables.endpoint, (call) => call !== 'PutItem' || puts++ < 40)
    const child = started(['scripts/restore.ts', '--in', at('second.jsonl')], {
      ...env,
      KEYSTEAD_DYNAMODB_ENDPOINT: stalling.endpoint,
    })
    const broken = ended(child)
    await expect.poll(() => puts, { timeout: 20_000 }).toBeGreaterThan(40)
    child.kill('SIGKILL')
    await broken
    await stalling.close()
    expect(await marker(env.KEYSTEAD_TABLE)).toBeDefined()
    expect((await itemsOf(env.KEYSTEAD_TABLE)).length).toBe(40)

    const what = `The table ${env.KEYSTEAD_TABLE} is half restored: end it with npm run restore, or name another (KEYSTEAD_TABLE)`
    const start = await ran('serve', [], { ...env, KEYSTEAD_PORT: '0' })
    expect(start).toEqual({ code: 1, stdout: '', stderr: `keystead: ${what}\n` })
    expect(await ran('backup', ['--out', at('half.jsonl')], env)).toMatchObject({
      code: 1,
      stderr: 'keystead: The store is half restored: there is nothing whole to back up.\n',
    })
    expect((await itemsOf(env.KEYSTEAD_TABLE)).length).toBe(40)
  })

  test('a Lambda on a table that is half restored says in its health check that it is not well, and answers nothing else', async () => {
    const env = restoredInto()
    const http = { method: 'GET', path: '/health', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' }
    const requestContext = { domainName: 'api.example', http }
    const health = { rawPath: '/health', rawQueryString: 'deep', headers: {}, requestContext }
    const body = '{}'
    const host = 'api.example'
    const headers = await signedHeaders(
      {
        method: 'POST',
        target: '/',
        headers: { host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'TrentService.ListKeys' },
        body,
      },
      credentialsIn(join(at('vault'), 'credentials')),
    )
    const list = {
      ...health,
      rawPath: '/',
      rawQueryString: '',
      headers,
      body,
      requestContext: { ...requestContext, http: { ...http, method: 'POST', path: '/' } },
    }
    const script = `
      import { handler } from './functions/front-door.ts'
      const answers = []
      for (const event of ${JSON.stringify([health, list])}) answers.push(await handler(event, {}))
      process.stdout.write(JSON.stringify(answers), () => process.exit(0))`
    const { stdout } = await ended(started(['--input-type=module', '--eval', script], env))
    const answers = (JSON.parse(stdout) as { statusCode: number; body: string }[]).map((answer) => [
      answer.statusCode,
      JSON.parse(answer.body),
    ])
    expect(answers).toEqual([
      [503, { status: 'unavailable' }],
      [
        500,
        {
          __type: 'KMSInternalException',
          message: expect.stringMatching(/^Internal failure\. Request id: [\da-f-]{36}$/),
        },
      ],
    ])
  })

  test('a restoration that was broken off is taken up, and the table is then served from, as the backup was', async () => {
    const env = restoredInto()
    expect(await done('restore', ['--in', at('second.jsonl')], env)).toContain('the store holds what the backup does')
    expect(await marker(env.KEYSTEAD_TABLE)).toBeUndefined()
    await done('backup', ['--out', at('third.jsonl')], env)
    expect(held('third.jsonl')).toEqual(held('first.jsonl'))
    const refused = await ran('restore', ['--in', at('second.jsonl')], env)
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'keystead: The store is not empty: a backup is restored into an empty one only.\n',
    })
    const { server, client } = await start(env)
    for (const blob of blobs) await opens(client, blob)
    await opens(client, await encrypted(client, 'alias/1'))
    client.destroy()
    await stop(server)
  })

  test('a service that was started before is no longer well once a restoration begins in its table', async () => {
    const env = settings('early', 'early')
    await tables.makeTables(env.KEYSTEAD_TABLE)
    const { server } = await start(env)
    const health = async () => (await fetch(`${server.url}/health?deep`)).status
    expect(await health()).toBe(200)
    const Item = { PK: 'RESTORE', SK: 'RESTORE' }
    await DynamoDBDocumentClient.from(tables.client).send(new PutCommand({ TableName: env.KEYSTEAD_TABLE, Item }))
    expect(await health()).toBe(503)
    await stop(server)
  })
})

describe('what is asked of the server', () => {
  test('is nothing but the calls, parameters and operators that docs/portable.md lists', () => {
    expect(undocumented(recorder.calls)).toEqual([])
    expect(recorder.calls.size).toBeGreaterThan(5)
  })

  test('is nothing that Alternator is known to lack', () => {
    const lacking =
      /^(?:Transact\w+|\w*Statement|\w*Backup\w*|\w*GlobalTable\w*|\w*ContributorInsights|\w*KinesisStreaming\w*|\w*Export\w*|UpdateTable|ReturnConsumedCapacity|ReturnItemCollectionMetrics|ReturnValuesOnConditionCheckFailure|ProvisionedThroughput|SSESpecification|StreamSpecification|DeletionProtectionEnabled|TableClass|ConsistentRead of an index)$/
    const listed = [...documentedCalls()].flatMap(([call, parts]) => [call, ...parts])
    expect(listed.length).toBeGreaterThan(30)
    expect(listed.filter((each) => lacking.test(each))).toEqual([])
  })
})

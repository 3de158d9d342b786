/** The tables that each way of making them makes: by `npm run tables`, and by LocalStack's init script. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { describe, expect, inject, test } from 'vitest'
import { auditTable } from '../lib/sinks/places.ts'
import { tableDefinition } from '../lib/store/table.ts'
import { makeTables } from '../scripts/tables.ts'
import { groundAt } from './setup.ts'

const { kind, endpoint } = inject('ground')

test('the init script asks for the tables as the service knows them, and for the bus', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-init-'))
  try {
    const [aws, asked] = [join(folder, 'aws'), join(folder, 'asked')]
    writeFileSync(aws, `#!/bin/sh\nfor word in "$@"; do printf '%s\\n' "$word"; done >> '${asked}'\n`)
    chmodSync(aws, 0o755)
    const script = fileURLToPath(new URL('init/keystead.sh', import.meta.url))
    const { status, stderr } = spawnSync('sh', [script], {
      env: { PATH: process.env.PATH, AWS: aws },
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    const words = readFileSync(asked, 'utf8').trimEnd().split('\n')
    const definitions = words.filter((word) => word.startsWith('{')).map((word) => JSON.parse(word) as unknown)
    expect(definitions).toEqual([tableDefinition('keystead'), auditTable('keystead-audit')])
    expect(words.join(' ')).toContain(
      'update-time-to-live --table-name keystead-audit --time-to-live-specification Enabled=true,AttributeName=TTL',
    )
    expect(words.join(' ')).toContain('events create-event-bus --name keystead')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('an endpoint where nothing answers is an error, and not a run on something else', async () => {
  await expect(groundAt('http://127.0.0.1:9')).rejects.toThrow(
    'LOCALSTACK_ENDPOINT is http://127.0.0.1:9, where nothing answers',
  )
})

describe.skipIf(endpoint === undefined)(`on ${kind}${endpoint === undefined ? ': it makes its own table' : ''}`, () => {
  test('both tables are made once, and forget in time', async () => {
    const client = new DynamoDBClient({
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      ...(endpoint !== undefined && { endpoint }),
    })
    const name = `keystead-${randomUUID()}`
    const names = { KEYSTEAD_TABLE: name, KEYSTEAD_AUDIT_TABLE: `${name}-audit` }
    await makeTables(client, names)
    await makeTables(client, names)
    const wanted: CreateTableCommandInput[] = [tableDefinition(name), auditTable(`${name}-audit`)]
    for (const { TableName, KeySchema, GlobalSecondaryIndexes = [] } of wanted) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName }))
      expect(Table?.KeySchema).toEqual(KeySchema)
      const indexes = Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName).toSorted()
      expect(indexes).toEqual(GlobalSecondaryIndexes.map(({ IndexName }) => IndexName))
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'TTL', TimeToLiveStatus: 'ENABLED' })
    }
    client.destroy()
  })
})

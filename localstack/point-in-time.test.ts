/**
 * DynamoDB's own recovery, as docs/recovery.md has it: its commands, word for word, by the AWS CLI. Of what the
 * integration tests run on, only moto knows the call, and it knows of no time: what is restored is what is there.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  DynamoDBClient,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, describe, expect, inject, test } from 'vitest'
import { makeTables } from '../scripts/tables.ts'
import { newHome, type RunningServer, removeHome, startServer } from '../test/harness/server.ts'

const { kind, endpoint } = inject('ground')
const able = kind === 'moto' && spawnSync('aws', ['--version'], { stdio: 'ignore' }).status === 0
const document = readFileSync(new URL('../docs/recovery.md', import.meta.url), 'utf8')
const commands = Array.from(document.matchAll(/^aws (dynamodb .+)$/gm), ([, command = '']) => command.split(' '))
const [source, recovered] = ['keystead-prod', 'keystead-prod-recovered']

const home = newHome()
let server: RunningServer | undefined
afterAll(async () => {
  await server?.stop('SIGKILL')
  removeHome(home)
})

async function startOn(table: string): Promise<KMSClient> {
  const env = {
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    KEYSTEAD_STORE: 'dynamodb',
    KEYSTEAD_DYNAMODB_ENDPOINT: endpoint ?? '',
    KEYSTEAD_TABLE: table,
  }
  server = await startServer('local', { home, env })
  const { url, credentials } = server
  return new KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })
}

test('docs/recovery.md has the commands', () => {
  expect(commands.map(([, command]) => command)).toEqual([
    'restore-table-to-point-in-time',
    'wait',
    'update-time-to-live',
    'update-continuous-backups',
    'update-table',
  ])
})

describe.skipIf(!able)(`point-in-time recovery${able ? '' : ' (runs on moto alone, and needs the AWS CLI)'}`, () => {
  test('gives a table that the service is pointed at, with all that the old one had', async () => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const client = new DynamoDBClient({ region: 'us-east-1', credentials, ...(endpoint && { endpoint }) })
    await makeTables(client, { KEYSTEAD_TABLE: source, KEYSTEAD_AUDIT_TABLE: `${source}-audit` })
    const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true }
    await client.send(new UpdateContinuousBackupsCommand({ TableName: source, PointInTimeRecoverySpecification }))
    const before = await startOn(source)
    const { KeyMetadata } = await before.send(new CreateKeyCommand({}))
    const Plaintext = Buffer.from('of another time')
    const { CiphertextBlob } = await before.send(new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }))
    before.destroy()
    expect(await server?.stop()).toBe(0)

    for (const command of commands) {
      const env = {
        ...process.env,
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: 'us-east-1',
        AWS_DEFAULT_REGION: 'us-east-1',
      }
      const { status, stderr } = spawnSync('aws', command, { env, encoding: 'utf8' })
      expect([command[1], status, stderr]).toEqual([command[1], 0, ''])
    }
    const { Table: old } = await client.send(new DescribeTableCommand({ TableName: source }))
    const { Table } = await client.send(new DescribeTableCommand({ TableName: recovered }))
    expect(Table?.KeySchema).toEqual(old?.KeySchema)
    expect(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName)).toEqual(['GSI1', 'GSI2'])
    expect(Table?.DeletionProtectionEnabled).toBe(true)
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: recovered }))
    expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'TTL', TimeToLiveStatus: 'ENABLED' })
    const { ContinuousBackupsDescription: kept } = await client.send(
      new DescribeContinuousBackupsCommand({ TableName: recovered }),
    )
    expect(kept?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('ENABLED')
    client.destroy()

    const after = await startOn(recovered)
    const opened = await after.send(new DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Plaintext)
    after.destroy()
    expect(await server?.stop()).toBe(0)
  })
})

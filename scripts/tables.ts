/**
 * `npm run tables`: makes the store's table and the audit trail's on the DynamoDB-compatible server that the
 * configuration names, where they are not there yet. On AWS, CloudFormation makes them (infra/tables.yml).
 */
import { DescribeTimeToLiveCommand, DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { type Config, readConfig } from '../lib/config.ts'
import { ConfigurationError } from '../lib/setting-kinds.ts'
import { auditTable } from '../lib/sinks/places.ts'
import { createTableIfMissing, tableDefinition } from '../lib/store/table.ts'

/** Safe to repeat. */
export async function makeTables(
  client: DynamoDBClient,
  { KEYSTEAD_TABLE, KEYSTEAD_AUDIT_TABLE }: Pick<Config, 'KEYSTEAD_TABLE' | 'KEYSTEAD_AUDIT_TABLE'>,
): Promise<void> {
  for (const definition of [tableDefinition(KEYSTEAD_TABLE), auditTable(KEYSTEAD_AUDIT_TABLE)]) {
    await createTableIfMissing(client, definition)
    await forgetInTime(client, definition.TableName)
  }
}

/** What is enabled already may not be enabled again. */
async function forgetInTime(client: DynamoDBClient, TableName: string): Promise<void> {
  const { TimeToLiveDescription: now } = await client.send(new DescribeTimeToLiveCommand({ TableName }))
  if (now?.TimeToLiveStatus === 'ENABLED' || now?.TimeToLiveStatus === 'ENABLING') return
  const TimeToLiveSpecification = { AttributeName: 'TTL', Enabled: true }
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
}

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const endpoint = config.KEYSTEAD_DYNAMODB_ENDPOINT
  if (endpoint === undefined) {
    throw new ConfigurationError(
      'KEYSTEAD_DYNAMODB_ENDPOINT must name the server: on AWS the deployment makes its tables',
    )
  }
  const client = new DynamoDBClient({ region: config.KEYSTEAD_REGION, endpoint })
  try {
    await makeTables(client, config)
  } finally {
    client.destroy()
  }
  process.stdout.write(`${config.KEYSTEAD_TABLE} and ${config.KEYSTEAD_AUDIT_TABLE} are on ${endpoint}\n`)
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`keystead: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}

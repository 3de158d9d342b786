import {
  CreateTableCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
  ResourceInUseException,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'

export type IndexName = 'GSI1' | 'GSI2'

const index = (IndexName: IndexName) => ({
  IndexName,
  KeySchema: [
    { AttributeName: `${IndexName}PK`, KeyType: 'HASH' as const },
    { AttributeName: `${IndexName}SK`, KeyType: 'RANGE' as const },
  ],
  Projection: { ProjectionType: 'ALL' as const },
})

/** The store's table, as infra/tables.yml has it; time to live is enabled apart from creation, so only there. */
export const tableDefinition = (name: string) =>
  ({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['PK', 'SK', 'GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S' as const,
    })),
    KeySchema: [
      { AttributeName: 'PK', KeyType: 'HASH' },
      { AttributeName: 'SK', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [index('GSI1'), index('GSI2')],
  }) satisfies CreateTableCommandInput

/** Makes a table on a DynamoDB-compatible server that has none of its name yet, and waits until it can be used. */
export async function createTableIfMissing(
  client: DynamoDBClient,
  definition: CreateTableCommandInput & { readonly TableName: string },
): Promise<void> {
  try {
    await client.send(new CreateTableCommand(definition))
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error
  }
  await waitUntilTableExists({ client, minDelay: 1, maxDelay: 2, maxWaitTime: 60 }, { TableName: definition.TableName })
}

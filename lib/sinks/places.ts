import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb'

/** Where things are in the audit table. */

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

export const writersOfDay = (ms: number): string => `WRITERS#${dayOf(ms)}`

/** Where a writer says that it writes, before its first record of a day. */
export const writerItem = (writer: string, now: number) => ({ PK: writersOfDay(now), SK: writer })

export const writerPartition = (writer: string): string => `WRITER#${writer}`

/** Ascending with the number. */
export const sequenceKey = (sequence: number): string => String(sequence).padStart(16, '0')

/** An hour's records would be too many for one partition. */
export const shards = Array.from({ length: 16 }, (_, shard) => shard)

/** @param time ISO 8601 */
export const hourPartition = (time: string, shard: number): string => `HOUR#${time.slice(0, 13)}#${shard}`
export const byUser = (username: string): string => `USER#${username}`
export const byName = (eventName: string): string => `NAME#${eventName}`

export const digestPartition = 'DIGEST'
export const headKey = { PK: 'HEAD', SK: 'HEAD' } as const

const indexes = ['GSI1', 'GSI2', 'GSI3', 'GSI4'] as const

/** The audit table, as infra/tables.yml has it; time to live is enabled apart from creation, so only there. */
export const auditTable = (name: string) =>
  ({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['', ...indexes]
      .flatMap((index) => [`${index}PK`, `${index}SK`])
      .map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const })),
    KeySchema: keySchema(''),
    GlobalSecondaryIndexes: indexes.map((IndexName) => ({
      IndexName,
      KeySchema: keySchema(IndexName),
      Projection: { ProjectionType: 'KEYS_ONLY' as const },
    })),
  }) satisfies CreateTableCommandInput

function keySchema(index: string) {
  return [
    { AttributeName: `${index}PK`, KeyType: 'HASH' as const },
    { AttributeName: `${index}SK`, KeyType: 'RANGE' as const },
  ]
}

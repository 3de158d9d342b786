import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'

type Item = Readonly<Record<string, unknown>>

/** The items of one partition, ascending by their sort key, both ends included; read consistently, page by page. */
export async function* inPartition(
  documents: DynamoDBDocumentClient,
  table: string,
  partition: string,
  from = '\0',
  to = '\u{10ffff}',
): AsyncGenerator<Item, void> {
  let start: Record<string, unknown> | undefined
  do {
    const answer = await documents.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: 'PK = :partition AND SK BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':partition': partition, ':from': from, ':to': to },
        ...(start && { ExclusiveStartKey: start }),
      }),
    )
    yield* answer.Items ?? []
    start = answer.LastEvaluatedKey
  } while (start)
}

import { DynamoDBClient } from '@aws-sdk/client-dynamodb'

/** Where the table is: in this process, on disk, or on a DynamoDB-compatible server. */
export type StorePlace =
  | { readonly kind: 'embedded'; readonly directory: string }
  | { readonly kind: 'dynamodb'; readonly endpoint?: string; readonly region: string; readonly table: string }

export interface Connected {
  readonly client: DynamoDBClient
  readonly table: string
  close(): Promise<void>
}

/**
 * @param maxAttempts of one call on a server
 * @throws Error when an embedded store cannot be opened; a server is first asked by the first request
 */
export async function connect(options: StorePlace, maxAttempts = 3): Promise<Connected> {
  if (options.kind === 'dynamodb') {
    const { endpoint, region, table } = options
    const client = new DynamoDBClient({
      region,
      ...(endpoint !== undefined && { endpoint }),
      maxAttempts,
      requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, throwOnRequestTimeout: true },
    })
    return { client, table, close: async () => {} }
  }
  const { openEmbedded } = await import('./embedded.ts')
  const { requestHandler, table, close } = await openEmbedded(options.directory)
  const client = new DynamoDBClient({
    region: 'us-east-1',
    endpoint: 'http://embedded.invalid',
    // Nothing leaves the process: signing would be most of a call's cost.
    credentials: { accessKeyId: 'embedded', secretAccessKey: 'embedded' },
    signer: { sign: async (request) => request },
    requestHandler,
  })
  return { client, table, close }
}

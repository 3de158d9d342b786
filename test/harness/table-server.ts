/** A DynamoDB-compatible server for tests: the one that is named, or dynalite's on loopback. */
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { auditTable } from '../../lib/sinks/places.ts'
import { createTableIfMissing, tableDefinition } from '../../lib/store/table.ts'
import { makeTables } from '../../scripts/tables.ts'

export interface TableServer {
  /** Whether items whose time has come may go: dynalite does not know of that. */
  readonly forgets: boolean
  readonly endpoint: string
  readonly client: DynamoDBClient
  /** Makes a store's table and an audit trail's, `<name>-audit`. */
  makeTables(name: string): Promise<void>
  close(): Promise<void>
}

const named = process.env.KEYSTEAD_TEST_DYNAMODB_ENDPOINT

/** What tests run on, for their titles. */
export const tableServerKind = named === undefined ? "dynalite's server" : 'the server that is named'

/** The database's, not Keystead's: those that are given with the server that is named. */
const { AWS_ACCESS_KEY_ID: accessKeyId = 'local', AWS_SECRET_ACCESS_KEY: secretAccessKey = 'local' } =
  named === undefined ? {} : process.env
export const tableCredentials = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } as const

async function dynalite(): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const start = createRequire(import.meta.url)('dynalite') as (options: object) => Server
  const server = start({ createTableMs: 0 })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export async function openTableServer(): Promise<TableServer> {
  const { endpoint, close } = named === undefined ? await dynalite() : { endpoint: named, close: async () => {} }
  const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } })
  return {
    forgets: named !== undefined,
    endpoint,
    client,
    async makeTables(name) {
      const [store, audit] = [name, `${name}-audit`]
      if (named !== undefined) return makeTables(client, { KEYSTEAD_TABLE: store, KEYSTEAD_AUDIT_TABLE: audit })
      await createTableIfMissing(client, tableDefinition(store))
      await createTableIfMissing(client, auditTable(audit))
    },
    async close() {
      client.destroy()
      await close()
    },
  }
}

/**
 * `npm run audit:export -- --out <directory>`: the trail in the audit table as files that anybody can verify with the
 * public key. The file sink's own directory is such an export as it stands.
 */
import { createPublicKey } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import { base64, type Digest, type DigestBody } from '../lib/audit/digest.ts'
import type { Export } from '../lib/audit/verify.ts'
import { readConfig } from '../lib/config.ts'
import { inPartition } from '../lib/sinks/partition.ts'
import { digestPartition, headKey, sequenceKey, writerPartition } from '../lib/sinks/places.ts'

/** Everything that is sealed, in the trail's order. */
export async function exportTable(
  client: DynamoDBClient,
  table: string,
): Promise<Export & { readonly publicKey: Uint8Array }> {
  const documents = DynamoDBDocumentClient.from(client)

  const query = (partition: string, from: string, to: string) => inPartition(documents, table, partition, from, to)

  const { Item: head } = await documents.send(new GetCommand({ TableName: table, Key: headKey, ConsistentRead: true }))
  if (!head) throw new Error(`nothing in ${table} has been sealed yet`)
  const files = new Map<string, string[]>()
  const digests: Digest[] = []
  for await (const { body, signature, leaves } of query(digestPartition, sequenceKey(1), '9')) {
    digests.push({ body: String(body), signature: String(signature), leaves: base64(leaves as Uint8Array) })
    for (const [file, writer, first, count] of (JSON.parse(String(body)) as DigestBody).runs) {
      const lines = files.get(file) ?? []
      files.set(file, lines)
      const last = sequenceKey(first + count - 1)
      for await (const { record } of query(writerPartition(writer), sequenceKey(first), last))
        lines.push(String(record))
    }
  }
  return {
    files,
    digests,
    head: { body: String(head.body), signature: String(head.signature) },
    publicKey: head.publicKey as Uint8Array,
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string' } } })
  if (values.out === undefined) throw new Error('where to? npm run audit:export -- --out <directory>')
  const config = readConfig(process.env)
  const endpoint = config.KEYSTEAD_DYNAMODB_ENDPOINT
  const client = new DynamoDBClient({ region: config.KEYSTEAD_REGION, ...(endpoint !== undefined && { endpoint }) })
  const { files, digests, head, publicKey } = await exportTable(client, config.KEYSTEAD_AUDIT_TABLE)
  mkdirSync(join(values.out, 'digests'), { recursive: true, mode: 0o700 })
  const write = (name: string, text: string): void => writeFileSync(join(values.out ?? '', name), text, { mode: 0o600 })
  for (const [file, lines] of files) write(file, lines.map((line) => `${line}\n`).join(''))
  for (const [index, digest] of digests.entries())
    write(`digests/${String(index + 1).padStart(9, '0')}.json`, JSON.stringify({ digest }))
  write('head.json', JSON.stringify(head))
  const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
  write('public-key.pem', key.export({ format: 'pem', type: 'spki' }).toString())
  const records = [...files.values()].reduce((sum, lines) => sum + lines.length, 0)
  process.stdout.write(`${records} records in ${digests.length} digests: ${values.out}\n`)
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`keystead: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}

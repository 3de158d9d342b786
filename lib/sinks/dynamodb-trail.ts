/** The trail in the audit table: read by writer and number, sealed by digestPartition in the same table. */
import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { base64, isPast, WindowDraft } from '../audit/digest.ts'
import { fileOfDay, isWithin, type Range, readLine, type TrailLine, uncovered } from '../audit/mark.ts'
import type { StoredDigest, Trail, Unsealed } from '../audit/trail.ts'
import { Conflict } from '../ports.ts'
import { lookUpInTable } from './dynamodb-lookup.ts'
import { inPartition } from './partition.ts'
import { digestPartition, headKey, sequenceKey, writerPartition, writersOfDay } from './places.ts'

/** How far the trail of each writer is sealed. */
interface Sealed {
  /** Everything to here is sealed, or in `holes`. */
  readonly last: number
  /** Passed over: what comes late may still fill them. */
  readonly holes: readonly Range[]
}
interface Cursor {
  /** The earliest day whose writers may still write, `YYYY-MM-DD`. */
  readonly day: string
  readonly writers: Readonly<Record<string, Sealed>>
}

interface Read {
  readonly lines: readonly TrailLine[]
  readonly gaps: readonly Range[]
  readonly sealed: Sealed
}

const dayMs = 86_400_000
/** A digest is one item, and made in one go. */
const windowRecords = 1000
/** A write under way has failed for its caller long before. */
const graceMs = 120_000

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

export function dynamoTrail(client: DynamoDBClient, table: string): Trail {
  const documents = DynamoDBDocumentClient.from(client)

  const query = (partition: string, from?: string) => inPartition(documents, table, partition, from)

  async function writersSince(day: string, now: number): Promise<readonly string[]> {
    const writers = new Set<string>()
    // A writer says on each day that it writes; one whose clock is ahead, on the next.
    for (let at = Date.parse(day); at <= now + dayMs; at += dayMs) {
      for await (const { SK } of query(writersOfDay(at))) writers.add(String(SK))
    }
    return [...writers].sort()
  }

  async function put(Item: Record<string, unknown>, condition?: string): Promise<void> {
    try {
      const conditional = condition === undefined ? {} : { ConditionExpression: condition }
      await documents.send(new PutCommand({ TableName: table, Item, ...conditional }))
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) throw new Conflict(undefined, { cause: error })
      throw error
    }
  }

  async function removeDigests(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      const Key = { PK: digestPartition, SK: sequenceKey(number) }
      await documents.send(new DeleteCommand({ TableName: table, Key }))
    }
  }

  /** What of one writer can be sealed now: everything but what follows a gap that may still be filled. */
  async function readWriter(writer: string, { last, holes }: Sealed, limit: number, now: number): Promise<Read> {
    const lines: TrailLine[] = []
    const gaps: Range[] = []
    let newest = last
    for await (const item of query(writerPartition(writer), sequenceKey(holes[0]?.[0] ?? last + 1))) {
      if (lines.length >= limit) break
      const line = lineOf(item)
      if (!line) continue
      const { sequence } = line.mark
      if (sequence <= last && !isWithin(holes, sequence)) continue
      if (sequence > newest + 1) {
        if (now - line.time < graceMs) break
        gaps.push([newest + 1, sequence - 1])
      }
      newest = Math.max(newest, sequence)
      lines.push(line)
    }
    const taken = lines.map(({ mark }) => [mark.sequence, mark.sequence] as const)
    const left = [...holes, ...gaps].flatMap((hole) => uncovered(hole, taken))
    return { lines, gaps, sealed: { last: newest, holes: left } }
  }

  return {
    windowRecords,
    lookUp: (lookup) => lookUpInTable(documents, table, lookup),
    async unsealed(text, limit, now): Promise<Unsealed> {
      const cursor: Cursor = text === undefined ? { day: dayOf(now - dayMs), writers: {} } : JSON.parse(text)
      const draft = new WindowDraft()
      const missing: Record<string, readonly Range[]> = {}
      const writers: Record<string, Sealed> = {}
      for (const writer of await writersSince(cursor.day, now)) {
        const sealed = cursor.writers[writer] ?? { last: 0, holes: [] }
        const read = await readWriter(writer, sealed, limit - draft.records, now)
        for (const line of read.lines) draft.add(line)
        if (read.gaps.length > 0) missing[writer] = read.gaps
        writers[writer] = read.sealed
      }
      const more = draft.records >= limit
      // Those of days long gone write no more; what is left over of them is sealed first.
      const day = more ? cursor.day : dayOf(now - dayMs)
      return { window: draft.done(), missing, cursor: JSON.stringify({ day, writers } satisfies Cursor), more }
    },
    async newestDigest() {
      const answer = await documents.send(
        new QueryCommand({
          TableName: table,
          ConsistentRead: true,
          ScanIndexForward: false,
          Limit: 1,
          KeyConditionExpression: 'PK = :partition',
          ExpressionAttributeValues: { ':partition': digestPartition },
        }),
      )
      const item = answer.Items?.[0]
      return item && digestOf(item)
    },
    async findDigest(number) {
      const Key = { PK: digestPartition, SK: sequenceKey(number) }
      const { Item } = await documents.send(new GetCommand({ TableName: table, Key, ConsistentRead: true }))
      return Item && digestOf(Item)
    },
    async prune(before) {
      const gone: number[] = []
      for await (const item of query(digestPartition)) {
        const { number, digest } = digestOf(item)
        if (!isPast(digest, before)) return { from: number, remove: () => removeDigests(gone) }
        gone.push(number)
      }
      // The newest stays: it says how far everything is sealed. Records go by their time to live.
      const newest = gone.pop()
      return { ...(newest !== undefined && { from: newest }), remove: () => removeDigests(gone) }
    },
    addDigest: ({ number, digest, cursor }) =>
      put(
        {
          PK: digestPartition,
          SK: sequenceKey(number),
          body: digest.body,
          signature: digest.signature,
          leaves: Buffer.from(digest.leaves, 'base64'),
          cursor,
        },
        'attribute_not_exists(PK)',
      ),
    setHead: (head, publicKey) => put({ ...headKey, ...head, publicKey: Buffer.from(publicKey) }),
  }
}

/** Undefined for an item that holds no record of the trail: it is nobody's, and seals nothing. */
function lineOf({ record }: Readonly<Record<string, unknown>>): (TrailLine & { readonly time: number }) | undefined {
  const text = String(record)
  const read = readLine(text)
  if (!read) return undefined
  const time = Date.parse(read.record.eventTime)
  return Number.isNaN(time) ? undefined : { file: fileOfDay(dayOf(time)), mark: read.mark, text, time }
}

const digestOf = ({ SK, body, signature, leaves, cursor }: Readonly<Record<string, unknown>>): StoredDigest => ({
  number: Number(SK),
  digest: { body: String(body), signature: String(signature), leaves: base64(leaves as Uint8Array) },
  cursor: String(cursor),
})

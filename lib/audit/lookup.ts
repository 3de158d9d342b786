/** LookupEvents: which records are asked for, and what is answered of each (kms-authz.md §10.5). */
import { parseArn } from '../arn.ts'
import {
  InvalidEventCategoryException,
  InvalidLookupAttributesException,
  InvalidMaxResultsException,
  InvalidTimeRangeException,
} from '../errors.ts'
import type { AuditRecord } from './record.ts'

export const lookupAttributes = [
  'EventId',
  'EventName',
  'ReadOnly',
  'Username',
  'ResourceType',
  'ResourceName',
  'EventSource',
  'AccessKeyId',
] as const
export type LookupAttribute = (typeof lookupAttributes)[number]

export interface Lookup {
  readonly account: string
  readonly attribute?: { readonly key: LookupAttribute; readonly value: string }
  /** Milliseconds since the epoch, both ends included. */
  readonly from: number
  readonly to: number
  readonly limit: number
  /** Of the page before, as the sink made it. */
  readonly token?: string
}

export interface LookupPage {
  /** Newest first. */
  readonly found: readonly FoundRecord[]
  readonly token?: string
}

export interface FoundRecord {
  readonly record: AuditRecord
  /** Its line in the trail. */
  readonly text: string
}

const keptMs = 90 * 86_400_000
const aheadMs = 3_600_000
const atMost = 50

interface LookupInput {
  readonly LookupAttributes?:
    | readonly { readonly AttributeKey: LookupAttribute; readonly AttributeValue: string }[]
    | undefined
  readonly StartTime?: number | undefined
  readonly EndTime?: number | undefined
  readonly EventCategory?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

/** @throws InvalidLookupAttributesException, InvalidTimeRangeException, InvalidMaxResultsException, InvalidEventCategoryException */
export function lookupOf(input: LookupInput, account: string, now: number): Lookup {
  const [attribute, ...more] = input.LookupAttributes ?? []
  if (more.length > 0) {
    throw new InvalidLookupAttributesException('Only one lookup attribute can be specified in a request.')
  }
  if (attribute?.AttributeValue === '') throw new InvalidLookupAttributesException('A lookup attribute has no value.')
  if (input.EventCategory !== undefined) {
    throw new InvalidEventCategoryException(`Event category ${input.EventCategory} is not kept in this trail.`)
  }
  const { MaxResults: limit = atMost, StartTime: from = now - keptMs, EndTime: to = now } = input
  if (limit < 1 || limit > atMost) {
    throw new InvalidMaxResultsException(`MaxResults must be between 1 and ${atMost}.`)
  }
  if (from > to) throw new InvalidTimeRangeException('The start time is later than the end time.')
  return {
    account,
    ...(attribute && { attribute: { key: attribute.AttributeKey, value: attribute.AttributeValue } }),
    from,
    // Nothing is on record of a time to come, but for what clocks that are ahead have written.
    to: Math.max(from, Math.min(to, now + aheadMs)),
    limit,
    ...(input.NextToken !== undefined && { token: input.NextToken }),
  }
}

/** Each record is answered as JSON within JSON, and a Lambda answers 6 MB at the most. */
const enoughBytes = 2_000_000

/** Whether a page takes no more: all that was asked for, or all that one answer can hold. */
export const isFull = (found: readonly FoundRecord[], { limit }: Lookup): boolean =>
  found.length >= limit || found.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) >= enoughBytes

/** As CloudTrail names who did it: the user, or the session. */
export function usernameOf({ userIdentity }: AuditRecord): string | undefined {
  const { type, userName, arn } = userIdentity
  if (type === 'Root') return 'root'
  if (typeof userName === 'string') return userName
  const resource = typeof arn === 'string' ? parseArn(arn)?.resource : undefined
  return resource?.includes('/') ? resource.slice(resource.lastIndexOf('/') + 1) : undefined
}

type Values = (record: AuditRecord) => readonly unknown[]
const valuesOf: Readonly<Record<LookupAttribute, Values>> = {
  EventId: ({ eventID }) => [eventID],
  EventName: ({ eventName }) => [eventName],
  ReadOnly: ({ readOnly }) => [String(readOnly)],
  Username: (record) => [usernameOf(record)],
  ResourceType: ({ resources = [] }) => resources.map(({ type }) => type),
  // The name of a KMS key is its ARN; clients look for its id as well.
  ResourceName: ({ resources = [] }) => resources.flatMap(({ ARN }) => [ARN, ARN.slice(ARN.lastIndexOf('/') + 1)]),
  EventSource: ({ eventSource }) => [eventSource],
  AccessKeyId: ({ userIdentity }) => [userIdentity.accessKeyId],
}

/** Whether a record is among what is asked for. Intents are told by their outcomes. */
export function isAskedFor(record: AuditRecord, { account, attribute, from, to }: Lookup): boolean {
  const at = Date.parse(record.eventTime)
  if (record.eventType === 'KeysteadIntent' || record.recipientAccountId !== account) return false
  if (!(at >= from && at <= to)) return false
  return attribute === undefined || valuesOf[attribute.key](record).includes(attribute.value)
}

/** What is answered of one. */
export const eventOf = ({ record, text }: FoundRecord) => ({
  EventId: record.eventID,
  EventName: record.eventName,
  ReadOnly: String(record.readOnly),
  AccessKeyId: typeof record.userIdentity.accessKeyId === 'string' ? record.userIdentity.accessKeyId : undefined,
  EventTime: Date.parse(record.eventTime),
  EventSource: record.eventSource,
  Username: usernameOf(record),
  Resources: (record.resources ?? []).map(({ type, ARN }) => ({ ResourceType: type, ResourceName: ARN })),
  CloudTrailEvent: text,
})

/** What the audit trail means to those who wait for something to happen to a key: events for EventBridge. */
import { parseArn } from '../arn.ts'
import type { AuditRecord } from './record.ts'

export interface KeyEvent {
  readonly source: 'keystead'
  /** AWS KMS's own, where it has one. */
  readonly detailType: string
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Key ARNs. */
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

type Row = readonly [detailType: string, detail?: Readonly<Record<string, string>>]

const changed = (state: string): Row => ['Key State Change', { 'key-state': state }]

/** By event name: of what succeeded. */
const rows: Readonly<Record<string, Row>> = {
  RotateKey: ['KMS CMK Rotation', { 'rotation-type': 'AUTOMATIC' }],
  RotateKeyOnDemand: ['KMS CMK Rotation', { 'rotation-type': 'ON_DEMAND' }],
  DeleteKey: ['KMS CMK Deletion'],
  DeleteExpiredKeyMaterial: ['KMS Imported Key Material Expiration'],
  CreateKey: changed('Enabled'),
  EnableKey: changed('Enabled'),
  DisableKey: changed('Disabled'),
  ScheduleKeyDeletion: changed('PendingDeletion'),
  CancelKeyDeletion: changed('Disabled'),
  ImportKeyMaterial: changed('Enabled'),
  DeleteImportedKeyMaterial: changed('PendingImport'),
  PutKeyPolicy: ['Key Policy Change'],
  CreateGrant: ['Grant Created'],
  RevokeGrant: ['Grant Ended'],
  RetireGrant: ['Grant Ended'],
}

/** Whether anybody waits for what is recorded by this name. */
export const isTold = (eventName: string): boolean => Object.hasOwn(rows, eventName)

/** Undefined for a record of nothing that anybody waits for: a read, a use, a failure, an intent. */
export function keyEventOf(record: AuditRecord): KeyEvent | undefined {
  const row = rows[record.eventName]
  if (!row || record.errorCode !== undefined || record.eventType === 'KeysteadIntent') return undefined
  const arns = (record.resources ?? []).map(({ ARN }) => ARN).filter(isKey)
  const [detailType, detail] = row
  return {
    source: 'keystead',
    detailType,
    time: Date.parse(record.eventTime),
    resources: arns,
    detail: {
      'key-id': idIn(arns[0] ?? ''),
      ...detail,
      ...stateIn(record),
      'event-id': record.eventID,
      'event-name': record.eventName,
    },
  }
}

const isKey = (arn: string): boolean => parseArn(arn)?.resource.startsWith('key/') === true
const idIn = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1)

/** What the answer itself says of the key's state. */
function stateIn({ responseElements }: AuditRecord): { readonly 'key-state'?: string } {
  const { keyState, keyMetadata } = (responseElements ?? {}) as {
    keyState?: unknown
    keyMetadata?: { keyState?: unknown }
  }
  const state = keyState ?? keyMetadata?.keyState
  return typeof state === 'string' ? { 'key-state': state } : {}
}

import type { AuditRecord } from './record.ts'

/** Something that the service did to a key by itself, when it was due. */
export interface ServiceEvent {
  /** CloudTrail's: `RotateKey`, `DeleteKey`, … */
  readonly eventName: string
  readonly key: { readonly arn: string; readonly account: string }
  /** Beside the key. Nothing secret. */
  readonly details?: Readonly<Record<string, unknown>>
}

interface Circumstances {
  readonly eventId: string
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

const byTheService = 'AWS Internal'

/** As CloudTrail records it (kms-authz.md §10.4). */
export const serviceRecord = (event: ServiceEvent, { eventId, region, at }: Circumstances): AuditRecord => ({
  eventVersion: '1.11',
  userIdentity: { accountId: event.key.account, invokedBy: byTheService },
  eventTime: `${new Date(at).toISOString().slice(0, 19)}Z`,
  eventSource: 'kms.amazonaws.com',
  eventName: event.eventName,
  awsRegion: region,
  sourceIPAddress: byTheService,
  userAgent: byTheService,
  requestParameters: null,
  responseElements: null,
  eventID: eventId,
  readOnly: false,
  resources: [{ accountId: event.key.account, type: 'AWS::KMS::Key', ARN: event.key.arn }],
  eventType: 'AwsServiceEvent',
  managementEvent: true,
  recipientAccountId: event.key.account,
  serviceEventDetails: { keyId: event.key.arn, ...event.details },
  eventCategory: 'Management',
})

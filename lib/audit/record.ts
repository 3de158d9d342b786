import type { TrailMark } from './mark.ts'

/** A CloudTrail-shaped record (kms-authz.md §10.1). Member names and nesting are CloudTrail's. */
export interface AuditRecord {
  readonly eventVersion: '1.11'
  readonly userIdentity: Readonly<Record<string, unknown>>
  /** ISO 8601, UTC, whole seconds. */
  readonly eventTime: string
  readonly eventSource: string
  readonly eventName: string
  readonly awsRegion: string
  readonly sourceIPAddress: string
  readonly userAgent: string
  readonly errorCode?: string
  readonly errorMessage?: string
  readonly requestParameters: Readonly<Record<string, unknown>> | null
  readonly responseElements: Readonly<Record<string, unknown>> | null
  readonly additionalEventData?: Readonly<Record<string, unknown>>
  /** Of a service event there is none. */
  readonly requestID?: string
  readonly eventID: string
  readonly readOnly: boolean
  readonly resources?: readonly { readonly accountId: string; readonly type: string; readonly ARN: string }[]
  /**
   * `KeysteadIntent` is ours: a request that is about to change something, put on record before it does. The record of
   * its outcome follows, with the same requestID.
   */
  readonly eventType: 'AwsApiCall' | 'AwsServiceEvent' | 'KeysteadIntent'
  readonly managementEvent: true
  readonly recipientAccountId: string
  readonly serviceEventDetails?: Readonly<Record<string, unknown>>
  readonly eventCategory: 'Management'
  /** Ours: where it stands in the trail. */
  readonly trail?: TrailMark
}

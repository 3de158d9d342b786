import { randomUUID } from 'node:crypto'
import type { AuditRecord } from '../../../lib/audit/record.ts'

export const aRecord = (given: Partial<AuditRecord> = {}): AuditRecord => ({
  eventVersion: '1.11',
  userIdentity: { type: 'Root', arn: 'arn:aws:iam::111122223333:root' },
  eventTime: '2026-11-24T03:08:15Z',
  eventSource: 'kms.amazonaws.com',
  eventName: 'Encrypt',
  awsRegion: 'us-east-1',
  sourceIPAddress: '192.0.2.1',
  userAgent: 'a client\n\u2028with lines',
  requestParameters: { keyId: 'alias/test' },
  responseElements: null,
  requestID: randomUUID(),
  eventID: randomUUID(),
  readOnly: true,
  eventType: 'AwsApiCall',
  managementEvent: true,
  recipientAccountId: '111122223333',
  eventCategory: 'Management',
  ...given,
})

export const some = (count: number): AuditRecord[] => Array.from({ length: count }, () => aRecord())

export const refused = 'The audit record could not be written. The request can be retried.'

import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { usageEntry } from '../../lib/keys/usage.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { string, timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const getKeyLastUsage = operation({
  name: 'GetKeyLastUsage',
  readOnly: true,
  route: 'GET /keys/{KeyId}/last-usage',
  summary: 'The last successful cryptographic operation with a key.',
  input: struct({ KeyId: required(keyId) }),
  output: struct({
    KeyId: keyId,
    KeyLastUsage: struct({
      Operation: string(),
      Timestamp: timestamp,
      CloudTrailEventId: string(),
      KmsRequestId: string(),
    }),
    TrackingStartDate: timestamp,
    KeyCreationDate: timestamp,
  }),
  on: { KeyId: { by: 'key', states: states.present } },
  needs: ['lastUsage'],
  async run({ keys: { KeyId: key }, lastUsage }) {
    return {
      KeyId: key.arn,
      KeyLastUsage: usageEntry(await lastUsage.find(key.id)),
      // Uses are booked from a key's first day on.
      TrackingStartDate: key.createdAt,
      KeyCreationDate: key.createdAt,
    }
  },
})

export const handler = serve(getKeyLastUsage)

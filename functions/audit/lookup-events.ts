import { eventOf, lookupAttributes, lookupOf } from '../../lib/audit/lookup.ts'
import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { integer, oneOf, string, timestamp } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'
import { cloudTrail } from '../../lib/services.ts'

const event = struct({
  EventId: string(),
  EventName: string(),
  ReadOnly: string(),
  AccessKeyId: string(),
  EventTime: timestamp,
  EventSource: string(),
  Username: string(),
  Resources: list(struct({ ResourceType: string(), ResourceName: string() })),
  CloudTrailEvent: string(),
})

/** Of AWS CloudTrail, not of KMS: signed for `cloudtrail`. */
export const lookupEvents = operation({
  name: 'LookupEvents',
  service: cloudTrail,
  readOnly: true,
  route: 'POST /audit/events',
  summary: 'Finds audit records of the last 90 days, newest first.',
  input: struct({
    LookupAttributes: list(
      struct({ AttributeKey: required(oneOf(lookupAttributes)), AttributeValue: required(string({ max: 2000 })) }),
    ),
    StartTime: timestamp,
    EndTime: timestamp,
    EventCategory: string(),
    MaxResults: integer(0, 1000),
    NextToken: string({ max: 4096 }),
  }),
  output: struct({ Events: required(list(event)), NextToken: string() }),
  on: {},
  needs: ['trail'],
  async run({ input, place, now, trail }) {
    const { found, token } = await trail.lookUp(lookupOf(input, place.account, now))
    return { Events: found.map(eventOf), NextToken: token }
  },
})

export const handler = serve(lookupEvents)

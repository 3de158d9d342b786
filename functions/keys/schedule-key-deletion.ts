import { serve } from '../../lib/http/serve.ts'
import { demandWindow, withDeletion } from '../../lib/keys/deletion.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyId } from '../../lib/schema/members.ts'
import { integer, string, timestamp } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const scheduleKeyDeletion = operation({
  name: 'ScheduleKeyDeletion',
  readOnly: false,
  route: 'DELETE /keys/{KeyId}',
  summary: 'Stops every use of a key now and deletes it after a window of 7 to 30 days.',
  input: struct({ KeyId: required(keyId), PendingWindowInDays: withDefault(integer(1, 365), 30) }),
  output: struct({
    KeyId: required(keyId),
    DeletionDate: timestamp,
    KeyState: required(string()),
    PendingWindowInDays: integer(1, 365),
  }),
  on: { KeyId: { by: 'key', states: states.deletable, lastUse: true } },
  demands: demandWindow,
  needs: ['keyStore'],
  async run({ input, keys, now, keyStore }) {
    const { PendingWindowInDays } = input
    const key = withDeletion(keys.KeyId, PendingWindowInDays, now)
    await keyStore.replace(key)
    return { KeyId: key.arn, DeletionDate: key.deletion?.at, KeyState: key.state, PendingWindowInDays }
  },
})

export const handler = serve(scheduleKeyDeletion)

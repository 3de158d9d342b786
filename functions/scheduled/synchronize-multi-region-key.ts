import { serveSchedule } from '../../lib/http/serve-schedule.ts'
import { untoldOf } from '../../lib/keys/regions.ts'
import { onDueKeys } from '../../lib/scheduled.ts'

export const synchronizeMultiRegionKey = onDueKeys({
  name: 'SynchronizeMultiRegionKey',
  summary: 'Tells other Regions of changes of multi-Region keys that they could not be told of at the time.',
  kind: 'synchronize',
  needs: ['keyStore', 'materials', 'peers'],
  async act(key, { record, keyStore }) {
    if (untoldOf(key).length === 0) return false
    await record({ eventName: 'SynchronizeMultiRegionKey', key, details: { regions: untoldOf(key) } })
    // A change that changes nothing: with it those are told that are due.
    await keyStore.replace(key)
    return true
  },
})

export const handler = serveSchedule(synchronizeMultiRegionKey)

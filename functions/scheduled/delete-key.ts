import { removeGrants } from '../../lib/grants/ending.ts'
import { serveSchedule } from '../../lib/http/serve-schedule.ts'
import { beginDeletion, removeAliases, removeMaterials } from '../../lib/keys/deletion.ts'
import { leaveFamily } from '../../lib/regions/replication.ts'
import { onDueKeys } from '../../lib/scheduled.ts'

export const deleteKey = onDueKeys({
  name: 'DeleteKey',
  summary: 'Deletes keys whose waiting period is over: their key material first.',
  kind: 'delete',
  needs: ['keyStore', 'materials', 'aliases', 'grants', 'peers'],
  async act(key, { now, record, keyStore, materials, aliases, grants, peers }) {
    const begun = await beginDeletion(keyStore, key, now)
    if (!begun) return false
    await record({ eventName: 'DeleteKey', key })
    await removeMaterials(materials, key)
    await removeAliases(aliases, key)
    await removeGrants(grants, key)
    await leaveFamily(peers, key)
    await keyStore.remove(begun)
    return true
  },
})

export const handler = serveSchedule(deleteKey)

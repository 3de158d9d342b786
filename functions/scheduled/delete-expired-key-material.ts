import { serveSchedule } from '../../lib/http/serve-schedule.ts'
import { withoutExpired } from '../../lib/keys/imports.ts'
import { onDueKeys } from '../../lib/scheduled.ts'

export const deleteExpiredKeyMaterial = onDueKeys({
  name: 'DeleteExpiredKeyMaterial',
  summary: 'Deletes imported key material that has expired; its key waits until the same material is imported again.',
  kind: 'expire',
  needs: ['keyStore', 'materials'],
  async act(key, { now, record, keyStore, materials }) {
    const { changed, expired } = withoutExpired(key, now)
    if (expired.length === 0) return false
    for (const { materialId, validTo } of expired) {
      const material = await materials.find(key.id, materialId)
      // Nobody could use it any more, so it goes first. What was imported again meanwhile is another blob, and stays.
      if (material && material.createdAt < validTo) await materials.remove(material)
    }
    await record({ eventName: 'DeleteExpiredKeyMaterial', key })
    await keyStore.replace(changed)
    return true
  },
})

export const handler = serveSchedule(deleteExpiredKeyMaterial)

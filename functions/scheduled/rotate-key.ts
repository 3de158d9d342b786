import { serveSchedule } from '../../lib/http/serve-schedule.ts'
import type { Material } from '../../lib/keys/key.ts'
import { rotateIfDue } from '../../lib/keys/rotation.ts'
import { onDueKeys } from '../../lib/scheduled.ts'

export const rotateKey = onDueKeys({
  name: 'RotateKey',
  summary: 'Gives keys new material whose automatic rotation is due.',
  kind: 'rotate',
  needs: ['keyStore', 'materials', 'hsm'],
  async act(key, { now, record, keyStore, materials, hsm }) {
    const announce = ({ id }: Material) =>
      record({
        eventName: 'RotateKey',
        key,
        details: {
          rotationType: 'AUTOMATIC',
          keyOrigin: key.origin,
          previousKeyMaterialId: key.currentMaterialId,
          currentKeyMaterialId: id,
        },
      })
    return (await rotateIfDue({ keyStore, materials, hsm }, key, now, announce)) !== undefined
  },
})

export const handler = serveSchedule(rotateKey)

import { sealAll } from '../../lib/audit/seal.ts'
import { serveSchedule } from '../../lib/http/serve-schedule.ts'
import type { Schedule } from '../../lib/scheduled.ts'

export const sealAuditLog: Schedule = {
  name: 'SealAuditLog',
  summary: 'Closes the newest window of the audit trail with a digest that the HSM signs.',
  needs: ['trail', 'materials', 'hsm'],
  async run(world, until) {
    const { records, more } = await sealAll(world, until)
    return { name: 'SealAuditLog', done: records, failed: 0, lateMs: 0, more }
  },
}

export const handler = serveSchedule(sealAuditLog)

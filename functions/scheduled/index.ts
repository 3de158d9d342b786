import type { Schedule } from '../../lib/scheduled.ts'
import { deleteExpiredKeyMaterial } from './delete-expired-key-material.ts'
import { deleteKey } from './delete-key.ts'
import { rotateKey } from './rotate-key.ts'
import { sealAuditLog } from './seal-audit-log.ts'
import { synchronizeMultiRegionKey } from './synchronize-multi-region-key.ts'

/** The registry of scheduled functions. */
export const schedules: readonly Schedule[] = [
  deleteExpiredKeyMaterial,
  deleteKey,
  rotateKey,
  sealAuditLog,
  synchronizeMultiRegionKey,
]

import type { AuditRecord } from '../lib/audit/record.ts'
import { itemsOf } from '../lib/sinks/dynamodb.ts'

/** DynamoDB writes and bills by the kilobyte begun. */
const unitBytes = 1024
/** Keys of an item in an index that holds keys alone. */
const indexUnits = 1

/** Write units of one record in the audit table: its items, and each of its places in an index. */
export function auditUnitsOf(record: AuditRecord): number {
  const trail = { writer: '00000000-0000-4000-8000-000000000000', sequence: 1 }
  return itemsOf({ ...record, trail }).reduce((sum, item) => {
    const indexes = Object.keys(item).filter((name) => /^GSI\dPK$/.test(name)).length
    return sum + Math.ceil(Buffer.byteLength(JSON.stringify(item)) / unitBytes) + indexes * indexUnits
  }, 0)
}

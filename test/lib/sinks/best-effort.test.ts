import { describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../../lib/audit/record.ts'
import { DependencyTimeoutException } from '../../../lib/errors.ts'
import { bestEffort } from '../../../lib/sinks/best-effort.ts'
import { aRecord, refused, some } from './records.ts'

function aSink(write: (record: AuditRecord) => Promise<void>) {
  const logged: Readonly<Record<string, unknown>>[] = []
  return { sink: bestEffort({ write }, (entry) => logged.push(entry)), logged }
}

describe('best effort', () => {
  it('passes records on and says nothing', async () => {
    const written: AuditRecord[] = []
    const { sink, logged } = aSink(async (record) => {
      written.push(record)
    })
    const records = some(2)
    for (const record of records) await sink.write(record)
    expect(written).toEqual(records)
    expect(logged).toEqual([])
    expect(sink.lost()).toBe(0)
  })

  it('waits until the record is written', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { sink } = aSink(() => promise)
    let done = false
    const write = sink.write(aRecord()).then(() => {
      done = true
    })
    await new Promise(setImmediate)
    expect(done).toBe(false)
    resolve()
    await write
  })

  it('logs and counts a record that cannot be written, without what it says', async () => {
    const { sink, logged } = aSink(() =>
      Promise.reject(new DependencyTimeoutException(refused, { cause: new Error('no space') })),
    )
    const records = some(2)
    for (const record of records) await sink.write(record)
    expect(sink.lost()).toBe(2)
    expect(logged).toEqual(
      records.map(({ eventID, eventName, requestID }, index) => ({
        level: 'error',
        message: 'audit record lost',
        eventID,
        eventName,
        requestID,
        lost: index + 1,
        error: `DependencyTimeoutException: ${refused}`,
        cause: 'Error: no space',
      })),
    )
  })
})

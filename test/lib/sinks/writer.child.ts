/** Writes records to the directory it is given until it is killed; says the id of each that was acknowledged. */
import { openFileSink } from '../../../lib/sinks/file.ts'
import { aRecord } from './records.ts'

const sink = openFileSink({ directory: process.argv[2] ?? '', now: Date.now })

async function write(): Promise<never> {
  for (;;) {
    const record = aRecord()
    await sink.write(record)
    process.stdout.write(`${record.eventID}\n`)
  }
}

await Promise.all(Array.from({ length: 16 }, write))

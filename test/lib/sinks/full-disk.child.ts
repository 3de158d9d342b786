/**
 * Fills the disk that it is given by writing records to the trail on it, makes room, goes on, with the same sink or with
 * a new one as after a restart, and does so again. Says what was refused, and how the trail then reads.
 */
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { openFileSink } from '../../../lib/sinks/file.ts'
import { stamped } from '../../../lib/sinks/stamped.ts'
import { Pressure } from '../../harness/pressure.ts'
import { aRecord } from './records.ts'

const [, , disk = ''] = process.argv
const directory = `${disk}/audit`
const start = () => {
  const sink = openFileSink({ directory, now: Date.now })
  return { sink, numbered: stamped(sink, { uuid: () => crypto.randomUUID(), now: Date.now }) }
}
let { sink, numbered } = start()

const pressure = new Pressure(async (left) => {
  const record = aRecord({ userAgent: 'x'.repeat((left * 97) % 3000) })
  await numbered.write(record)
  return record.eventID
})

const refusedAfter: number[] = []
const health = new Set<string>()
const check = (when: string) =>
  sink.check().then(
    () => health.add(`${when}: well`),
    (error: Error) => health.add(`${when}: ${error.message.replace(directory, 'the trail')}`),
  )
for (const restarts of [false, true, false, true]) {
  writeFileSync(`${disk}/ballast`, Buffer.alloc(statfsSync(disk).bavail * statfsSync(disk).bsize - (1 << 20)))
  let refused = 0
  while (refused < 100) refused += await pressure.apply(100)
  await check('full')
  if (restarts) {
    await sink.close()
    ;({ sink, numbered } = start())
  }
  rmSync(`${disk}/ballast`)
  refusedAfter.push(await pressure.apply(100))
  await check('room')
}

const texts = readdirSync(directory).map((file) => readFileSync(`${directory}/${file}`, 'utf8'))
const lines = texts.flatMap((text) => text.split('\n').slice(0, -1))
const idOf = (line: string): string | undefined => {
  try {
    return JSON.parse(line).eventID
  } catch {
    return undefined
  }
}
const ids = lines.map(idOf)
const torn = ids.filter((id) => id === undefined).length
const found = new Set(ids)
const lost = [...pressure.acknowledged].filter((id) => !found.has(id)).length
const unsealed = await sink.trail.unsealed(undefined, 1_000_000, Date.now())
await sink.close()
const summary = {
  health: [...health],
  refusedAfter,
  refusals: [...pressure.refusals],
  lost,
  torn: torn > 0,
  sealed: unsealed.window.records === lines.length,
}
process.stdout.write(`${JSON.stringify(summary)}\n`)

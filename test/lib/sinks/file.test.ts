import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, type FileHandle, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DependencyTimeoutException } from '../../../lib/errors.ts'
import { type FileSink, openFileSink } from '../../../lib/sinks/file.ts'
import { aRecord, refused, some } from './records.ts'

let home: string
let directory: string
let now: number
const opened: FileSink[] = []

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'keystead-sink-'))
  directory = join(home, 'state', 'audit')
  now = Date.parse('2026-11-24T12:00:00Z')
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sink) => sink.close()))
  await rm(home, { recursive: true })
})

type Open = typeof open
/** How each operation on the file is done instead, by the handle it would be done on. */
interface Faults {
  write?: (handle: FileHandle, bytes: Uint8Array) => Promise<{ bytesWritten: number }>
  datasync?: (handle: FileHandle) => Promise<void>
}

function aSink(faults: Faults = {}) {
  const counts = { opens: 0, writes: 0, syncs: 0, closes: 0 }
  const counting: Open = async (...args) => {
    const handle = await open(...args)
    counts.opens++
    const instead = {
      write: (bytes: Uint8Array) => {
        counts.writes++
        return faults.write ? faults.write(handle, bytes) : handle.write(bytes)
      },
      datasync: () => {
        counts.syncs++
        return faults.datasync ? faults.datasync(handle) : handle.datasync()
      },
      close: () => {
        counts.closes++
        return handle.close()
      },
    }
    return new Proxy(handle, {
      get: (target, name) => {
        if (Object.hasOwn(instead, name)) return instead[name as keyof typeof instead]
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  const sink = openFileSink({ directory, now: () => now, open: counting })
  opened.push(sink)
  return { sink, counts }
}

const fileOf = (day: string) => join(directory, `audit-${day}.jsonl`)
const today = () => fileOf('2026-11-24')

async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8')
  expect(text.endsWith('\n')).toBe(true)
  return text.slice(0, -1).split('\n')
}
const idsOf = async (path: string): Promise<string[]> => (await linesOf(path)).map((line) => JSON.parse(line).eventID)
const idsIn = (records: readonly { eventID: string }[]) => records.map(({ eventID }) => eventID)

const noSpace = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })

async function expectRefused(write: Promise<void>, cause: Error): Promise<void> {
  const error = await write.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(DependencyTimeoutException)
  expect(error).toMatchObject({ message: refused, cause, status: 503 })
}

describe('a file sink', () => {
  it('writes each record as one line of JSON that reads as the record', async () => {
    const { sink } = aSink()
    const record = aRecord()
    await sink.write(record)
    expect((await linesOf(today())).map((line) => JSON.parse(line))).toEqual([record])
  })

  it('lets only its owner at the directory and the file', async () => {
    const { sink } = aSink()
    await sink.write(aRecord())
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(today())).mode & 0o777).toBe(0o600)
  })

  /** A sink whose syncs last until they are let through, and what says that the first has begun. */
  function aSlowSink() {
    const begun = Promise.withResolvers<void>()
    const through = Promise.withResolvers<void>()
    const datasync = () => {
      begun.resolve()
      return through.promise
    }
    return { ...aSink({ datasync }), begun: begun.promise, letThrough: () => through.resolve() }
  }

  it('resolves a write only after the line is synced', async () => {
    const { sink, begun, letThrough } = aSlowSink()
    let acknowledged = false
    const written = sink.write(aRecord()).then(() => {
      acknowledged = true
    })
    await begun
    expect(await linesOf(today())).toHaveLength(1)
    expect(acknowledged).toBe(false)
    letThrough()
    await written
  })

  it('takes what arrives at once into one write and sync', async () => {
    const { sink, counts } = aSink()
    const records = some(1000)
    await Promise.all(records.map((record) => sink.write(record)))
    expect(counts).toEqual({ opens: 1, writes: 1, syncs: 1, closes: 0 })
    expect(await idsOf(today())).toEqual(idsIn(records))
  })

  it('takes what arrives during a write into one next write and sync', async () => {
    const { sink, counts, begun, letThrough } = aSlowSink()
    const first = aRecord()
    const later = some(50)
    const writes = [sink.write(first)]
    await begun
    for (const record of later) {
      writes.push(sink.write(record))
      await new Promise(setImmediate)
    }
    expect(counts).toEqual({ opens: 1, writes: 1, syncs: 1, closes: 0 })
    letThrough()
    await Promise.all(writes)
    expect(counts).toEqual({ opens: 1, writes: 2, syncs: 2, closes: 0 })
    expect(await idsOf(today())).toEqual(idsIn([first, ...later]))
  })

  it('goes on in the file of the day', async () => {
    const before = aRecord()
    const first = aSink()
    await first.sink.write(before)
    await first.sink.close()
    const after = aRecord()
    await aSink().sink.write(after)
    expect(await idsOf(today())).toEqual(idsIn([before, after]))
  })

  it('shares the file with another sink, line by line', async () => {
    const sinks = [aSink().sink, aSink().sink]
    const records = some(400)
    await Promise.all(
      records.map(async (record, index) => {
        await new Promise(setImmediate)
        await sinks[index % 2]?.write(record)
      }),
    )
    expect((await idsOf(today())).sort()).toEqual(idsIn(records).sort())
  })

  it('begins a new file when the day changes, in UTC', async () => {
    const { sink, counts } = aSink()
    const records = some(2)
    now = Date.parse('2026-11-24T23:59:59.999Z')
    await sink.write(records[0] ?? aRecord())
    now += 1
    await sink.write(records[1] ?? aRecord())
    expect((await readdir(directory)).sort()).toEqual(['audit-2026-11-24.jsonl', 'audit-2026-11-25.jsonl'])
    expect([...(await idsOf(today())), ...(await idsOf(fileOf('2026-11-25')))]).toEqual(idsIn(records))
    expect(counts).toMatchObject({ opens: 2, closes: 1 })
  })

  it('writes what is waiting before it closes, and refuses what comes after', async () => {
    const { sink, counts } = aSink()
    const records = some(50)
    const writes = records.map((record) => sink.write(record))
    await sink.close()
    await Promise.all(writes)
    expect(await idsOf(today())).toEqual(idsIn(records))
    expect(counts).toMatchObject({ opens: 1, closes: 1 })
    await expectRefused(sink.write(aRecord()), new Error('Closed: nothing more is taken.'))
  })
})

describe('a file sink that fails', () => {
  it('refuses every record of the write that failed, and writes the next ones to the file opened anew', async () => {
    let full = false
    const { sink, counts } = aSink({
      write: (handle, bytes) => (full ? Promise.reject(noSpace) : handle.write(bytes)),
    })
    const first = aRecord()
    await sink.write(first)
    full = true
    await Promise.all(some(3).map((record) => expectRefused(sink.write(record), noSpace)))
    full = false
    const last = aRecord()
    await sink.write(last)
    expect(await idsOf(today())).toEqual(idsIn([first, last]))
    expect(counts).toMatchObject({ opens: 2, closes: 1 })
  })

  it('refuses records whose sync failed, and trusts that file handle no more', async () => {
    let broken = true
    const { sink, counts } = aSink({ datasync: (handle) => (broken ? Promise.reject(noSpace) : handle.datasync()) })
    await expectRefused(sink.write(aRecord()), noSpace)
    broken = false
    await sink.write(aRecord())
    expect(counts).toMatchObject({ opens: 2, syncs: 2 })
  })

  it('leaves a line that a full disk cut short on a line of its own', async () => {
    let space = Number.POSITIVE_INFINITY
    const { sink } = aSink({ write: (handle, bytes) => handle.write(bytes.subarray(0, space)) })
    const [first, cut, last] = [aRecord(), aRecord(), aRecord()]
    await sink.write(first)
    space = 100
    const line = Buffer.byteLength(JSON.stringify(cut)) + 1
    await expectRefused(sink.write(cut), new Error(`Only 100 of ${line} bytes were written.`))
    space = Number.POSITIVE_INFINITY
    await sink.write(last)
    const lines = await linesOf(today())
    expect(lines).toEqual([JSON.stringify(first), JSON.stringify(cut).slice(0, 100), JSON.stringify(last)])
  })

  it('leaves a line that a crash cut short on a line of its own', async () => {
    const first = aRecord()
    const crashed = aSink()
    await crashed.sink.write(first)
    await crashed.sink.close()
    await appendFile(today(), '{"eventVersion":"1.1')
    const { sink } = aSink()
    const records = some(2)
    for (const record of records) await sink.write(record)
    const [, torn, ...rest] = await linesOf(today())
    expect(torn).toBe('{"eventVersion":"1.1')
    expect(rest.map((line) => JSON.parse(line).eventID)).toEqual(idsIn(records))
  })

  it('refuses while the directory cannot be made, and writes once it can', async () => {
    await writeFile(join(home, 'state'), '')
    const { sink } = aSink()
    const error = await sink.write(aRecord()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(DependencyTimeoutException)
    expect(error).toMatchObject({ message: refused, cause: { code: expect.stringMatching(/^(EEXIST|ENOTDIR)$/) } })
    await rm(join(home, 'state'))
    await sink.write(aRecord())
    expect(await linesOf(today())).toHaveLength(1)
  })

  it('refuses alone a record that is no JSON', async () => {
    const { sink } = aSink()
    const good = some(2)
    const bad = aRecord({ requestParameters: { number: 1n } })
    const writes = [good[0] ?? bad, bad, good[1] ?? bad].map((record) => sink.write(record))
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await idsOf(today())).toEqual(idsIn(good))
  })
})

describe('a process that is killed', () => {
  it('leaves every record it acknowledged in the file', async () => {
    const script = fileURLToPath(new URL('writer.child.ts', import.meta.url))
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      said += text
      if (said.length > 300 * 37) child.kill('SIGKILL')
    })
    const [, signal] = await once(child, 'close')
    expect(signal).toBe('SIGKILL')
    const acknowledged = said.split('\n').slice(0, -1)
    expect(acknowledged.length).toBeGreaterThanOrEqual(300)

    const [name = ''] = await readdir(directory)
    const path = join(directory, name)
    const whole = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
    const written = new Set(whole.map((line) => JSON.parse(line).eventID))
    expect(acknowledged.filter((id) => !written.has(id))).toEqual([])
  })
})

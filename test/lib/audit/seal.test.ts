/** The sealed trail: written by the sinks, closed by digests, verified by somebody who has the public key alone. */
import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { proofFor, verifyProof } from '../../../lib/audit/proof.ts'
import type { AuditRecord } from '../../../lib/audit/record.ts'
import { sealAll } from '../../../lib/audit/seal.ts'
import type { Trail } from '../../../lib/audit/trail.ts'
import { type Export, verifyExport } from '../../../lib/audit/verify.ts'
import { Conflict } from '../../../lib/ports.ts'
import { openFileSink } from '../../../lib/sinks/file.ts'
import { fileTrail } from '../../../lib/sinks/file-trail.ts'
import { stamped } from '../../../lib/sinks/stamped.ts'
import { readExport } from '../../../scripts/audit-files.ts'
import { memoryStore } from '../../harness/memory-store.ts'
import { SoftHsm } from '../../harness/soft-hsm.ts'
import { aRecord, some } from '../sinks/records.ts'

let directory: string
let now: number
beforeEach(async () => {
  keepDays = 0
  directory = await mkdtemp(join(tmpdir(), 'keystead-trail-'))
  now = Date.parse('2026-11-24T12:00:00Z')
})
afterEach(() => rm(directory, { recursive: true }))

const sealing = { hsm: new SoftHsm(), materials: memoryStore().materials, account: '000000000000', region: 'us-east-1' }
let keepDays = 0
const seal = () =>
  sealAll(
    { ...sealing, trail: fileTrail(directory), now: () => now, auditKeepDays: keepDays },
    Number.POSITIVE_INFINITY,
  )
const aWriter = () => {
  const sink = openFileSink({ directory, now: () => now })
  return { ...stamped(sink, { uuid: randomUUID, now: () => now }), close: () => sink.close() }
}
const write = async (sink: { write(record: AuditRecord): Promise<void> }, records: readonly AuditRecord[]) =>
  void (await Promise.all(records.map((record) => sink.write(record))))
const exported = async () => readExport(directory)
async function verdict(changed?: (given: Export) => Export) {
  const { publicKey, ...given } = await exported()
  return verifyExport(changed ? changed(given) : given, publicKey)
}
const sound = (records: number, digests: number) => ({ findings: [], sound: records, digests })

describe('a trail that nobody touched', () => {
  test('is sound: every record in one window, whatever the number of writers and sealings', async () => {
    const writers = [aWriter(), aWriter(), aWriter()]
    for (let round = 1; round <= 4; round++) {
      await Promise.all(writers.map((writer) => write(writer, some(round * 5))))
      expect(await seal()).toEqual({ records: round * 15, more: false })
      expect(await seal()).toEqual({ records: 0, more: false })
      now += 86_400_000 / 3
    }
    expect(await verdict()).toEqual(sound(150, 4))
    await Promise.all(writers.map((writer) => writer.close()))
  })

  test('is sealed exactly while it is being written', async () => {
    const writer = aWriter()
    let writing = true
    const wrote = (async () => {
      for (let n = 0; n < 60; n++) await write(writer, some(7))
      writing = false
    })()
    let sealed = 0
    while (writing) sealed += (await seal()).records
    await wrote
    sealed += (await seal()).records
    expect(sealed).toBe(420)
    expect((await verdict()).findings).toEqual([])
    await writer.close()
  })

  test('is sealed in several windows where one does not hold it all', async () => {
    const writer = aWriter()
    await write(writer, some(20_001))
    expect(await seal()).toEqual({ records: 20_001, more: false })
    expect(await verdict()).toEqual(sound(20_001, 3))
    await writer.close()
  })

  test('is read in the thread that asks where there is no other, as in a bundle', async () => {
    const writer = aWriter()
    await write(writer, some(3))
    await writer.close()
    const outfile = join(directory, 'bundled', 'file-trail.mjs')
    await build({ entryPoints: ['lib/sinks/file-trail.ts'], bundle: true, platform: 'node', format: 'esm', outfile })
    const { fileTrail: bundled } = (await import(outfile)) as { fileTrail: typeof fileTrail }
    const here = await bundled(directory).unsealed(undefined, 10, now)
    expect(here.window.records).toBe(3)
    expect(here).toEqual(await fileTrail(directory).unsealed(undefined, 10, now))
    expect(await bundled(directory).unsealed(here.cursor, 10, now)).toMatchObject({ window: { records: 0 } })
  })

  test('that cannot be read is not sealed, and whoever seals hears why', async () => {
    await mkdir(join(directory, 'audit-2026-11-24.jsonl'))
    await expect(seal()).rejects.toThrow('EISDIR')
    await rm(join(directory, 'audit-2026-11-24.jsonl'), { recursive: true })
    expect(await seal()).toEqual({ records: 0, more: false })
  })

  test('keeps lines that are longer than what is read at once', async () => {
    const writer = aWriter()
    const long = aRecord({ requestParameters: { policy: 'x'.repeat(1_500_000) } })
    await write(writer, [...some(2), long, ...some(2)])
    expect(await seal()).toEqual({ records: 5, more: false })
    expect(await verdict()).toEqual(sound(5, 1))
    await writer.close()
  })

  test('holds what a crash has torn, too', async () => {
    const first = aWriter()
    await write(first, some(2))
    await first.close()
    await appendFile(join(directory, 'audit-2026-11-24.jsonl'), '{"eventVersion":"1.11","userId')
    expect(await seal()).toMatchObject({ records: 2 })
    const second = aWriter()
    await write(second, some(2))
    expect(await seal()).toMatchObject({ records: 3 })
    expect(await verdict()).toEqual(sound(5, 2))
    await second.close()
  })

  test('tells of records that could not be written, and is sound', async () => {
    const writer = randomUUID()
    const sink = openFileSink({ directory, now: () => now })
    let broken = false
    const breaking = {
      write: (record: AuditRecord) => (broken ? Promise.reject(new Error('full')) : sink.write(record)),
    }
    const marked = stamped(breaking, { uuid: () => writer, now: () => now })
    await write(marked, some(2))
    broken = true
    for (const record of some(3)) await expect(marked.write(record)).rejects.toThrow('full')
    broken = false
    await write(marked, some(1))
    await write(marked, some(1))
    expect(await seal()).toMatchObject({ records: 4 })
    expect(await verdict()).toEqual(sound(4, 1))
    const lines = [...(await exported()).files.values()].flat().map((line) => JSON.parse(line).trail)
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 6, 7])
    expect(lines[2]).toEqual({ writer, sequence: 6, unwritten: [[3, 5]] })
    expect(lines[3]).toEqual({ writer, sequence: 7 })
    await sink.close()
  })

  test('is sealed by one of two who try at once', async () => {
    const writer = aWriter()
    await write(writer, some(5))
    const outcomes = await Promise.allSettled([seal(), seal()])
    const failures = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
    expect(failures.every((failure) => failure instanceof Conflict)).toBe(true)
    expect(await verdict()).toEqual(sound(5, 1))
    await writer.close()
  })
})

describe('a sealing that is cut short', () => {
  /** A trail whose nth write fails, done or not, and with it whoever seals. */
  function cut(nth: number, done: boolean) {
    let writes = 0
    const trail = fileTrail(directory)
    const write = async (change: () => Promise<void>): Promise<void> => {
      const ends = ++writes === nth
      if (!ends || done) await change()
      if (ends) throw new Error('cut short')
    }
    const mortal: Trail = {
      ...trail,
      addDigest: (digest) => write(() => trail.addDigest(digest)),
      setHead: (head, publicKey) => write(() => trail.setHead(head, publicKey)),
      async prune(before) {
        const { remove, ...rest } = await trail.prune(before)
        return { ...rest, remove: () => write(remove) }
      },
    }
    return { mortal, writes: () => writes }
  }

  test.each([
    ['before', false],
    ['after', true],
  ])('just %s any of its writes is made good by the next, and forgets no more than it should', async (_, done) => {
    const begun = now
    // A digest, the head, and what is forgotten.
    for (const nth of [1, 2, 3]) {
      now = begun
      keepDays = 2
      await rm(directory, { recursive: true })
      const writer = aWriter()
      for (let day = 0; day < 4; day++) {
        await write(writer, some(3))
        await seal()
        now += 86_400_000
      }
      await write(writer, some(3))
      const { mortal, writes } = cut(nth, done)
      const world = { ...sealing, trail: mortal, now: () => now, auditKeepDays: keepDays }
      await expect(sealAll(world, Number.POSITIVE_INFINITY)).rejects.toThrow('cut short')
      expect(writes()).toBe(nth)
      await seal()
      expect([nth, await verdict()]).toEqual([nth, sound(9, 3)])
      await writer.close()
    }
  })
})

describe('a trail that somebody changed', () => {
  /** Three windows over two days and two writers. */
  async function aTrail(): Promise<Export & { readonly publicKey: Uint8Array }> {
    const [one, two] = [aWriter(), aWriter()]
    for (let window = 0; window < 3; window++) {
      await Promise.all([write(one, some(6)), write(two, some(4))])
      await seal()
      now += 86_400_000 * 0.7
    }
    await Promise.all([one.close(), two.close()])
    return exported()
  }
  const names = (given: Export) => [...given.files.keys()]
  const with_ = (given: Export, file: string, lines: readonly string[]): Export => ({
    ...given,
    files: new Map([...given.files, [file, lines]]),
  })

  test('names the record that was changed, removed, inserted or moved', async () => {
    const given = await aTrail()
    const [file = ''] = names(given)
    const lines = given.files.get(file) ?? []
    const check = (changed: readonly string[]) => verifyExport(with_(given, file, changed), given.publicKey).findings
    const record = JSON.parse(lines[3] ?? '')
    const id = `${record.trail.writer}#${record.trail.sequence}`

    const forged = JSON.stringify({ ...record, errorCode: undefined, eventName: 'ListKeys' })
    expect(check(lines.with(3, forged))).toMatchObject([
      { what: 'changed', where: `${file}:4 ${id} (event ${record.eventID})` },
    ])
    expect(check(lines.toSpliced(3, 1))).toMatchObject([{ what: 'removed', where: `${file} ${id}` }])
    expect(check(lines.toSpliced(4, 0, lines[3] ?? ''))).toMatchObject([{ what: 'inserted' }])
    const stranger = JSON.stringify({ ...aRecord(), trail: { writer: randomUUID(), sequence: 1 } })
    expect(check(lines.toSpliced(4, 0, stranger))).toMatchObject([{ what: 'inserted', why: 'in no digest' }])
    expect(check(lines.toSpliced(4, 0, 'not a record'))).toMatchObject([{ what: 'inserted' }])
    const moved = lines.toSpliced(3, 1).toSpliced(6, 0, lines[3] ?? '')
    expect(check(moved).map(({ what }) => what)).toContain('moved')
  })

  test('names windows that are gone, the newest and the whole of it included', async () => {
    const given = await aTrail()
    const { publicKey } = given
    const whys = (changed: Partial<Export>) =>
      verifyExport({ ...given, ...changed }, publicKey).findings.map(({ what, where }) => `${what} ${where}`)
    const lastOfAll = given.digests.slice(0, 2)
    expect(whys({ digests: lastOfAll })).toContain('digest head')
    // With its records: what is left is a sound trail, but for the head.
    const runs = JSON.parse(given.digests[2]?.body ?? '').runs as [string, string, number, number][]
    const gone = new Set(
      runs.flatMap(([, by, first, count]) => Array.from({ length: count }, (_, n) => `${by}#${first + n}`)),
    )
    const kept = new Map(
      Array.from(given.files, ([file, lines]) => [
        file,
        lines.filter((line) => !gone.has(`${JSON.parse(line).trail.writer}#${JSON.parse(line).trail.sequence}`)),
      ]),
    )
    expect(whys({ digests: lastOfAll, files: kept })).toEqual(['digest head'])
    expect(whys({ digests: given.digests.toSpliced(1, 1) })).toContain('digest digest 3')
    expect(whys({ digests: [], files: new Map() })).toEqual(['digest head'])
    expect(whys({ digests: [], files: new Map(), head: undefined })).toEqual(['digest head'])
    expect(verifyExport(given, new Uint8Array(91)).findings.length).toBeGreaterThan(30)
  })

  test('a record removed before it was sealed is missing by its number', async () => {
    const writer = aWriter()
    await write(writer, some(5))
    const file = join(directory, 'audit-2026-11-24.jsonl')
    const lines = (await readFile(file, 'utf8')).split('\n')
    const { trail } = JSON.parse(lines[2] ?? '')
    await writeFile(file, lines.toSpliced(2, 1).join('\n'))
    await seal()
    expect((await verdict()).findings).toMatchObject([
      { what: 'missing', where: `${trail.writer}#${trail.sequence}`, why: expect.stringContaining('digest 1') },
    ])
    await writer.close()
  })

  test('every one of 10,000 random mutations is found', async () => {
    const given = await aTrail()
    let seed = 20_261_126
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed % below
    }
    const flip = (text: string): string => {
      const at = random(text.length)
      return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 + random(30))) + text.slice(at + 1)
    }
    const ofLines = (change: (lines: string[], at: number) => void) => (): Export => {
      const file = names(given)[random(given.files.size)] ?? ''
      const lines = [...(given.files.get(file) ?? [])]
      change(lines, random(lines.length))
      return with_(given, file, lines)
    }
    const ofDigest = (member: 'body' | 'signature' | 'leaves') => (): Export => {
      const at = random(given.digests.length)
      const digest = given.digests[at]
      if (!digest) throw new Error('no digest')
      return { ...given, digests: given.digests.with(at, { ...digest, [member]: flip(digest[member]) }) }
    }
    const mutations: readonly (() => Export)[] = [
      ofLines((lines, at) => lines.splice(at, 1)),
      ofLines((lines, at) => lines.splice(at, 1, flip(lines[at] ?? ''))),
      ofLines((lines, at) => lines.splice(at, 0, lines[random(lines.length)] ?? '')),
      ofLines((lines, at) => {
        const to = (at + 1 + random(lines.length - 1)) % lines.length
        const [line = ''] = lines.splice(at, 1)
        lines.splice(to, 0, line)
      }),
      () => {
        const [from = '', to = ''] = names(given)
        const [first, second] = [[...(given.files.get(from) ?? [])], [...(given.files.get(to) ?? [])]]
        const [line = ''] = first.splice(random(first.length), 1)
        second.splice(random(second.length + 1), 0, line)
        return with_(with_(given, from, first), to, second)
      },
      ofDigest('body'),
      ofDigest('signature'),
      ofDigest('leaves'),
      () => ({ ...given, digests: given.digests.toSpliced(random(given.digests.length), 1) }),
      () => ({ ...given, digests: given.digests.toReversed() }),
      () => ({ ...given, head: given.head && { ...given.head, body: flip(given.head.body) } }),
    ]
    const unseen: string[] = []
    for (let n = 0; n < 10_000; n++) {
      const mutated = mutations[n % mutations.length]?.()
      if (mutated && isSame(mutated, given)) continue
      if (!mutated || verifyExport(mutated, given.publicKey).findings.length === 0)
        unseen.push(`${n % mutations.length}`)
    }
    expect(unseen).toEqual([])
    expect(verifyExport(given, given.publicKey)).toEqual(sound(30, 3))
  }, 120_000)

  /** A base64 character's spare bits, or two equal lines that changed places, change nothing. */
  function isSame(a: Export, b: Export): boolean {
    const normal = ({ files, digests, head }: Export) =>
      JSON.stringify([
        [...files],
        digests.map(({ body, signature, leaves }) => [body, bytesOf(signature), bytesOf(leaves)]),
        head && [head.body, bytesOf(head.signature)],
      ])
    return normal(a) === normal(b)
  }
  const bytesOf = (text: string) => Buffer.from(text, 'base64').toString('hex')
})

describe('a trail that is kept for some days only', () => {
  test('forgets whole days with their digests, and what is left is sound', async () => {
    keepDays = 30
    const writer = aWriter()
    for (let day = 0; day < 40; day++) {
      await write(writer, some(3))
      await seal()
      now += 86_400_000
    }
    const { files, digests, head } = await exported()
    expect(digests).toHaveLength(31)
    expect([...files.keys()].sort()[0]).toBe('audit-2026-12-03.jsonl')
    expect(JSON.parse(head?.body ?? '')).toMatchObject({ number: 40, from: 10 })
    expect(await verdict()).toEqual(sound(93, 31))
    // Who forgets more than was published is found out.
    await rm(join(directory, 'digests', '000000010.json'))
    await rm(join(directory, 'audit-2026-12-03.jsonl'))
    expect((await verdict()).findings.map(({ what }) => what)).toContain('digest')
    await writer.close()
  })

  test('keeps its newest digest, however old', async () => {
    keepDays = 30
    const writer = aWriter()
    await write(writer, some(3))
    await seal()
    now += 100 * 86_400_000
    expect(await seal()).toMatchObject({ records: 0 })
    expect(await verdict()).toEqual(sound(3, 1))
    await write(writer, some(2))
    await seal()
    expect(await verdict()).toEqual(sound(2, 1))
    await writer.close()
  })

  test('has a writer for each day, so that those of days long gone are forgotten', async () => {
    const writer = aWriter()
    for (let day = 0; day < 5; day++) {
      await write(writer, some(2))
      await seal()
      now += 86_400_000
    }
    const marks = [...(await exported()).files.values()].flat().map((line) => JSON.parse(line).trail)
    expect(new Set(marks.map(({ writer: id }) => id)).size).toBe(5)
    expect(marks.map(({ sequence }) => sequence)).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2])
    const newest = await fileTrail(directory).newestDigest()
    expect(Object.keys(JSON.parse(newest?.cursor ?? '').writers)).toHaveLength(2)
    await writer.close()
  })
})

describe('a proof for one record', () => {
  test('holds by itself, and for no other record, digest or key', async () => {
    const writer = aWriter()
    const records = some(7)
    await write(writer, records)
    await seal()
    await write(writer, some(3))
    await seal()
    await writer.close()
    const { publicKey, ...given } = await exported()
    for (const { eventID } of records) {
      const proof = proofFor(given, eventID)
      if (!proof) throw new Error('no proof')
      expect(verifyProof(proof, publicKey)).toBeUndefined()
      const changed = proof.record.replace('"Encrypt"', '"Decrypt"')
      expect(verifyProof({ ...proof, record: changed }, publicKey)).toBe('the digest does not hold this record')
      expect(verifyProof({ ...proof, index: proof.index + 1 }, publicKey)).toBe('the digest does not hold this record')
      const digest = { ...proof.digest, body: given.digests[1]?.body ?? '' }
      expect(verifyProof({ ...proof, digest }, publicKey)).toBe('the signature of the digest is not right')
    }
    expect(proofFor(given, randomUUID())).toBeUndefined()
  })
})

test('the directory holds nothing but the trail, its digests, the head and the public key', async () => {
  const writer = aWriter()
  await write(writer, some(1))
  await seal()
  expect((await readdir(directory, { recursive: true })).sort()).toEqual([
    'audit-2026-11-24.jsonl',
    'digests',
    'digests/000000001.json',
    'head.json',
    'public-key.pem',
  ])
  await mkdir(join(directory, 'other'))
  expect(await verdict()).toEqual(sound(1, 1))
  await writer.close()
})

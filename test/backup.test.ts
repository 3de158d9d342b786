/** Backups of a store: all of it, as it was at one moment, and into an empty one or not at all. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Contents, openContents, type StoredItem } from '../lib/store/contents.ts'
import { openStore } from '../lib/store/store.ts'
import { Chain, type Head, itemFromJson, itemToJson, macOf } from '../scripts/backup/lines.ts'
import { restoreBackup, takeBackup, verifyBackup } from '../scripts/backup/take.ts'
import { aGrant, aKey, aMaterial, place } from './harness/store.ts'

const head: Head = { format: 'keystead-backup-1', takenAt: '2026-01-01T00:00:00.000Z', ...place }
const key = randomBytes(32)
const corrupted = /^The backup is corrupted|^This is no backup|^The backup was not sealed/

let home: string
let names = 0
const at = (): string => join(home, `${names++}`)
const embedded = (directory: string) => ({ kind: 'embedded', directory }) as const
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'keystead-backup-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

async function within<T>(directory: string, use: (contents: Contents) => Promise<T>): Promise<T> {
  const contents = await openContents(embedded(directory))
  try {
    return await use(contents)
  } finally {
    await contents.close()
  }
}
const allOf = (directory: string): Promise<readonly object[]> =>
  within(directory, async (contents) => {
    const all: object[] = []
    for await (const item of contents.all()) all.push(itemToJson(item))
    return all
  })

/** A store with records of several kinds. */
async function filled(keys: number, policyLength = 100): Promise<string> {
  const directory = at()
  const store = await openStore({ ...embedded(directory), cacheTtlMs: 0, now: Date.now })
  for (let made = 0; made < keys; made++) {
    const each = aKey({
      description: 'x'.repeat(8000),
      policy: `{"é":"${'p'.repeat(policyLength)}"}`,
      tags: { 'a"b': 'ç\n' },
    })
    await store.keys.create(each)
    await store.materials.create({ ...aMaterial(each.id), publicKey: randomBytes(294) })
    await store.grants.create(aGrant(each.id))
  }
  await store.close()
  return directory
}
const backedUp = async (directory: string): Promise<string> => {
  const file = at()
  await within(directory, (contents) => takeBackup(contents, file, head, key))
  return file
}
const restored = async (file: string, directory = at()): Promise<string> => {
  const tail = await verifyBackup(file, place, key)
  await within(directory, (contents) => restoreBackup(contents, file, key, tail))
  return directory
}

describe('a backup', () => {
  it('brings every item back as it was, and counts them by kind', async () => {
    // Three times what one page of a scan holds.
    const directory = await filled(12, 260_000)
    const file = await backedUp(directory)
    const { items, kinds } = await verifyBackup(file, place, key)
    expect([items, kinds]).toEqual([
      36,
      [
        { kind: 'grant', items: 12 },
        { kind: 'key', items: 12 },
        { kind: 'material', items: 12 },
      ],
    ])
    const again = await restored(file)
    expect(await allOf(again)).toEqual(await allOf(directory))
    expect(readFileSync(await backedUp(again), 'utf8')).toBe(readFileSync(file, 'utf8'))
  })

  it('is refused whatever is changed, missing, added or moved in it', async () => {
    const file = await backedUp(await filled(2))
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(8)
    const attempt = async (changed: readonly string[]): Promise<void> => {
      const other = at()
      writeFileSync(other, `${changed.join('\n')}\n`)
      await expect(verifyBackup(other, place, key)).rejects.toThrow(corrupted)
    }
    for (const number of lines.keys()) {
      await attempt(lines.filter((_, each) => each !== number))
      await attempt(lines.map((line, each) => (each === number ? line.replace(/[a-f0-9]"(?=[,}\]])/, 'g"') : line)))
    }
    await attempt([...lines.slice(0, 2), ...lines.slice(3, 4), ...lines.slice(2, 3), ...lines.slice(4)])
    await attempt([...lines, lines[1] ?? ''])
    await attempt([])
    await attempt(lines.map((line) => line.slice(0, -1)))
  })

  it('names the line that was changed', async () => {
    const file = await backedUp(await filled(2))
    writeFileSync(file, readFileSync(file, 'utf8').replace('"Enabled"', '"Disabled"'))
    const line =
      readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((each) => each.includes('"Disabled"')) + 1
    await expect(verifyBackup(file, place, key)).rejects.toThrow(
      `The backup is corrupted: line ${line} is not as it was written`,
    )
  })

  it('is refused when somebody made it without the roots, though all its digests are right', async () => {
    const file = at()
    const chain = new Chain(head)
    const item = itemToJson({ PK: { S: 'KEY#1' }, SK: { S: 'KEY' } })
    const line = { kind: 'key', item, chain: chain.add('key', item) }
    const totals = chain.totals()
    const tail = { ...totals, mac: macOf(randomBytes(32), totals) }
    writeFileSync(file, [head, line, tail].map((each) => `${JSON.stringify(each)}\n`).join(''))
    await expect(verifyBackup(file, place, key)).rejects.toThrow(
      'The backup was not sealed by a token with these roots',
    )
  })

  it('is refused by another deployment', async () => {
    const file = await backedUp(await filled(1))
    await expect(verifyBackup(file, { ...place, region: 'eu-west-1' }, key)).rejects.toThrow(
      'The backup is of account 111122223333 in us-east-1 (aws), and this is another deployment.',
    )
  })
})

describe('taking a backup', () => {
  /** A store in which something is written just before each of the first readings has ended. */
  const busy = (contents: Contents, writes: number, item: (at: number) => StoredItem): Contents => {
    let done = 0
    return {
      ...contents,
      async *all() {
        yield* contents.all()
        if (done < writes) await contents.put(item(done++))
      },
    }
  }

  it('begins again while the store changes, and holds what was there all at once', async () => {
    const directory = await filled(3)
    const file = at()
    const late = (number: number) => ({ PK: { S: `LATE#${number}` }, SK: { S: 'LATE' }, type: { S: 'late' } })
    const { kinds } = await within(directory, (contents) => takeBackup(busy(contents, 3, late), file, head, key))
    expect(kinds).toContainEqual({ kind: 'late', items: 3 })
    expect(await allOf(await restored(file))).toEqual(await allOf(directory))
  })

  it('gives up when the store changes all the time, and leaves no file that could be restored', async () => {
    const directory = await filled(1)
    const file = at()
    const late = (number: number) => ({ PK: { S: `LATE#${number}` }, SK: { S: 'LATE' } })
    const taking = within(directory, (contents) => takeBackup(busy(contents, 99, late), file, head, key))
    await expect(taking).rejects.toThrow('The store was changed during each reading')
    await expect(verifyBackup(file, place, key)).rejects.toThrow('The backup is corrupted: its end is missing.')
  })

  it('is not kept up by the records of when keys were last used', async () => {
    const directory = await filled(1)
    const used = (number: number) => ({
      PK: { S: 'USE#1' },
      SK: { S: 'USE' },
      type: { S: 'use' },
      at: { N: `${number}` },
    })
    const { kinds } = await within(directory, (contents) => takeBackup(busy(contents, 99, used), at(), head, key))
    expect(kinds).toContainEqual({ kind: 'use', items: 1 })
  })
})

describe('restoring', () => {
  it('refuses a store that is not empty', async () => {
    const directory = await filled(1)
    const before = await allOf(directory)
    await expect(restored(await backedUp(directory), directory)).rejects.toThrow(
      'The store is not empty: a backup is restored into an empty one only.',
    )
    expect(await allOf(directory)).toEqual(before)
  })

  it('is taken up where it was broken off, by the same backup alone', async () => {
    const source = await filled(40)
    const [file, other] = [await backedUp(source), await backedUp(await filled(1))]
    const directory = at()
    const tail = await verifyBackup(file, place, key)
    const broken = within(directory, (contents) => {
      let left = 50
      const put = (item: StoredItem) => (left-- > 0 ? contents.put(item) : Promise.reject(new Error('pulled out')))
      return restoreBackup({ ...contents, put }, file, key, tail)
    })
    await expect(broken).rejects.toThrow('pulled out')
    expect((await allOf(directory)).length).toBeGreaterThan(32)
    await expect(restored(other, directory)).rejects.toThrow('The store is not empty')
    await expect(backedUp(directory)).rejects.toThrow('The store is half restored: there is nothing whole to back up.')
    expect(await allOf(await restored(file, directory))).toEqual(await allOf(source))
  })

  it('says so when the store does not hold what was written', async () => {
    const file = await backedUp(await filled(2))
    const tail = await verifyBackup(file, place, key)
    const lossy = within(at(), (contents) => {
      let puts = 0
      return restoreBackup(
        { ...contents, put: async (item) => (puts++ === 3 ? undefined : contents.put(item)) },
        file,
        key,
        tail,
      )
    })
    await expect(lossy).rejects.toThrow('The store does not hold what the backup does')
  })
})

describe('an item in JSON', () => {
  const value: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary' }).map((S) => ({ S })),
      fc.integer().map((N) => ({ N: `${N}` })),
      fc.boolean().map((BOOL) => ({ BOOL })),
      fc.constant({ NULL: true as const }),
      fc.uint8Array().map((B) => ({ B })),
      fc.array(fc.string(), { minLength: 1 }).map((SS) => ({ SS })),
      fc.array(fc.uint8Array(), { minLength: 1 }).map((BS) => ({ BS })),
      fc.array(tie('value')).map((L) => ({ L })),
      fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }).map((M) => ({ M })),
    ),
  })).value

  it('is the same item when it is read', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }), (item) => {
        expect(itemFromJson(JSON.parse(JSON.stringify(itemToJson(item))))).toEqual(item)
      }),
    )
  })
})

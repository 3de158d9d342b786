/** Takes a backup of a store, and restores one into a store that is empty. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Contents, StoredItem } from '../../lib/store/contents.ts'
import { restorationAt } from '../../lib/store/whole.ts'
import { Chain, type Head, itemToJson, macOf, type Origin, readLines, type Tail } from './lines.ts'

/** Stands in the store while a backup is restored into it, and names which. */
const markerKey = { PK: { S: restorationAt.PK }, SK: { S: restorationAt.SK } }
const isMarker = (item: StoredItem): boolean => item.PK?.S === restorationAt.PK

const kindOf = (item: StoredItem): string => item.type?.S ?? 'other'

/** What changes all the time, by itself, and nothing depends on: when each key was last used. */
const restless = new Set(['use'])

/** A digest of many items in any order: their digests, added up. */
class Sum {
  readonly #bytes = new Uint8Array(32)

  add(kind: string, json: object): void {
    if (restless.has(kind)) return
    const digest = createHash('sha256').update(JSON.stringify(json)).digest()
    let carry = 0
    for (const [at, byte] of digest.entries()) {
      const sum = (this.#bytes[at] ?? 0) + byte + carry
      this.#bytes[at] = sum
      carry = sum >> 8
    }
  }

  toString(): string {
    return Buffer.from(this.#bytes).toString('hex')
  }
}

async function sumOf(contents: Contents, except: (item: StoredItem) => boolean = () => false): Promise<string> {
  const sum = new Sum()
  for await (const item of contents.all()) if (!except(item)) sum.add(kindOf(item), itemToJson(item))
  return sum.toString()
}

const mostPasses = 6

/**
 * Writes all that a store holds into a file, as it was at one moment: it is read from end to end until it has held the
 * same all through two readings, the second of which is the backup. A changed item has a new revision, so what both readings
 * found was there between them, all at once: nobody need stop, and nothing is half there.
 *
 * @param key that only tokens with the same roots derive
 * @throws Error when the store changes all the time, or is itself half restored
 */
export async function takeBackup(contents: Contents, file: string, head: Head, key: Uint8Array): Promise<Tail> {
  if (await contents.get(markerKey)) throw new Error('The store is half restored: there is nothing whole to back up.')
  let before = await sumOf(contents)
  for (let pass = 1; pass < mostPasses; pass++) {
    const chain = new Chain(head)
    const sum = new Sum()
    const out = openSync(file, 'w', 0o600)
    try {
      const write = (line: object): void => void writeSync(out, `${JSON.stringify(line)}\n`)
      write(head)
      for await (const each of contents.all()) {
        const [kind, item] = [kindOf(each), itemToJson(each)]
        sum.add(kind, item)
        write({ kind, item, chain: chain.add(kind, item) })
      }
      if (sum.toString() === before) {
        const totals = chain.totals()
        const tail = { ...totals, mac: macOf(key, totals) }
        write(tail)
        fsyncSync(out)
        return tail
      }
    } finally {
      closeSync(out)
    }
    before = sum.toString()
  }
  throw new Error('The store was changed during each reading: take the backup when less is administered.')
}

export const linesOf = (file: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })

/** @throws Error when the backup is not wholly as it was taken, or is of another deployment; nothing is written then */
export async function verifyBackup(file: string, origin: Origin, key: Uint8Array): Promise<Tail> {
  const lines = readLines(linesOf(file), key)
  let step = await lines.next()
  while (!step.done) step = await lines.next()
  const { head, tail } = step.value
  const { partition, region, account } = head
  if (partition !== origin.partition || region !== origin.region || account !== origin.account) {
    throw new Error(`The backup is of account ${account} in ${region} (${partition}), and this is another deployment.`)
  }
  return tail
}

const atOnce = 32

/** @throws Error when the store holds anything but the beginning of the same restoration */
async function begin(contents: Contents, chain: string): Promise<void> {
  const marker = await contents.get(markerKey)
  if (marker?.chain?.S === chain) return
  const { done } = await contents.all().next()
  if (marker || !done) throw new Error('The store is not empty: a backup is restored into an empty one only.')
  await contents.put({ ...markerKey, type: { S: 'restore' }, chain: { S: chain } })
}

/**
 * Writes a verified backup into an empty store, and reads it again from end to end. One that was broken off is taken up
 * by the same call; until it ends, a marker in the store says that it is not whole.
 *
 * @throws Error when the store is not empty, or does not hold afterwards what the backup does
 */
export async function restoreBackup(contents: Contents, file: string, key: Uint8Array, tail: Tail): Promise<void> {
  await begin(contents, tail.chain)
  const sum = new Sum()
  let batch: StoredItem[] = []
  const write = () => Promise.all(batch.map((item) => contents.put(item)))
  const lines = readLines(linesOf(file), key)
  let step = await lines.next()
  for (; !step.done; step = await lines.next()) {
    const { kind, item } = step.value
    sum.add(kind, itemToJson(item))
    batch.push(item)
    if (batch.length < atOnce) continue
    await write()
    batch = []
  }
  await write()
  if (step.value.tail.chain !== tail.chain) throw new Error('The backup was changed while it was restored.')
  if ((await sumOf(contents, isMarker)) !== sum.toString()) {
    throw new Error('The store does not hold what the backup does: empty it, and restore again.')
  }
  await contents.remove(markerKey)
}

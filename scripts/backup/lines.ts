/**
 * The backup of a store as lines of JSON: what it is of, each item with a digest of all lines up to it, and at the end
 * the counts, sealed with a MAC that only a token with the same roots makes. Nothing in it is secret in clear: keys are
 * in the store as the HSM wrapped them. But whoever could change a policy in it would be let in by its restoration.
 */
import { createHash, createHmac } from 'node:crypto'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { equal, fromHex } from '../../lib/bytes.ts'
import type { StoredItem } from '../../lib/store/contents.ts'
import { list, oneOf, record, text, whole } from '../../lib/store/fields.ts'

/** What a backup is of; it is restored into the same, and nowhere else. */
export interface Origin {
  readonly partition: string
  readonly region: string
  readonly account: string
}

export interface Head extends Origin {
  readonly format: 'keystead-backup-1'
  readonly takenAt: string
}

export interface Totals {
  readonly items: number
  /** How many of each kind. */
  readonly kinds: readonly { readonly kind: string; readonly items: number }[]
}

export interface Tail extends Totals {
  /** The digest of all lines before. */
  readonly chain: string
  readonly mac: string
}

const headFields = record<Head>({
  format: oneOf(['keystead-backup-1']),
  takenAt: text,
  partition: text,
  region: text,
  account: text,
})
const tailFields = record<Tail>({
  items: whole,
  kinds: list(record<Totals['kinds'][number]>({ kind: text, items: whole })),
  chain: text,
  mac: text,
})

/* Items in JSON, as DynamoDB's own protocol has them: bytes in base64, numbers as text; attributes in order. */

type Json = Readonly<Record<string, unknown>>
const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] => Object.entries(Object(value))

function toJson(value: AttributeValue): Json {
  const [[type, held] = []] = entriesOf(value)
  // INVARIANT: DynamoDB's values are of one type each.
  if (type === undefined) throw new Error('A value of no type')
  return { [type]: convert[type]?.out(held) ?? held }
}
const inOrder = (value: unknown, each: (held: never) => unknown): Json =>
  Object.fromEntries(
    entriesOf(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, held]) => [name, each(held as never)]),
  )

function fromJson(json: unknown): AttributeValue {
  const [[type, held] = [], more] = entriesOf(json)
  if (type === undefined || more) throw new Error('A value of no type, or of two')
  return { [type]: convert[type]?.in(held) ?? held } as unknown as AttributeValue
}

const base64 = (held: unknown): string => Buffer.from(held as Uint8Array).toString('base64')
const bytes = (held: unknown): Uint8Array => new Uint8Array(Buffer.from(String(held), 'base64'))
const many = (each: (held: never) => unknown) => (held: unknown) => (held as readonly never[]).map(each)

/** The types of values that JSON does not hold as they are. */
const convert: Readonly<Record<string, { out(held: unknown): unknown; in(held: unknown): unknown }>> = {
  B: { out: base64, in: bytes },
  BS: { out: many(base64), in: many(bytes) },
  L: { out: many(toJson), in: many(fromJson) },
  M: { out: (held) => inOrder(held, toJson), in: (held) => inOrder(held, fromJson) },
}

export const itemToJson = (item: StoredItem): Json => inOrder(item, toJson)
export const itemFromJson = (json: unknown): StoredItem => inOrder(json, fromJson) as unknown as StoredItem

const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Digests and counts along the lines, as they are written or read. */
export class Chain {
  #digest: Uint8Array
  #items = 0
  readonly #kinds = new Map<string, number>()

  constructor(head: Head) {
    this.#digest = sha256(JSON.stringify(head))
  }

  /** @returns the digest of all lines up to this one, in hex */
  add(kind: string, item: Json): string {
    this.#items++
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1)
    this.#digest = sha256(this.#digest, JSON.stringify([kind, item]))
    return Buffer.from(this.#digest).toString('hex')
  }

  totals(): Totals & { readonly chain: string } {
    const kinds = [...this.#kinds].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return {
      items: this.#items,
      kinds: kinds.map(([kind, items]) => ({ kind, items })),
      chain: Buffer.from(this.#digest).toString('hex'),
    }
  }
}

/** @param key that only tokens with the same roots derive */
export const macOf = (key: Uint8Array, { items, kinds, chain }: Omit<Tail, 'mac'>): string =>
  createHmac('sha256', key)
    .update(JSON.stringify([items, kinds, chain]))
    .digest('hex')

export interface BackupItem {
  readonly kind: string
  readonly item: StoredItem
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/**
 * Reads a backup, verifying as it goes: what it yields is to be believed only when it has ended.
 * @returns what it holds in all
 * @throws Error naming the first line that is not as it was written, or saying that another token's roots sealed it
 */
export async function* readLines(
  lines: AsyncIterable<string>,
  key: Uint8Array,
): AsyncGenerator<BackupItem, { readonly head: Head; readonly tail: Tail }> {
  let head: Head | undefined
  let chain: Chain | undefined
  let tail: Tail | undefined
  let number = 0
  for await (const line of lines) {
    number++
    const json = parsed(line)
    if (!head || !chain) {
      head = headFields.decode(json)
      if (!head) throw new Error('This is no backup of Keystead, or one of another version.')
      chain = new Chain(head)
    } else if (tail) {
      throw new Error(`The backup is corrupted: something follows its end, in line ${number}.`)
    } else if (Object.hasOwn(Object(json), 'item')) {
      const { kind, item, chain: digest } = Object(json)
      if (typeof kind !== 'string' || chain.add(kind, item) !== digest) {
        throw new Error(
          `The backup is corrupted: line ${number} is not as it was written, or lines before it are missing.`,
        )
      }
      yield { kind, item: itemFromJson(item) }
    } else {
      tail = tailFields.decode(json)
      if (!tail) throw new Error(`The backup is corrupted: line ${number} is not as it was written.`)
    }
  }
  if (!head || !chain || !tail) throw new Error('The backup is corrupted: its end is missing.')
  const { mac, ...totals } = tail
  if (JSON.stringify(totals) !== JSON.stringify(chain.totals())) {
    throw new Error('The backup is corrupted: it does not hold what its last line says.')
  }
  if (!equal(fromHex(macOf(key, totals)), fromHex(mac))) {
    throw new Error(
      'The backup was not sealed by a token with these roots: restore its token first, or it was changed since.',
    )
  }
  return { head, tail }
}

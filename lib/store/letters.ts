/** Letters between Regions, as JSON: records as the store has them, checked as closely on the way back. */
import { textOf, utf8 } from '../bytes.ts'
import { SerializationException } from '../errors.ts'
import type { Key } from '../keys/key.ts'
import type { Letter, Letters } from '../regions/peers.ts'
import { type Field, list, oneOf, optional, record } from './fields.ts'
import { keyKind, materialKind } from './items.ts'

const letter = record<Letter>({
  kind: oneOf(['create', 'tell', 'leave']),
  key: keyKind.fields,
  materials: list(materialKind.fields),
})
const answer = record<{ readonly key?: Key }>({ key: optional(keyKind.fields) })

/** What bytes are in JSON. No record has a member of this name, and callers' names are values in all of them. */
const mark = '$bytes'

const packed = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? { [mark]: Buffer.from(value).toString('base64') } : value

const unpacked = (_: string, value: unknown): unknown => {
  const { [mark]: text, ...more } = Object(value)
  return typeof text === 'string' && Object.keys(more).length === 0
    ? new Uint8Array(Buffer.from(text, 'base64'))
    : value
}

const write = <T>(field: Field<T>, value: T): Uint8Array => utf8(JSON.stringify(plain(field.encode(value)), packed))

/** A Buffer would write itself as something else. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}

/** @throws SerializationException for whatever this version does not wholly understand */
function read<T>(field: Field<T>, body: Uint8Array): T {
  let json: unknown
  try {
    json = JSON.parse(textOf(body), unpacked)
  } catch (cause) {
    throw new SerializationException(undefined, { cause })
  }
  const value = field.decode(json)
  if (value === undefined) throw new SerializationException()
  return value
}

export const letters: Letters = {
  write: (value) => write(letter, value),
  read: (body) => read(letter, body),
  writeAnswer: (key) => write(answer, key ? { key } : {}),
  readAnswer: (body) => read(answer, body).key,
}

import { SerializationException } from '../errors.ts'
import { checkLength, failure, type Shape, wrongType } from './shape.ts'

interface StringRules {
  readonly min?: number
  readonly max?: number
  /** As AWS prints it; matched as a whole. Must be linear: it meets whatever a caller sends. */
  readonly pattern?: string
  readonly sensitive?: boolean
}

/** Text without lone surrogates: those would all encode to the same bytes, and two contexts could become one. */
export function decodeText(json: unknown): string {
  if (typeof json !== 'string') throw wrongType(json, 'String')
  if (!json.isWellFormed()) throw new SerializationException('Invalid UTF-16 surrogate in a string')
  return json
}

export function string(rules: StringRules = {}): Shape<string> {
  const { min = 0, max = Number.POSITIVE_INFINITY, pattern, sensitive = false } = rules
  const matcher = pattern === undefined ? undefined : new RegExp(pattern, 'u')
  return {
    kind: 'string',
    sensitive,
    decode: decodeText,
    check(value, path, failures) {
      const echo = sensitive ? undefined : `'${value}'`
      checkLength(value.length, min, max, echo, path, failures)
      if (matcher && !matcher.test(value)) {
        failures.push(failure(echo, path, `satisfy regular expression pattern: ${pattern}`))
      }
    },
    encode: (value) => value,
    redact: (value) => (sensitive ? undefined : value),
    json: {
      type: 'string',
      ...(min > 0 && { minLength: min }),
      ...(max < Number.POSITIVE_INFINITY && { maxLength: max }),
      // JSON Schema has no Unicode classes without the u flag; ASCII is the only one AWS uses here.
      ...(pattern !== undefined && { pattern: pattern.replace('\\p{ASCII}', '[\\u0000-\\u007F]') }),
    },
  }
}

/** One of the words, in the order in which AWS prints them when it refuses another. */
export function oneOf<const V extends readonly string[]>(values: V): Shape<V[number]> {
  return {
    kind: 'string',
    sensitive: false,
    decode: (json) => decodeText(json) as V[number],
    check(value, path, failures) {
      if (!values.includes(value)) {
        failures.push(failure(`'${value}'`, path, `satisfy enum value set: [${values.join(', ')}]`))
      }
    },
    encode: (value) => value,
    redact: (value) => value,
    json: { type: 'string', enum: values },
  }
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/
/** With its padding: of what is cut short a decoder would drop the last bits without a word. */
const isBase64 = (text: string): boolean => text.length % 4 === 0 && base64.test(text)

/** Bytes; base64 on the wire. Never in an audit record. */
export function blob(min: number, max: number, rules: { readonly sensitive?: boolean } = {}): Shape<Uint8Array> {
  const { sensitive = false } = rules
  return {
    kind: 'blob',
    sensitive,
    decode(json) {
      if (typeof json !== 'string') throw wrongType(json, 'Blob')
      if (!isBase64(json)) throw new SerializationException('Invalid base64')
      const bytes = Buffer.from(json, 'base64')
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    },
    check: (value, path, failures) => checkLength(value.length, min, max, undefined, path, failures),
    encode: (value) => Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'),
    redact: () => undefined,
    json: { type: 'string', format: 'byte', contentEncoding: 'base64', description: `${min} to ${max} bytes` },
  }
}

export function integer(min: number, max: number): Shape<number> {
  return {
    kind: 'integer',
    sensitive: false,
    decode(json) {
      if (typeof json !== 'number' || !Number.isInteger(json) || Math.abs(json) > 0x7fffffff) {
        throw wrongType(json, 'Integer')
      }
      return json
    },
    check(value, path, failures) {
      if (value < min) failures.push(failure(`'${value}'`, path, `have value greater than or equal to ${min}`))
      if (value > max) failures.push(failure(`'${value}'`, path, `have value less than or equal to ${max}`))
    },
    encode: (value) => value,
    redact: (value) => value,
    json: { type: 'integer', minimum: min, maximum: max },
  }
}

export const boolean: Shape<boolean> = {
  kind: 'boolean',
  sensitive: false,
  decode(json) {
    if (typeof json !== 'boolean') throw wrongType(json, 'Boolean')
    return json
  },
  check: () => {},
  encode: (value) => value,
  redact: (value) => value,
  json: { type: 'boolean' },
}

/** The years 1 to 9999: the times before and after are not written, and do not sort, as these are. */
const [firstSecond, lastSecond] = [-62_135_596_800, 253_402_300_799]

/** Milliseconds since the epoch here; seconds, possibly with a fraction, on the wire. */
export const timestamp: Shape<number> = {
  kind: 'timestamp',
  sensitive: false,
  decode(json) {
    if (typeof json !== 'number' || json < firstSecond || json > lastSecond) throw wrongType(json, 'Timestamp')
    return Math.round(json * 1000)
  },
  check: () => {},
  encode: (value) => value / 1000,
  redact: (value) => new Date(value).toISOString(),
  json: { type: 'number', description: 'Seconds since 1970-01-01T00:00:00Z' },
}

import { decodeText } from './scalars.ts'
import { type AnyShape, checkLength, failure, lowerFirst, type Of, type Shape, wrongType } from './shape.ts'

export interface ListShape<T> extends Shape<readonly T[]> {
  readonly item: Shape<T>
}

/** A list may be as long as a body; what is said of it must not be hundreds of times that. */
const mostFailures = 1000

export function list<T>(item: Shape<T>, rules: { readonly min?: number; readonly max?: number } = {}): ListShape<T> {
  const { min = 0, max = Number.POSITIVE_INFINITY } = rules
  return {
    kind: 'list',
    item,
    sensitive: item.sensitive,
    decode(json) {
      if (!Array.isArray(json)) throw wrongType(json, 'List')
      return json.map((each) => item.decode(each))
    },
    check(value, path, failures) {
      const echo = item.sensitive || item.kind === 'struct' ? undefined : `'[${value.join(', ')}]'`
      checkLength(value.length, min, max, echo, path, failures)
      for (const [index, each] of value.entries()) {
        if (failures.length >= mostFailures) return
        item.check(each, `${path}.${index + 1}.member`, failures)
      }
    },
    encode: (value) => value.map((each) => item.encode(each)),
    redact: (value) => (item.sensitive ? undefined : value.map((each) => item.redact(each))),
    json: {
      type: 'array',
      items: item.json,
      ...(min > 0 && { minItems: min }),
      ...(max < Number.POSITIVE_INFINITY && { maxItems: max }),
    },
  }
}

/** Text by text. The record has no prototype: whatever names a caller chooses are data. */
export const textMap: Shape<Readonly<Record<string, string>>> = {
  kind: 'map',
  sensitive: false,
  decode(json) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrongType(json, 'Map')
    const map: Record<string, string> = Object.create(null)
    for (const [name, value] of Object.entries(json)) map[decodeText(name)] = decodeText(value)
    return map
  },
  check: () => {},
  encode: (value) => value,
  redact: (value) => value,
  json: { type: 'object', additionalProperties: { type: 'string' } },
}

type Members = Readonly<Record<string, AnyShape>>
type AlwaysThere<M extends Members> = {
  [K in keyof M]: M[K] extends { readonly required: true } | { readonly fallback: unknown } ? K : never
}[keyof M]
export type Struct<M extends Members> = { readonly [K in AlwaysThere<M>]: Of<M[K]> } & {
  readonly [K in Exclude<keyof M, AlwaysThere<M>>]?: Of<M[K]> | undefined
}
export interface StructShape<T> extends Shape<T> {
  readonly members: Members
}

export function struct<const M extends Members>(members: M): StructShape<Struct<M>> {
  const entries = Object.entries(members).map(([name, shape]) => ({ name, shape, path: lowerFirst(name) }))
  type Value = Record<string, unknown>

  const mapMembers = (value: unknown, nameOf: 'name' | 'path', each: (shape: AnyShape, member: unknown) => unknown) => {
    const out: Value = {}
    for (const entry of entries) {
      const member = (value as Value)[entry.name]
      if (member === undefined) continue
      const made = each(entry.shape, member)
      if (made !== undefined) out[entry[nameOf]] = made
    }
    return out
  }

  return {
    kind: 'struct',
    members,
    sensitive: false,
    decode(json) {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrongType(json, 'Structure')
      const out: Value = {}
      for (const { name, shape } of entries) {
        // Own members only: JSON may well say "__proto__", and an absent member must not come from a prototype.
        const member: unknown = Object.hasOwn(json, name) ? (json as Value)[name] : undefined
        if (member !== undefined && member !== null) out[name] = shape.decode(member)
        else if (shape.fallback !== undefined) out[name] = shape.fallback
      }
      return out as Struct<M>
    },
    check(value, path, failures) {
      for (const { name, shape, path: last } of entries) {
        const at = path ? `${path}.${last}` : last
        const member = (value as Value)[name]
        if (member !== undefined) shape.check(member, at, failures)
        else if (shape.required) failures.push(failure(shape.sensitive ? undefined : 'null', at, 'not be null'))
      }
    },
    encode: (value) => mapMembers(value, 'name', (shape, member) => shape.encode(member)),
    redact: (value) =>
      mapMembers(value, 'path', (shape, member) => (shape.sensitive ? undefined : shape.redact(member))),
    json: {
      type: 'object',
      properties: Object.fromEntries(entries.map(({ name, shape }) => [name, shape.json])),
      ...(entries.some(({ shape }) => shape.required) && {
        required: entries.filter(({ shape }) => shape.required).map(({ name }) => name),
      }),
    },
  }
}

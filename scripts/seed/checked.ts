import type { ListShape, StructShape } from '../../lib/schema/collections.ts'
import type { AnyShape, Of } from '../../lib/schema/shape.ts'
import type { Path, SeedFile } from './file.ts'

type Fail = SeedFile['fail']

export const isMapping = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/**
 * A value by its schema, which is that of the operation that has it. Stricter than a request: a member that nobody
 * knows is a slip of the pen. The first thing wrong is told with its own place.
 * @throws SeedError
 */
export function checked<S extends AnyShape>(shape: S, json: unknown, path: Path, fail: Fail): Of<S> {
  demand(shape, json, path, fail)
  return shape.decode(json)
}

const demands: Partial<Record<AnyShape['kind'], typeof demand>> = {
  struct(shape, json, path, fail) {
    if (!isMapping(json)) {
      fail(path, 'must be a mapping')
      return
    }
    const { members } = shape as StructShape<unknown>
    const unknown = Object.keys(json).find((name) => !Object.hasOwn(members, name))
    if (unknown !== undefined) return fail([...path, unknown], 'is not known here')
    for (const [name, member] of Object.entries<AnyShape>(members)) {
      const value = json[name]
      if (value !== undefined && value !== null) demand(member, value, [...path, name], fail)
      else if (member.required) fail([...path, name], 'is missing')
    }
  },
  list(shape, json, path, fail) {
    if (!Array.isArray(json)) {
      fail(path, 'must be a list')
      return
    }
    const { item } = shape as ListShape<unknown>
    json.forEach((each: unknown, index) => {
      demand(item, each, [...path, index], fail)
    })
  },
}

function demand(shape: AnyShape, json: unknown, path: Path, fail: Fail): void {
  demands[shape.kind]?.(shape, json, path, fail)
  if (shape.kind === 'struct') return
  let value: unknown
  try {
    value = shape.decode(json)
  } catch {
    fail(path, `must be ${nouns[shape.kind]}`)
  }
  const failures: string[] = []
  shape.check(value, '', failures)
  // Of "Value 'x' at '' failed to satisfy constraint: Member must …": what it must.
  const [first] = failures
  if (first !== undefined) fail(path, first.slice(first.indexOf('Member must') + 'Member '.length))
}

const nouns: Readonly<Record<AnyShape['kind'], string>> = {
  string: 'text',
  blob: 'base64',
  integer: 'a whole number',
  boolean: 'true or false',
  timestamp: 'a time',
  list: 'a list',
  map: 'a mapping of text',
  struct: 'a mapping',
}

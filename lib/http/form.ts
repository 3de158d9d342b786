/** The Query protocol's requests: members as fields of a form, read by the shape that they are members of. */
import { textOf } from '../bytes.ts'
import { SerializationException } from '../errors.ts'
import type { StructShape } from '../schema/collections.ts'
import type { AnyShape } from '../schema/shape.ts'

export type Fields = ReadonlyMap<string, string>

/** No member is deeper, and a name that is costs nothing. */
const maxDepth = 16

/**
 * @throws SerializationException when a field is no text, or is there twice: which of its values was meant, nobody
 *   knows
 */
export function fieldsOf(form: Uint8Array): Fields {
  const fields = new Map<string, string>()
  for (const pair of asText(form).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals))
    if (fields.has(name)) throw new SerializationException('A parameter is given more than once')
    fields.set(name, equals < 0 ? '' : decoded(pair.slice(equals + 1)))
  }
  return fields
}

function asText(form: Uint8Array): string {
  try {
    return textOf(form)
  } catch {
    throw new SerializationException('The form is not UTF-8')
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new SerializationException('A parameter is not percent-encoded UTF-8')
  }
}

/** A name's parts, one below the other: `Tags.member.1.Key`. */
interface Node {
  text?: string
  readonly below: Map<string, Node>
}

function treeOf(fields: Fields): Node {
  const root: Node = { below: new Map() }
  for (const [name, text] of fields) {
    const parts = name.split('.', maxDepth + 1)
    if (parts.length > maxDepth) continue
    let at = root
    for (const part of parts) {
      const next = at.below.get(part) ?? { below: new Map() }
      at.below.set(part, next)
      at = next
    }
    at.text = text
  }
  return root
}

/** What the fields say, as the JSON that the shape decodes. @throws SerializationException */
export const membersIn = (shape: StructShape<unknown>, fields: Fields): Readonly<Record<string, unknown>> =>
  structIn(shape, treeOf(fields))

function structIn({ members }: StructShape<unknown>, node: Node): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = {}
  for (const [name, shape] of Object.entries(members)) {
    const at = node.below.get(name)
    if (at) out[name] = readers[shape.kind](shape, at)
  }
  return out
}

/** Numbered from one, none left out. An empty field is how clients write an empty list. */
function numbered(node: Node, name: 'member' | 'entry'): readonly Node[] {
  const items = node.below.get(name)?.below ?? new Map<string, Node>()
  return Array.from({ length: items.size }, (_, index) => {
    const item = items.get(String(index + 1))
    if (!item) throw new SerializationException('The members of a list must be numbered from 1')
    return item
  })
}

const textIn = (node: Node): string => {
  if (node.text === undefined) throw new SerializationException('Start of structure or map found where not expected')
  return node.text
}

/** A text that stands for nothing of the kind stays text, and is refused as text. */
const readers: Readonly<Record<AnyShape['kind'], (shape: AnyShape, node: Node) => unknown>> = {
  string: (_, node) => textIn(node),
  blob: (_, node) => textIn(node),
  integer: (_, node) => (/^[+-]?\d{1,32}$/.test(textIn(node)) ? Number(node.text) : node.text),
  boolean: (_, node) => booleans.get(textIn(node)) ?? node.text,
  timestamp: (_, node) => (isoTime.test(textIn(node)) ? Date.parse(textIn(node)) / 1000 : node.text),
  struct: (shape, node) => structIn(shape as StructShape<unknown>, node),
  list: (shape, node) => {
    const { item } = shape
    return numbered(node, 'member').map((each) => (item ? readers[item.kind](item, each) : textIn(each)))
  },
  map: (_, node) =>
    Object.fromEntries(
      numbered(node, 'entry').map(({ below }) => [textAt(below, 'key'), textAt(below, 'value')] as const),
    ),
}

const booleans = new Map<string | undefined, boolean>([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

const textAt = (below: ReadonlyMap<string, Node>, name: string): string =>
  textIn(below.get(name) ?? { below: new Map() })

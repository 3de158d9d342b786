/** The Query protocol's answers: XML, by the shape of the output (kms-authz.md §9.1). */
import type { Reply } from '../operation.ts'
import type { StructShape } from '../schema/collections.ts'
import type { AnyShape } from '../schema/shape.ts'
import type { QueryService } from '../services.ts'

/** What XML 1.0 has no way to write at all. */
const unwritable = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

/** A reader turns a bare carriage return into a line feed. */
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\r': '&#13;',
}

export const escaped = (text: string): string =>
  text.replace(unwritable, '\ufffd').replace(/[&<>"'\r]/g, (char) => entities[char] ?? char)

const element = (name: string, inner: string): string => `<${name}>${inner}</${name}>`

type Json = Readonly<Record<string, unknown>>

const structIn = ({ members }: StructShape<unknown>, json: Json): string =>
  Object.entries(members)
    .filter(([name]) => json[name] !== undefined)
    .map(([name, shape]) => element(name, written(shape, json[name])))
    .join('')

/** @param json as the shape has encoded it */
function written(shape: AnyShape, json: unknown): string {
  if (shape.kind === 'struct') return structIn(shape as StructShape<unknown>, json as Json)
  if (shape.kind === 'list') {
    const { item } = shape
    return (json as readonly unknown[])
      .map((each) => element('member', item ? written(item, each) : escaped(String(each))))
      .join('')
  }
  if (shape.kind === 'map') {
    return Object.entries(json as Json)
      .map(([key, value]) => element('entry', element('key', escaped(key)) + element('value', escaped(String(value)))))
      .join('')
  }
  if (shape.kind === 'timestamp') return `${new Date((json as number) * 1000).toISOString().slice(0, 19)}Z`
  return escaped(String(json))
}

interface Answered {
  readonly name: string
  readonly output: StructShape<unknown>
}

/** The document that says what a reply says. @param action undefined where the request named none */
export function xmlOf(service: QueryService, action: Answered | undefined, reply: Reply, requestId: string): string {
  const requested = element('RequestId', escaped(requestId))
  if (!action || reply.status >= 400) {
    const { __type: code, message } = reply.json as { readonly __type?: string; readonly message?: string }
    const error = [
      element('Type', reply.status >= 500 ? 'Receiver' : 'Sender'),
      element('Code', escaped(code ?? '')),
      element('Message', escaped(message ?? '')),
    ]
    return `<ErrorResponse xmlns="${service.namespace}">${element('Error', error.join(''))}${requested}</ErrorResponse>`
  }
  const { name, output } = action
  // An action that answers nothing has no result element.
  const isVoid = Object.keys(output.members).length === 0
  const result = isVoid ? '' : element(`${name}Result`, structIn(output, reply.json as Json))
  const metadata = element('ResponseMetadata', requested)
  return `<${name}Response xmlns="${service.namespace}">${result}${metadata}</${name}Response>`
}

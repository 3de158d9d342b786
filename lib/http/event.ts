import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { SerializationException } from '../errors.ts'
import type { AnyOperation, Request } from '../operation.ts'
import type { AnyShape } from '../schema/shape.ts'
import { isOverTls } from './headers.ts'

/** What the procedure needs of an HTTP API event (payload 2.0). @param id the request id that the reply will carry */
export function requestOf(event: APIGatewayProxyEventV2, id: string): Request {
  const { headers, body, requestContext } = event
  const { http } = requestContext
  return {
    id,
    method: http.method,
    path: event.rawPath,
    query: event.rawQueryString,
    headers: headers as Record<string, string>,
    body:
      body === undefined || body === null
        ? new Uint8Array()
        : Buffer.from(body, event.isBase64Encoded ? 'base64' : 'utf8'),
    sourceIp: http.sourceIp,
    secure: isOverTls(event),
  }
}

/** What an IAM authorizer of the HTTP API says, where there is one. */
export const authorizerOf = ({ requestContext }: APIGatewayProxyEventV2): unknown =>
  (requestContext as { readonly authorizer?: { readonly iam?: unknown } }).authorizer?.iam

/** The members of a RESTful request that are in its path and query; a body may hold the rest. */
export function parametersOf(
  operation: AnyOperation,
  event: APIGatewayProxyEventV2,
): Readonly<Record<string, unknown>> {
  const parameters: Record<string, unknown> = {}
  const query = new URLSearchParams(event.rawQueryString)
  for (const [name, shape] of Object.entries<AnyShape>(operation.input.members)) {
    const texts = query.getAll(name)
    const [first] = texts
    // A signature does not hold the order of repeated names: which of two values was meant, nobody knows.
    if (texts.length > 1 && shape.kind !== 'list') throw new SerializationException(`${name} is given more than once`)
    if (first !== undefined) parameters[name] = shape.kind === 'list' ? texts : fromText(shape, first)
  }
  for (const [name, value] of Object.entries(event.pathParameters ?? {})) {
    if (value !== undefined) parameters[name] = value
  }
  return parameters
}

/** The JSON that a text in a query stands for; one that stands for none stays text, and is refused as text. */
function fromText(shape: AnyShape, text: string): unknown {
  if (shape.kind === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (shape.kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** RFC 3986: everything but unreserved characters is encoded. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** The path of an operation's route with its members in place. */
export function strictPathOf(operation: AnyOperation, event: APIGatewayProxyEventV2): string {
  const [, template = ''] = operation.route.split(' ')
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encoded(event.pathParameters?.[name] ?? ''))
}

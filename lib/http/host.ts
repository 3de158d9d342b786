import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, BlockList } from 'node:net'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { maxBodyBytes } from '../perform.ts'
import { type Bounds, type Gate, gateOf, usualBounds } from './bounds.ts'
import { type Origin, originOf } from './proxies.ts'
import type { Handler } from './serve.ts'

type Event = APIGatewayProxyEventV2
type Result = APIGatewayProxyStructuredResultV2

export interface Route {
  /** `METHOD /path/{Member}` */
  readonly route: string
  readonly handler: () => Promise<Handler>
}

export interface HostOptions {
  readonly host: string
  readonly port: number
  /** `POST /`, and whatever has no route of its own. */
  readonly frontDoor: Handler
  readonly routes: readonly Route[]
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
  readonly bounds?: Bounds
  /** Whose word is taken for who asked, and whether over TLS; nobody's without. */
  readonly proxies?: BlockList
}

export interface Host {
  readonly url: string
  /** Takes no new request, waits for those under way, at most `graceMs`. */
  close(graceMs: number): Promise<void>
}

interface Matcher {
  readonly method: string
  readonly segments: readonly string[]
  readonly handler: () => Promise<Handler>
}
interface Match {
  readonly handler: () => Promise<Handler>
  readonly pathParameters: Record<string, string>
}

function matcherOf({ route, handler }: Route): Matcher {
  const [method = '', path = ''] = route.split(' ')
  return { method, segments: path.split('/'), handler }
}

function match(matchers: readonly Matcher[], method: string, path: string): Match | undefined {
  const given = path.split('/')
  for (const { method: wanted, segments, handler } of matchers) {
    if (wanted !== method || segments.length !== given.length) continue
    const pathParameters: Record<string, string> = {}
    const fits = segments.every((segment, index) => {
      const text = given[index] ?? ''
      if (!segment.startsWith('{')) return segment === text
      const decoded = decode(text)
      if (decoded === undefined) return false
      pathParameters[segment.slice(1, -1)] = decoded
      return decoded !== ''
    })
    if (fits) return { handler, pathParameters }
  }
  return undefined
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Names in lower case; repeated ones joined as API Gateway joins them. Node's own table drops some repeats. */
function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    const value = raw[index + 1] ?? ''
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value
  }
  return headers
}

/** Our handlers read nothing from it. */
const noContext = {} as Context

/** Bytes of bodies, of all requests under way. */
interface Held {
  bytes: number
  readonly bound: number
}

/**
 * One byte more than a request may have is enough to see that it is too large. What follows is read and dropped, so that
 * the caller gets to read the refusal.
 * @returns undefined when all bodies together are too much for this process
 */
const bodyOf = (request: IncomingMessage, response: ServerResponse, held: Held): Promise<Buffer | undefined> =>
  new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let length = 0
    let full = false
    const done = (): void =>
      resolve(full ? undefined : chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    request.on('data', (chunk: Buffer) => {
      if (full || length > maxBodyBytes) return
      if (held.bytes + chunk.length > held.bound) {
        full = true
        chunks = []
        return done()
      }
      chunks.push(chunk)
      length += chunk.length
      held.bytes += chunk.length
      if (length > maxBodyBytes) done()
    })
    response.once('close', () => {
      held.bytes -= length
    })
    request
      .on('end', done)
      .on('error', reject)
      .on('aborted', () => reject(new Error('aborted')))
  })

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Record<string, string>
  readonly body: Buffer
  readonly origin: Origin
  readonly pathParameters?: Record<string, string> | undefined
}

function eventOf({ method, path, query, headers, body, origin, pathParameters }: Asked): Event {
  const { sourceIp, overTls } = origin
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers,
    requestContext: {
      accountId: 'local',
      apiId: 'local',
      // As of a gateway, what it says of TLS is believed; of this host itself it is not.
      domainName: overTls ? 'proxy' : 'localhost',
      domainPrefix: 'localhost',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp, userAgent: headers['user-agent'] ?? '' },
      requestId: '',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    // As API Gateway sends every body that is not text.
    ...(body.length > 0 && { body: body.toString('base64') }),
    isBase64Encoded: body.length > 0,
    ...(pathParameters && { pathParameters }),
  }
}

function send(response: ServerResponse, result: Result): void {
  const body = result.body ?? ''
  response.writeHead(result.statusCode ?? 200, {
    ...(result.headers as Record<string, string>),
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}

/** What a proxy before this server may have read otherwise: where a request goes, or where it ends. */
function isAmbiguous({ url = '', httpVersion }: IncomingMessage, headers: Readonly<Record<string, string>>): boolean {
  const old = httpVersion === '1.0'
  const framed = !old || headers['transfer-encoding'] === undefined
  // Two are joined by a comma, which none has.
  const named = headers.host === undefined ? old : !headers.host.includes(',')
  return !url.startsWith('/') || !framed || !named
}

/** Without a body, which each protocol would want in a form of its own; the status is what clients go by. */
function turnDown(request: IncomingMessage, response: ServerResponse, status: 400 | 431 | 503): void {
  // What else is sent is dropped, so that no reset overtakes the answer.
  request.resume()
  const more = status === 503 ? { 'Retry-After': 1 } : { Connection: 'close' }
  response.writeHead(status, { ...more, 'Content-Length': 0 })
  response.end()
}

/** API Gateway's part on one machine: a small HTTP server that makes events and calls the same handlers. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { bounds = usualBounds } = options
  const matchers = options.routes.map(matcherOf)
  const held: Held = { bytes: 0, bound: bounds.bodyBytes }
  let underWay = 0

  /** @returns undefined when there is no room for what is asked */
  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    headers: Record<string, string>,
  ): Promise<Result | undefined> {
    const { method = '', url = '/', socket } = request
    const cut = url.indexOf('?')
    const path = cut < 0 ? url : url.slice(0, cut)
    const query = cut < 0 ? '' : url.slice(cut + 1)
    const { handler, pathParameters } = (path === '/' ? undefined : match(matchers, method, path)) ?? {}
    const body = await bodyOf(request, response, held)
    if (!body) return undefined
    const perform = handler ? await handler() : options.frontDoor
    const origin = originOf(socket.remoteAddress ?? '', headers, options.proxies)
    return perform(eventOf({ method, path, query, headers, body, origin, pathParameters }), noContext)
  }

  const server = createServer(
    // Whoever names no host is refused below, with what he sends after it.
    { connectionsCheckingInterval: Math.min(1000, bounds.headersMs), requireHostHeader: false },
    (request, response) => {
      if (!gate.admits(request, response)) return
      const headers = headersOf(request.rawHeaders)
      const tooMany = request.rawHeaders.length > bounds.headers * 2
      const refused = tooMany ? 431 : isAmbiguous(request, headers) ? 400 : undefined
      if (refused) {
        gate.distrust(request)
        return turnDown(request, response, refused)
      }
      if (underWay >= bounds.requests) return turnDown(request, response, 503)
      underWay++
      response.once('close', () => underWay--)
      answer(request, response, headers).then(
        (result) => {
          if (!result) return turnDown(request, response, 503)
          if (!request.complete) response.setHeader('Connection', 'close')
          send(response, result)
        },
        (error: unknown) => {
          if (!request.destroyed) options.log({ level: 'error', message: 'host failed', cause: String(error) })
          response.destroy()
        },
      )
    },
  )
  const gate = gateOf(server, bounds)
  await listening(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: (ms) => closed(server, gate, ms),
  }
}

const listening = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })

const closed = (server: Server, gate: Gate, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    gate.close()
  })

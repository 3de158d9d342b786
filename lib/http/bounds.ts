/**
 * What whoever reaches the port may take of this process before anything is known of them: connections, time, bytes.
 * Past a bound they are told to come back (503, Retry-After), which every SDK does.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface Bounds {
  /** Connections open at once. */
  readonly connections: number
  /** Requests under way at once, those that wait for their body included. */
  readonly requests: number
  /** Of all bodies under way together: else each could be of the largest size. */
  readonly bodyBytes: number
  /** Header lines of a request; all together Node bounds at 16 KB, the request line included. */
  readonly headers: number
  /** From the first byte of a connection, or of a request on it, to the end of its headers. */
  readonly headersMs: number
  /** To the end of its body. */
  readonly requestMs: number
  /** Between two requests. */
  readonly idleMs: number
  /** In which no byte comes or goes, whatever is waited for. */
  readonly silenceMs: number
}

export const usualBounds: Bounds = {
  connections: 4096,
  requests: 1024,
  bodyBytes: 64 * 1024 * 1024,
  headers: 200,
  headersMs: 10_000,
  requestMs: 30_000,
  idleMs: 65_000,
  silenceMs: 120_000,
}

/** An answer to what is no request yet. */
const bare = (status: string, more = ''): string =>
  `HTTP/1.1 ${status}\r\n${more}Connection: close\r\nContent-Length: 0\r\n\r\n`

const statuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** How long one who was turned away may take to read it. */
const farewellMs = 1000

/** Says so, hears out what is still sent, so that no reset overtakes the answer, and ends. */
function turnAway(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  socket.end(bare('503 Service Unavailable', 'Retry-After: 1\r\n'))
  setTimeout(() => socket.destroy(), farewellMs).unref()
}

interface Connection {
  readonly unanswered: Set<IncomingMessage>
  /** Nothing more of it is served. */
  distrusted: boolean
}

export interface Gate {
  /** Whether a request is to be served: not one of a connection of which nothing is to be read any more. */
  admits(request: IncomingMessage, response: ServerResponse): boolean
  /** What follows on its connection is not served: it may be part of what was refused. */
  distrust(request: IncomingMessage): void
  /** Ends every connection without a request under way, and from now on each with its last answer. */
  close(): void
}

/** Holds a server to its bounds on connections and time. */
export function gateOf(server: Server, bounds: Bounds): Gate {
  server.headersTimeout = bounds.headersMs
  server.requestTimeout = bounds.requestMs
  server.keepAliveTimeout = bounds.idleMs
  server.timeout = bounds.silenceMs
  // Node would drop further ones silently, and a signature with them. The host counts, and refuses.
  server.maxHeadersCount = 0
  // Those who are being turned away are connections too.
  server.maxConnections = bounds.connections * 2

  const connections = new Map<Duplex, Connection>()
  let closing = false
  server.on('connection', (socket) => {
    const connection: Connection = { unanswered: new Set(), distrusted: false }
    connections.set(socket, connection)
    socket.once('close', () => connections.delete(socket))
    if (connections.size <= bounds.connections) return
    // Those that only wait make room for who has come to ask.
    server.closeIdleConnections()
    for (const each of connections.keys()) if (each.destroyed) connections.delete(each)
    if (connections.size <= bounds.connections) return
    connection.distrusted = true
    turnAway(socket)
  })

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // An answer now would be taken for that of a request before it, which has none yet.
    const before = Array.from(connections.get(socket)?.unanswered ?? []).some(({ complete }) => complete)
    if (!before && socket.writable) socket.write(bare(statuses[error.code ?? ''] ?? '400 Bad Request'))
    // Nothing that follows is read: what was answered so is not done after all.
    socket.destroySoon()
  })

  return {
    admits(request, response) {
      const { socket } = request
      const connection = connections.get(socket)
      if (!connection || connection.distrusted) return false
      const { unanswered } = connection
      unanswered.add(request)
      response.once('close', () => {
        unanswered.delete(request)
        if (closing && unanswered.size === 0) socket.destroySoon()
      })
      return true
    },
    distrust({ socket }) {
      const connection = connections.get(socket)
      if (connection) connection.distrusted = true
    },
    close() {
      closing = true
      for (const [socket, { unanswered }] of connections) if (unanswered.size === 0) socket.destroy()
    },
  }
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface MetricsHost {
  readonly url: string
  close(): Promise<void>
}

/** `GET /metrics` on a port of this machine's own: names of actions and counts are nobody else's business. */
export async function startMetricsHost(port: number, text: () => string): Promise<MetricsHost> {
  const server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics'
    response.writeHead(found ? 200 : 404, {
      'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      'Cache-Control': 'no-store',
    })
    response.end(found ? text() : '')
  })
  server.requestTimeout = 5000
  server.headersTimeout = 5000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${bound}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

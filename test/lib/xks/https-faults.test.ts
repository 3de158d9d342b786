/** Proxies that misbehave on the wire, below what an HTTP server of Node.js would ever send. */
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FailureReason, failures } from '../../../lib/stores/failures.ts'
import { openHttps } from '../../../lib/xks/https.ts'
import { certificateFor } from '../../harness/xks-proxy.ts'

const timeoutMs = 250
let certificate: { readonly key: string; readonly cert: string }
let server: Server
let https: ReturnType<typeof openHttps>
const connections: TLSSocket[] = []
/** What the proxy does with each request, by how many its connection has had before. */
let answer: (socket: TLSSocket, before: number) => void

beforeAll(async () => {
  certificate = certificateFor('localhost')
  server = createServer(certificate, (socket) => {
    connections.push(socket)
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', () => answer(socket, requests++))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
beforeEach(() => {
  const { port } = server.address() as AddressInfo
  https = openHttps({ timeoutMs, ca: certificate.cert, port })
})
afterEach(() => {
  https.close()
  for (const socket of connections.splice(0)) socket.destroy()
})
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

const body = Buffer.from('{}')
const send = () => https.send({ endpoint: 'https://localhost', path: '/kms/xks/v1/health', headers: {}, body })
const proper = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'

/** A call must be answered one way or the other, soon after its time at the latest. */
async function outcome(): Promise<unknown> {
  const late = wait(4 * timeoutMs).then(() => 'never')
  return Promise.race([
    late,
    send()
      .then(({ status, body: text }) => `${status} ${Buffer.from(text)}`)
      .catch((error) => error),
  ])
}
const failure = (reason: FailureReason) => ({ name: 'ProxyFailure', reason, message: failures[reason].message })

test('a proper answer is taken', async () => {
  answer = (socket) => socket.write(proper)
  expect(await outcome()).toBe('200 {}')
})

const drip = (text: string) => (socket: TLSSocket) => {
  const letters = [...text]
  const timer = setInterval(() => socket.write(letters.shift() ?? ' '), 20)
  socket.once('close', () => clearInterval(timer))
}
test.each<[string, FailureReason, (socket: TLSSocket) => void]>([
  ['drips its headers', 'no answer in time', drip(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(99)}`)],
  ['drips its body', 'no answer in time', (socket) => drip('HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{')(socket)],
  ['sends half of its body', 'no answer in time', (socket) => socket.write(proper.slice(0, -1))],
  ['ends within its body', 'no connection', (socket) => socket.end(proper.slice(0, -1))],
  ['ends within its headers', 'no connection', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-')],
  ['ends before it answers', 'no connection', (socket) => socket.end()],
  ['resets the connection', 'no connection', (socket) => socket.destroy()],
  [
    'resets the connection within its body',
    'no connection',
    (socket) => void socket.write(proper.slice(0, -1), () => setTimeout(() => socket.destroy(), 20)),
  ],
  ['speaks another protocol', 'uninterpretable', (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n')],
  [
    'sends headers without end',
    'uninterpretable',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(99_999)}`),
  ],
  [
    'gives two lengths',
    'uninterpretable',
    (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} '),
  ],
  [
    'gives a chunk that has no length',
    'uninterpretable',
    (socket) => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n'),
  ],
  [
    'sends chunks without end',
    'uninterpretable',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const more = () => socket.writable && socket.write(`4000\r\n${' '.repeat(0x4000)}\r\n`, () => setImmediate(more))
      more()
    },
  ],
  [
    'changes the protocol',
    'uninterpretable',
    (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
  ],
  [
    'never stops to continue',
    'no answer in time',
    (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 5)
      socket.once('close', () => clearInterval(timer))
    },
  ],
])('a proxy that %s: %s', async (_, reason, misbehave) => {
  answer = misbehave
  expect(await outcome()).toMatchObject(failure(reason))
})

test('an answer without a body is an empty one', async () => {
  answer = (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n')
  expect(await outcome()).toBe('204 ')
})

test('connections that were kept, and have all been closed meanwhile, are not what a call fails of', async () => {
  answer = (socket, before) => (before === 0 ? socket.write(proper) : socket.destroy())
  await Promise.all([1, 2, 3, 4].map(send))
  expect(connections.length).toBeGreaterThan(2)
  expect(await outcome()).toBe('200 {}')
})

test('what comes after an answer is not taken for the next', async () => {
  answer = (socket, before) => socket.write(before === 0 ? `${proper}${proper.replace('{}', '[]')}` : proper)
  expect(await outcome()).toBe('200 {}')
  await wait(20)
  expect(await outcome()).toBe('200 {}')
})

test('a call takes no longer than it may', async () => {
  answer = () => {}
  const began = performance.now()
  expect(await outcome()).toMatchObject(failure('no answer in time'))
  expect(performance.now() - began).toBeLessThan(3 * timeoutMs)
})

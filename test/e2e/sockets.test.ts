/** Whatever bytes arrive at the port of the local host: none of them is served twice, as something else, or with a 5xx. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateKeyCommand, GenerateDataKeyPairCommand, KMSClient, ListKeysCommand } from '@aws-sdk/client-kms'
import { beforeAll, expect, inject, test } from 'vitest'
import { removeHome, startServer } from '../harness/server.ts'
import { exchanged, lineTo, statusesIn } from '../harness/socket.ts'

const url = inject('url')
const host = `Host: ${new URL(url).host}\r\n`

/** Of CreateKey, which nobody is to call here, unsigned calls too: whatever was taken for a request of its own. */
const records = (): number => {
  const folder = join(inject('home'), 'audit')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('"eventName":"CreateKey"').slice(1)).length
}

const lastly = 'Connection: close\r\n'
const amz = 'Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.CreateKey\r\n'
const smuggled = `POST / HTTP/1.1\r\n${host}${amz}Content-Length: 2\r\n\r\n{}`
const post = (headers: string, body = '') => `POST / HTTP/1.1\r\n${host}${headers}\r\n${body}`
const chunked = 'Transfer-Encoding: chunked\r\n'

const last = post(`${amz}${lastly}Content-Length: 2\r\n`, '{}')

// The first record makes the place for records.
beforeAll(() => exchanged(url, last, 20_000))

test.each<[string, string, readonly number[]]>([
  ['a length beside chunks', post(`Content-Length: 6\r\n${chunked}`, `0\r\n\r\n${smuggled}`), [400]],
  ['chunks beside a length', post(`${chunked}Content-Length: 4\r\n`, `5\r\nhello\r\n0\r\n\r\n${smuggled}`), [400]],
  ['chunks, then not', post(`${chunked}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${smuggled}`), [400]],
  ['a coding that nobody has', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${smuggled}`), [400]],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${smuggled}`), [400]],
  ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${chunked}\r\n0\r\n\r\n${smuggled}`, [400]],
  ['two lengths', post('Content-Length: 0\r\nContent-Length: 5\r\n', smuggled), [400]],
  ['the same length twice', post('Content-Length: 5\r\nContent-Length: 5\r\n', `hello${smuggled}`), [400]],
  ['a list of lengths', post('Content-Length: 5, 5\r\n', `hello${smuggled}`), [400]],
  ['a length with a sign', post('Content-Length: +5\r\n', `hello${smuggled}`), [400]],
  ['a length in hexadecimal', post('Content-Length: 0x5\r\n', `hello${smuggled}`), [400]],
  ['a length past all numbers', post(`Content-Length: ${'9'.repeat(30)}\r\n`, smuggled), [400]],
  ['a chunk past all numbers', post(chunked, `${'F'.repeat(20)}\r\n${smuggled}`), [400]],
  ['a chunk of negative size', post(chunked, `-1\r\n${smuggled}`), [400]],
  [
    'an extension of a chunk without end',
    post(chunked, `5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n${smuggled}`),
    [400],
  ],
  ['a folded header', post(`X-A: b\r\n c\r\nContent-Length: 0\r\n`, smuggled), [400]],
  ['a folded first header', `POST / HTTP/1.1\r\n ${host}\r\n${smuggled}`, [400]],
  ['lines that end with LF alone', `POST / HTTP/1.1\n${host.trim()}\nContent-Length: 0\n\n${smuggled}`, [400]],
  ['a CR alone in a header', post('X-A: b\rContent-Length: 5\r\n', smuggled), [400]],
  ['a NUL in a header', post('X-A: b\0c\r\n', smuggled), [400]],
  ['two hosts', `POST / HTTP/1.1\r\n${host}Host: evil\r\nContent-Length: 0\r\n\r\n${smuggled}`, [400]],
  ['no host', `POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n${smuggled}`, [400]],
  ['a whole URL for a path', `POST http://evil/ HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n${smuggled}`, [400]],
  ['no path', `OPTIONS * HTTP/1.1\r\n${host}\r\n${smuggled}`, [400]],
  ['a space in the path', `GET / /x HTTP/1.1\r\n${host}\r\n${smuggled}`, [400]],
  ['a path that is not ASCII', `GET /\xff\xfe HTTP/1.1\r\n${host}\r\n${smuggled}`, [400]],
  ['a path without end', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, [431]],
  ['a header without end', post(`X-A: ${'b'.repeat(20_000)}\r\n`), [431]],
  ['too many headers', post('a:\r\n'.repeat(300)), [431]],
  ['a method that nobody has', `HACK / HTTP/1.1\r\n${host}\r\n${smuggled}`, [400]],
  ['HTTP/2 at once', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`, [400]],
  ['a version that nobody has', `GET / HTTP/1.2\r\n${host}\r\n${smuggled}`, [400]],
  ['a tunnel', `CONNECT x:443 HTTP/1.1\r\n${host}\r\n${smuggled}`, []],
  ['an expectation that nobody has', post(`Expect: tea\r\n${lastly}Content-Length: 5\r\n`, 'hello'), [417]],
  ['an expectation to go on', post(`Expect: 100-continue\r\n${lastly}Content-Length: 5\r\n`, 'hello'), [100, 404]],
  ['HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n', [200]],
  ['an upgrade to HTTP/2', `GET /health HTTP/1.1\r\n${host}Connection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n`, [200]],
  ['TRACE', `TRACE / HTTP/1.1\r\n${host}X-Secret: s\r\n${lastly}\r\n`, [404]],
  ['a body where none is wanted', `GET /health HTTP/1.1\r\n${host}${lastly}Content-Length: 5\r\n\r\nhello`, [200]],
  ['headers after the body', post(`${chunked}${lastly}`, `5\r\nhello\r\n0\r\nHost: evil\r\n\r\n`), [404]],
])('%s', async (_, bytes, statuses) => {
  const before = records()
  const answer = await exchanged(url, bytes, 5000)
  // What was served of it after its answer is on record before this one.
  await exchanged(url, last)
  expect([statusesIn(answer), records() - before]).toEqual([statuses, 1])
  expect(answer).not.toContain('X-Secret')
})

test('two requests sent at once are two, each on record', async () => {
  const before = records()
  expect(statusesIn(await exchanged(url, smuggled + last))).toEqual([400, 400])
  expect(records() - before).toBe(2)
})

test('headers that come one by one are not waited for', { timeout: 30_000 }, async () => {
  const { socket, heard, ended } = await lineTo(url)
  const began = Date.now()
  socket.write(`POST / HTTP/1.1\r\n${host}`)
  const drip = setInterval(() => socket.writable && socket.write('a: b\r\n'), 500)
  await ended
  clearInterval(drip)
  expect(statusesIn(heard())).toEqual([408])
  expect(Date.now() - began).toBeLessThan(15_000)
})

test('it stops while others hold connections, and answers first who is being served', {
  timeout: 120_000,
}, async () => {
  const server = await startServer('local')
  try {
    const client = (maxAttempts: number) =>
      new KMSClient({ endpoint: server.url, region: 'us-east-1', credentials: server.credentials, maxAttempts })
    const { KeyMetadata } = await client(3).send(new CreateKeyCommand({}))
    const [idle, silent, half, body] = await Promise.all(Array.from({ length: 4 }, () => lineTo(server.url)))
    idle?.socket.write(`GET /health HTTP/1.1\r\n${host}\r\n`)
    half?.socket.write('POST / HTTP/1.1\r\n')
    body?.socket.write(post('Content-Length: 100\r\n', 'half'))
    await expect.poll(() => statusesIn(idle?.heard() ?? '')).toEqual([200])
    const slow = client(1).send(new GenerateDataKeyPairCommand({ KeyId: KeyMetadata?.KeyId, KeyPairSpec: 'RSA_4096' }))
    // It must have arrived.
    await client(3).send(new ListKeysCommand({}))
    const [answer, code] = await Promise.all([slow, server.stop('SIGTERM')])
    expect([answer.$metadata.httpStatusCode, code]).toEqual([200, 0])
    await Promise.all([idle, silent, half, body].map((line) => line?.ended))
    expect([silent, half, body].map((line) => line?.heard())).toEqual(['', '', ''])
  } finally {
    await server.stop('SIGKILL')
    removeHome(server.home)
  }
})

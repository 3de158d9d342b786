/** What whoever reaches the port may take of the host: with bounds so small that a test can meet them. */
import { setTimeout as pause } from 'node:timers/promises'
import { KMSClient, ListKeysCommand } from '@aws-sdk/client-kms'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type Bounds, usualBounds } from '../../../lib/http/bounds.ts'
import { type Host, startHost } from '../../../lib/http/host.ts'
import { exchanged, lineTo, statusesIn } from '../../harness/socket.ts'

const opened: { host: Host; end: () => void }[] = []
afterEach(async () => {
  for (const { host, end } of opened.splice(0)) {
    end()
    await host.close(0)
  }
})

interface Manner {
  /** Nobody is answered before the test says so. */
  readonly held?: boolean
  readonly answer?: (text: string) => string
}

/** A host whose one handler answers with the body that it got, unless told otherwise. */
async function open(bounds: Partial<Bounds> = {}, { held = false, answer = (text) => `<${text}>` }: Manner = {}) {
  const served: string[] = []
  let release = (): void => {}
  const gate = held ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve()
  const frontDoor = async ({ body = '' }: APIGatewayProxyEventV2) => {
    const text = Buffer.from(body, 'base64').toString()
    served.push(text)
    await gate
    return { statusCode: 200, body: answer(text) }
  }
  const logged: object[] = []
  const log = (entry: object) => void logged.push(entry)
  const host = await startHost({
    host: '127.0.0.1',
    port: 0,
    frontDoor,
    routes: [],
    log,
    bounds: { ...usualBounds, ...bounds },
  })
  opened.push({ host, end: release })
  return { host, url: host.url, served, logged, release }
}
const post = (body: string, more = '') =>
  `POST / HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const lastly = 'Connection: close\r\n'

describe('connections', () => {
  test('one too many is told to come back, and nothing that it asks is done', async () => {
    const { url, served } = await open({ connections: 2 })
    const [first, second] = [await lineTo(url), await lineTo(url)]
    // Each has begun to say something: it does not only wait.
    first.socket.write('POST / HTTP/1.1\r\n')
    second.socket.write('POST / HTTP/1.1\r\n')
    await pause(20)
    const third = await lineTo(url)
    third.socket.write(post('third'))
    await third.ended
    expect(third.heard()).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n/)
    expect([statusesIn(third.heard()), served]).toEqual([[503], []])
    second.socket.destroy()
    await second.ended
    await pause(20)
    expect(statusesIn(await exchanged(url, post('fourth', lastly)))).toEqual([200])
    expect(served).toEqual(['fourth'])
  })

  test('those that only wait make room', async () => {
    const { url } = await open({ connections: 2 })
    const waiting = [await lineTo(url), await lineTo(url)]
    for (const { socket } of waiting) socket.write(post('before'))
    await expect.poll(() => waiting.map(({ heard }) => statusesIn(heard()))).toEqual([[200], [200]])
    expect(statusesIn(await exchanged(url, post('after', lastly)))).toEqual([200])
    await Promise.all(waiting.map(({ ended }) => ended))
  })

  test('twice too many are not even told', async () => {
    const { url } = await open({ connections: 1 })
    const lines = [await lineTo(url), await lineTo(url), await lineTo(url)]
    await lines[2]?.ended
    expect(lines.map(({ heard }) => statusesIn(heard()))).toEqual([[], [503], []])
  })
})

describe('requests', () => {
  test('one too many at once is told to come back, on a connection that stays', async () => {
    const { url, served, release } = await open({ requests: 1 }, { held: true })
    const first = await lineTo(url)
    first.socket.write(post('first'))
    await expect.poll(() => served).toEqual(['first'])
    const second = await lineTo(url)
    second.socket.write(post('second'))
    await expect.poll(() => statusesIn(second.heard())).toEqual([503])
    expect(second.heard()).toContain('\r\nRetry-After: 1\r\n')
    release()
    await expect.poll(() => statusesIn(first.heard())).toEqual([200])
    second.socket.write(post('again'))
    await expect.poll(() => statusesIn(second.heard())).toEqual([503, 200])
    expect(served).toEqual(['first', 'again'])
  })

  test('an SDK that is told so does come back', async () => {
    const { url, served, release } = await open({ requests: 1 }, { held: true, answer: () => '{"Keys":[]}' })
    const first = await lineTo(url)
    first.socket.write(post('first'))
    await expect.poll(() => served.length).toBe(1)
    const credentials = { accessKeyId: 'AKIAEXAMPLEEXAMPLE12', secretAccessKey: 'of nobody' }
    const client = new KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 5 })
    // There is room once it has been told that there is none.
    client.middlewareStack.add((next) => (args) => next(args).finally(release), {
      step: 'deserialize',
      priority: 'high',
    })
    const { Keys, $metadata } = await client.send(new ListKeysCommand({}))
    expect([Keys, ($metadata.attempts ?? 0) > 1, served.length]).toEqual([[], true, 2])
    client.destroy()
  })

  test('bodies that are too much together are told to come back, each alone is taken', async () => {
    const body = 'x'.repeat(100_000)
    const { url, served, release } = await open({ bodyBytes: 150_000 }, { held: true })
    const first = await lineTo(url)
    first.socket.write(post(body))
    await expect.poll(() => served.length).toBe(1)
    expect(statusesIn(await exchanged(url, post(body, lastly)))).toEqual([503])
    release()
    await expect.poll(() => statusesIn(first.heard())).toEqual([200])
    expect(statusesIn(await exchanged(url, post(body, lastly)))).toEqual([200])
    expect(served.length).toBe(2)
  })

  test('what was held of requests that ended in between is given back', async () => {
    const { url } = await open({ bodyBytes: 150_000, requests: 2 })
    for (let times = 0; times < 5; times++) {
      const { socket, ended } = await lineTo(url)
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(100_000)}`)
      await pause(20)
      socket.destroy()
      await ended
    }
    await expect.poll(async () => statusesIn(await exchanged(url, post('x'.repeat(100_000), lastly)))).toEqual([200])
  })

  test('too many header lines are refused, not left out', async () => {
    const { url, served } = await open({ headers: 10 })
    const lines = (count: number) => `Connection: close\r\n${'a:b\r\n'.repeat(count - 3)}`
    expect(statusesIn(await exchanged(url, post('ten', lines(10))))).toEqual([200])
    expect(statusesIn(await exchanged(url, post('eleven', lines(11))))).toEqual([431])
    expect(served).toEqual(['ten'])
  })
})

describe('time', () => {
  test('headers that do not end are not waited for', async () => {
    const { url, served } = await open({ headersMs: 200 })
    const { socket, heard, ended } = await lineTo(url)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\n')
    const drip = setInterval(() => socket.writable && socket.write('a: b\r\n'), 50)
    await ended
    clearInterval(drip)
    expect([statusesIn(heard()), served]).toEqual([[408], []])
  })

  test('a body that does not end is not waited for, and what it was is not done', async () => {
    const { url, served, logged } = await open({ headersMs: 200, requestMs: 300 })
    const { socket, heard, ended } = await lineTo(url)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n')
    const drip = setInterval(() => socket.writable && socket.write('x'), 50)
    await ended
    clearInterval(drip)
    expect([statusesIn(heard()), served, logged]).toEqual([[408], [], []])
  })

  test('who says nothing at all is not waited for', async () => {
    const { url } = await open({ headersMs: 200 })
    const { heard, ended } = await lineTo(url)
    await ended
    expect(statusesIn(heard())).toEqual([408])
  })

  test('an idle connection ends', async () => {
    const { url } = await open({ idleMs: 100 })
    const { socket, heard, ended } = await lineTo(url)
    socket.write(post('one'))
    await ended
    expect(statusesIn(heard())).toEqual([200])
  })

  test('who does not read the answer is not waited for', async () => {
    const { url } = await open({ silenceMs: 300 }, { answer: (text) => text.repeat(8) })
    const { socket, heard, ended } = await lineTo(url)
    socket.pause()
    // With the answers to it, more than what the system keeps between the two.
    const body = 'x'.repeat(8_000_000)
    socket.write(post(body))
    await pause(1500)
    socket.resume()
    await ended
    expect(heard().length).toBeLessThan(body.length * 8)
  })
})

describe('answers stay in order', () => {
  test('of requests sent at once, each gets its own', async () => {
    const { url } = await open()
    const heard = await exchanged(url, post('one') + post('two') + post('three', lastly))
    expect(heard.match(/<\w+>/g)).toEqual(['<one>', '<two>', '<three>'])
  })

  test('a line end too many after a body, as old clients have it, is nothing', async () => {
    const { url } = await open()
    expect(statusesIn(await exchanged(url, `${post('one')}\r\n${post('two', lastly)}\r\n`))).toEqual([200, 200])
  })

  test('nonsense after a request that waits is not answered before it', async () => {
    const { url, served } = await open({}, { held: true })
    expect(await exchanged(url, `${post('one')}NONSENSE\r\n\r\n`)).toBe('')
    expect(served).toEqual(['one'])
  })
})

test('whatever bytes come, they are answered or dropped, and the next request is served', async () => {
  const { url, logged } = await open({ headersMs: 300, requestMs: 600, idleMs: 300 })
  const whole = `${post('one', 'Transfer-Encoding: chunked\r\n')}${post('two', 'Expect: 100-continue\r\n')}`
  const mutated = fc
    .array(fc.tuple(fc.nat(whole.length), fc.nat(20), fc.uint8Array({ maxLength: 8 })), { minLength: 1, maxLength: 5 })
    .map((cuts) =>
      cuts.reduce((bytes, [at, length, put]) => {
        return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + length)])
      }, Buffer.from(whole)),
    )
  const any = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }).map(Buffer.from))
  await fc.assert(
    fc.asyncProperty(fc.array(any, { minLength: 50, maxLength: 50 }), async (all) => {
      const answers = await Promise.all(all.map((bytes) => exchanged(url, bytes, 5000)))
      for (const answer of answers) expect(answer).toMatch(/^(?:$|HTTP\/1\.1 [1-4])/)
      expect(answers.flatMap(statusesIn).filter((status) => status >= 500)).toEqual([])
      expect(statusesIn(await exchanged(url, post('after', lastly)))).toEqual([200])
    }),
    { numRuns: 10, endOnFailure: true },
  )
  expect(logged).toEqual([])
})

describe('when it ends', () => {
  test('requests under way are answered, and nobody else is waited for', async () => {
    const { host, url, served, release } = await open({}, { held: true })
    const [idle, silent, busy] = [await lineTo(url), await lineTo(url), await lineTo(url)]
    busy.socket.write(post('busy'))
    await expect.poll(() => served).toEqual(['busy'])
    const closed = host.close(5000)
    const before = Date.now()
    setTimeout(release, 100)
    await closed
    expect(Date.now() - before).toBeLessThan(4000)
    await Promise.all([idle.ended, silent.ended, busy.ended])
    expect([busy, idle, silent].map(({ heard }) => statusesIn(heard()))).toEqual([[200], [], []])
  })

  test('a request that does not come to its end is cut off when the time is over', async () => {
    const { host, url } = await open()
    const { socket, ended } = await lineTo(url)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
    await pause(50)
    const before = Date.now()
    await host.close(300)
    expect(Date.now() - before).toBeGreaterThanOrEqual(250)
    await ended
  })
})

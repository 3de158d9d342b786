/** Whatever bytes arrive: an answer in AWS's form, no 5xx, no stack trace, nothing left in the store. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'
import { type Credentials, signedHeaders } from '../harness/sign.ts'
import { exchanged } from '../harness/socket.ts'

const url = new URL(inject('url'))
const credentials = credentialsIn(inject('credentialsFile'))
const local = inject('hostKind') === 'local'
const amz = (action: string) => ({
  host: url.host,
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': `TrentService.${action}`,
})

interface Sent {
  readonly status: number
  readonly text: string
  readonly json: { readonly __type?: string; readonly message?: string }
}

async function post(headers: Record<string, string>, body: string | Uint8Array): Promise<Sent> {
  const response = await fetch(url, { method: 'POST', headers, body: body as string })
  const text = await response.text()
  expect(text).not.toMatch(/\bat .*\.(?:ts|js):\d/)
  return { status: response.status, text, json: JSON.parse(text) }
}

async function call(
  action: string,
  body: string | Uint8Array,
  as: Credentials = credentials,
  date = new Date(),
  more: Record<string, string> = {},
): Promise<Sent> {
  return post(
    { ...(await signedHeaders({ method: 'POST', target: '/', headers: amz(action), body }, as, { date })), ...more },
    body,
  )
}

/** Of requests: what the service does by itself meanwhile is none. */
const records = (): { eventName: string; errorCode?: string }[] => {
  const folder = join(inject('home'), 'audit')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .sort()
    .flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
}
const keysThere = async (): Promise<number> => JSON.parse((await call('ListKeys', '{"Limit":1000}')).text).Keys.length

test('each kind of bad request gets its own error, is on record where it names an action, and leaves nothing behind', async () => {
  const before = await keysThere()
  const create = '{"Description":"should not be"}'
  const late = new Date(Date.now() - 330_000)
  const early = new Date(Date.now() + 330_000)
  const wrongSecret = { ...credentials, secretAccessKey: `${credentials.secretAccessKey}x` }
  const unknown = '{"KeyId":"00000000-0000-4000-8000-000000000000","Description":"x"}'
  const foreign =
    '{"KeyId":"arn:aws:kms:us-east-1:999999999999:key/00000000-0000-4000-8000-000000000000","Description":"x"}'
  const cases: [string, () => Promise<Sent>, string][] = [
    ['not JSON', () => call('CreateKey', '{"Description":'), 'SerializationException'],
    ['an array', () => call('CreateKey', '[]'), 'SerializationException'],
    ['a wrong type', () => call('CreateKey', '{"Description":1}'), 'SerializationException'],
    ['a bad value', () => call('CreateKey', '{"Origin":"MARS"}'), 'ValidationException'],
    ['no signature', () => post(amz('CreateKey'), create), 'MissingAuthenticationTokenException'],
    [
      'half a signature',
      () => post({ ...amz('CreateKey'), authorization: 'AWS4-HMAC-SHA256 Credential=x' }, create),
      'IncompleteSignatureException',
    ],
    ['a wrong secret', () => call('CreateKey', create, wrongSecret), 'InvalidSignatureException'],
    [
      'an unknown access key',
      () => call('CreateKey', create, { ...credentials, accessKeyId: 'AKIAUNKNOWNUNKNOWN12' }),
      'UnrecognizedClientException',
    ],
    [
      'a session token beside a long-lived key',
      () => call('CreateKey', create, { ...credentials, sessionToken: 'x' }),
      'UnrecognizedClientException',
    ],
    ['an old signature', () => call('CreateKey', create, credentials, late), 'InvalidSignatureException'],
    ['a signature of the future', () => call('CreateKey', create, credentials, early), 'InvalidSignatureException'],
    ['an unknown key', () => call('UpdateKeyDescription', unknown), 'NotFoundException'],
    [
      'a malformed ARN',
      () => call('UpdateKeyDescription', '{"KeyId":"arn:aws:kms:x","Description":"x"}'),
      'NotFoundException',
    ],
    ['a foreign account', () => call('UpdateKeyDescription', foreign), 'AccessDeniedException'],
    [
      'deep nesting',
      () => call('CreateKey', `{"Tags":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      'SerializationException',
    ],
  ]
  for (const [what, send, expected] of cases) {
    const had = records().length
    const { status, json } = await send()
    expect([what, status, json.__type]).toEqual([what, 400, expected])
    const [record, ...more] = records().slice(had)
    expect([what, more.length, record?.errorCode]).toEqual([what, 0, expected])
  }
  expect(await keysThere()).toBe(before)
})

test('a request that names no action of ours is refused without a record', async () => {
  const had = records().length
  const target = await call('LaunchRocket', '{}')
  expect([target.status, target.json]).toEqual([400, { __type: 'UnknownOperationException' }])
  const type = await post({ host: url.host, 'content-type': 'text/plain' }, 'hello')
  expect([type.status, type.json.__type]).toEqual([404, 'UnknownOperationException'])
  expect(records().length).toBe(had)
})

test('a body changed after signing is refused', async () => {
  const headers = await signedHeaders(
    { method: 'POST', target: '/', headers: amz('CreateKey'), body: '{}' },
    credentials,
  )
  const { status, json } = await post(headers, '{"Description":"x"}')
  expect([status, json.__type]).toEqual([400, 'InvalidSignatureException'])
})

test.skipIf(!local)(
  `invalid UTF-8 is not JSON${local ? '' : ' (serverless-offline decodes bodies before the handler sees them; the local host runs this)'}`,
  async () => {
    const { status, json } = await call(
      'CreateKey',
      Uint8Array.from([...Buffer.from('{"Description":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
    )
    expect([status, json.__type]).toEqual([400, 'SerializationException'])
  },
)

test.skipIf(!local)(
  `a body over 10 MB is refused and on record${local ? '' : ' (serverless-offline answers 413 itself; the local host runs this)'}`,
  async () => {
    const body = `{"Description":"${'x'.repeat(10 * 1024 * 1024)}"}`
    const { status, json } = await call('CreateKey', body)
    expect([status, json.__type]).toEqual([413, 'RequestEntityTooLargeException'])
    expect(records().at(-1)).toMatchObject({ eventName: 'CreateKey', errorCode: 'RequestEntityTooLargeException' })
  },
)

test.skipIf(!local)(
  `what is not HTTP is dropped, and the next request is served${local ? '' : ' (the local host runs this)'}`,
  async () => {
    const nonsense = [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'GET\r\n\r\n',
      'POST / HTTP/1.1\r\n\r\n',
      'POST / HTTP/9.9\r\nHost: x\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'b'.repeat(100_000)}\r\n\r\n`,
      'GET /keys/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'GET //../..//etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      '\0\0\0\0',
    ]
    for (const bytes of nonsense) {
      const answer = await exchanged(url, bytes)
      expect(answer).not.toMatch(/^HTTP\/1\.1 5/)
    }
    expect((await call('ListKeys', '{}')).status).toBe(200)
  },
)

/** The PIN from AWS Secrets Manager. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SignatureV4 } from '@smithy/signature-v4'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { pinInSecret } from '../../../lib/hsm/pin.ts'
import { Sha256 } from '../../harness/sign.ts'

const credentials = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'of-the-role', sessionToken: 'session-of-the-role' }
const now = Date.UTC(2026, 0, 2, 3, 4, 5)
const id = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:keystead-prod/hsm-pin-AbCdEf'

let status: number
let answer: string
let asked: { readonly headers: Readonly<Record<string, unknown>>; readonly body: string } | undefined
const server = createServer(async (request, response) => {
  asked = { headers: request.headers, body: await text(request) }
  response.writeHead(status).end(answer)
})
const pin = () => {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return pinInSecret({ id, endpoint, region: 'eu-west-1', now: () => now })
}

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey)
  vi.stubEnv('AWS_SESSION_TOKEN', credentials.sessionToken)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  server.close()
})

test("is asked for with the process's own credentials, signed as AWS's own signer signs it", async () => {
  status = 200
  answer = JSON.stringify({ SecretString: 'crypto_user:correct horse\n' })
  expect(await pin()).toBe('crypto_user:correct horse')
  const { headers = {}, body = '' } = asked ?? {}
  expect(JSON.parse(body)).toEqual({ SecretId: id })
  const covered = {
    host: String(headers.host),
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'secretsmanager.GetSecretValue',
  }
  const signer = new SignatureV4({
    credentials,
    region: 'eu-west-1',
    service: 'secretsmanager',
    sha256: Sha256,
    applyChecksum: false,
  })
  const request = { protocol: 'http:', hostname: covered.host, method: 'POST', path: '/', query: {}, body }
  const expected = await signer.sign({ ...request, headers: covered }, { signingDate: new Date(now) })
  expect(headers.authorization).toBe(expected.headers.authorization)
})

test('that cannot be read names its secret and what was answered, and repeats nothing of the answer', async () => {
  status = 400
  answer = JSON.stringify({ __type: 'AccessDeniedException', Message: 'User: arn:… is not authorized' })
  await expect(pin()).rejects.toThrow(new Error(`The secret ${id} could not be read: 400 AccessDeniedException`))
  status = 503
  answer = 'Service Unavailable'
  await expect(pin()).rejects.toThrow(new Error(`The secret ${id} could not be read: 503`))
})

test.each([['{}'], ['{"SecretString":" "}'], ['{"SecretBinary":"AAAA"}'], ['[1]'], ['null'], ['not JSON']])(
  'that is not text is refused: %s',
  async (body) => {
    status = 200
    answer = body
    await expect(pin()).rejects.toThrow(new Error(`The secret ${id} holds no text`))
  },
)

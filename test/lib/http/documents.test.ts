import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { serveDocuments } from '../../../lib/http/documents.ts'

const handler = serveDocuments({ openapi: '3.1.0' })
const answered = (rawPath: string, headers: object = {}, domainName = 'localhost') =>
  handler({ rawPath, headers, requestContext: { domainName } } as unknown as APIGatewayProxyEventV2)

describe('the API description is found', () => {
  test.each([
    ['/openapi.json', 'application/json'],
    ['/prod/openapi.json', 'application/json'],
    ['/docs', 'text/html; charset=utf-8'],
    ['/base/path/docs', 'text/html; charset=utf-8'],
    ['/prod/docs/show.js', 'text/javascript; charset=utf-8'],
    ['/prod/docs/swagger-ui.css', 'text/css; charset=utf-8'],
  ])('at %s', async (path, type) => {
    const { statusCode, headers } = await answered(path)
    expect([statusCode, headers?.['Content-Type']]).toEqual([200, type])
  })
})

test.each(['/docs/', '/prod/docs/', '/base/path/docs/'])('a slash too many leads from %s to the page', async (path) => {
  const { statusCode, headers } = await answered(path)
  expect([statusCode, headers?.Location]).toEqual([308, '../docs'])
  const { pathname } = new URL(String(headers?.Location), `https://host${path}`)
  expect(pathname).toBe(path.slice(0, -1))
  expect((await answered(pathname)).statusCode).toBe(200)
})

test('who comes over TLS is told to come so again, and nobody else is', async () => {
  for (const path of ['/docs', '/docs/', '/docs/show.js', '/openapi.json', '/docs/none.js']) {
    const strict = async (headers: object, domainName: string) =>
      (await answered(path, headers, domainName)).headers?.['Strict-Transport-Security']
    const gateway = 'example.execute-api.us-east-1.amazonaws.com'
    expect(await strict({ 'x-forwarded-proto': 'https' }, gateway)).toBe('max-age=63072000')
    expect(await strict({ 'x-forwarded-proto': 'http' }, gateway)).toBeUndefined()
    expect(await strict({ 'x-forwarded-proto': 'https' }, 'localhost')).toBeUndefined()
    expect(await strict({}, 'localhost')).toBeUndefined()
  }
})

test.each(['/docs/none.js', '/docs/../package.json', '/docs/__proto__', '/prod', '/docs/show.js/more'])(
  'nothing is found at %s',
  async (path) => {
    const { statusCode, body, headers } = await answered(path)
    expect([statusCode, body, headers?.['X-Content-Type-Options']]).toEqual([404, 'Not found\n', 'nosniff'])
  },
)

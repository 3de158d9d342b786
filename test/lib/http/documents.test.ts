import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { describe, expect, test } from 'vitest'
import { serveDocuments } from '../../../lib/http/documents.ts'

const handler = serveDocuments({ openapi: '3.1.0' })
const answered = (rawPath: string) => handler({ rawPath, headers: {} } as unknown as APIGatewayProxyEventV2)

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

test.each(['/docs/', '/docs/none.js', '/docs/../package.json', '/docs/__proto__', '/prod', '/docs/show.js/more'])(
  'nothing is found at %s',
  async (path) => {
    const { statusCode, body, headers } = await answered(path)
    expect([statusCode, body, headers?.['X-Content-Type-Options']]).toEqual([404, 'Not found\n', 'nosniff'])
  },
)

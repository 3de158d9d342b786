/** What reaches a Lambda from elsewhere than its gateway: whoever may invoke it may hand it anything. */
import { expect, test, vi } from 'vitest'
import { handler } from '../../../functions/front-door.ts'

test.each<[string, object | null]>([
  ['nothing', null],
  ['nothing in it', {}],
  ['no headers', { requestContext: { http: {}, domainName: 'x' } }],
  ['no context', { headers: { 'x-forwarded-proto': 'https' } }],
])('an event with %s is answered with a failure, and shows no stack trace', async (_, event) => {
  const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const { statusCode, headers, body = '' } = await handler(event as never, {} as never)
  expect(logged).toHaveBeenCalledOnce()
  logged.mockRestore()
  expect([statusCode, headers?.['X-Content-Type-Options']]).toEqual([500, 'nosniff'])
  expect(JSON.parse(body)).toEqual({
    __type: 'KMSInternalException',
    message: expect.stringMatching(/^Internal failure\. Request id: [0-9a-f-]{36}$/),
  })
})

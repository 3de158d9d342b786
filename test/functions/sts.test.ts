/** STS over its own protocol, through AWS's own client where it can say it, and by hand where it would not. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { beforeEach, describe, expect, test } from 'vitest'
import { handler } from '../../functions/identity/sts.ts'
import { clientOf } from '../harness/sdk.ts'
import { presigned, signedHeaders } from '../harness/sign.ts'
import { account, eventOf, region, root, TestWorld } from '../harness/world.ts'

let world: TestWorld
beforeEach(async () => {
  world = await TestWorld.start()
})

const host = 'localhost:4599'
const formType = 'application/x-www-form-urlencoded; charset=utf-8'
const whoAmI = 'Action=GetCallerIdentity&Version=2011-06-15'

/** A form, signed unless told otherwise; the answer's bytes. */
async function post(
  body: string,
  { service = 'sts', skewMs = 0, by = root as typeof root | 'nobody', at = region, type = formType, path = '/' } = {},
) {
  const request = { method: 'POST', target: path, headers: { host, 'content-type': type }, body }
  const date = new Date(world.nowMs + skewMs)
  const headers = by === 'nobody' ? request.headers : await signedHeaders(request, by, { region: at, service, date })
  return world.answer({ ...request, headers }, path === '/' ? undefined : handler)
}

const failureOf = (xml: string) => ({
  type: /<Type>(.*?)<\/Type>/.exec(xml)?.[1],
  code: /<Code>(.*?)<\/Code>/.exec(xml)?.[1],
  message: /<Message>(.*?)<\/Message>/s.exec(xml)?.[1],
})

describe('GetCallerIdentity', () => {
  test('says who asks, to AWS’s client', async () => {
    const answer = await new STSClient(clientOf(world)).send(new GetCallerIdentityCommand({}))
    expect(answer).toMatchObject({ UserId: account, Account: account, Arn: `arn:aws:iam::${account}:root` })
    expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(world.records.at(-1)).toMatchObject({
      eventSource: 'sts.amazonaws.com',
      eventName: 'GetCallerIdentity',
      awsRegion: region,
      readOnly: true,
      requestParameters: null,
      responseElements: null,
      userIdentity: { type: 'Root', accessKeyId: root.accessKeyId },
    })
  })

  test('is answered in XML of the service’s namespace, with the request id of the header', async () => {
    const { status, headers, body } = await post(whoAmI)
    expect(status).toBe(200)
    expect(headers['Content-Type']).toBe('text/xml')
    const id = headers['x-amzn-RequestId']
    expect(body).toBe(
      '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
        `<UserId>${account}</UserId><Account>${account}</Account><Arn>arn:aws:iam::${account}:root</Arn>` +
        `</GetCallerIdentityResult><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata>` +
        '</GetCallerIdentityResponse>',
    )
  })

  test('is answered by the Lambda of STS, at the path that its endpoint gives it', async () => {
    const { status, body } = await post(whoAmI, { path: '/sts/' })
    expect([status, body.includes(`<Account>${account}</Account>`)]).toEqual([200, true])
  })

  test('is answered from a link that was signed in its query string, as long as that says', async () => {
    const link = await presigned(`/?${whoAmI}`, root, {
      host,
      region,
      service: 'sts',
      date: new Date(world.nowMs),
      expiresIn: 60,
    })
    const ask = (target: string) => world.answer({ method: 'GET', target, headers: { host }, body: '' })
    expect((await ask(link)).status).toBe(200)
    world.nowMs += 61_000
    const late = await ask(link)
    expect([late.status, failureOf(late.body)]).toEqual([
      403,
      {
        type: 'Sender',
        code: 'SignatureDoesNotMatch',
        message: 'Signature expired: 20261124T120100Z is now earlier than 20261124T120101Z',
      },
    ])
    world.nowMs -= 61_000
    for (const [from, to] of [
      ['GetCallerIdentity', 'GetCallerIdentitx'],
      ['X-Amz-Expires=60', 'X-Amz-Expires=61'],
      ['X-Amz-SignedHeaders=host', 'X-Amz-SignedHeaders=host%3Bx'],
    ] as const) {
      expect(link).toContain(from)
      const changed = await ask(link.replace(from, to))
      expect([from, changed.status]).toEqual([from, from === 'GetCallerIdentity' ? 400 : 403])
    }
  })

  test.each([
    ['X-Amz-Expires=0', 'X-Amz-Expires must be a number of seconds from 1 to 604800.'],
    ['X-Amz-Expires=604801', 'X-Amz-Expires must be a number of seconds from 1 to 604800.'],
    ['X-Amz-Expires=1e3', 'X-Amz-Expires must be a number of seconds from 1 to 604800.'],
    ['', "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."],
  ])('is refused a link with %j', async (expires, message) => {
    const link = await presigned(`/?${whoAmI}`, root, {
      host,
      region,
      service: 'sts',
      date: new Date(world.nowMs),
      expiresIn: 60,
    })
    const target = link.replace(/&?X-Amz-Expires=60/, expires && `&${expires}`)
    const { status, body } = await world.answer({ method: 'GET', target, headers: { host }, body: '' })
    expect([status, failureOf(body)]).toEqual([
      400,
      { type: 'Sender', code: 'IncompleteSignature', message: message.replaceAll("'", '&#39;') },
    ])
  })
})

describe('a refusal', () => {
  const wrong = { ...root, secretAccessKey: 'not-the-secret' }
  const unknown = { ...root, accessKeyId: 'AKIANOBODYNOBODYNOBO' }
  const invalid = 'The security token included in the request is invalid.'
  const mismatch =
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
    'and signing method. Consult the service documentation for details.'

  test.each([
    [
      'without a signature',
      { by: 'nobody' as const },
      403,
      'MissingAuthenticationToken',
      'Request is missing Authentication Token',
    ],
    ['of an access key that nobody has', { by: unknown }, 403, 'InvalidClientTokenId', invalid],
    [
      'of a token beside a long-lived access key',
      { by: { ...root, sessionToken: 'x' } },
      403,
      'InvalidClientTokenId',
      invalid,
    ],
    ['of a wrong signature', { by: wrong }, 403, 'SignatureDoesNotMatch', mismatch],
    [
      'of another service’s signature',
      { service: 'kms' },
      403,
      'SignatureDoesNotMatch',
      'Credential should be scoped to correct service: &#39;sts&#39;.',
    ],
    [
      'of another Region’s signature',
      { at: 'eu-west-1' },
      403,
      'SignatureDoesNotMatch',
      'Credential should be scoped to a valid region, not &#39;eu-west-1&#39;.',
    ],
    [
      'of an old signature',
      { skewMs: -901_000 },
      403,
      'SignatureDoesNotMatch',
      'Signature expired: 20261124T114459Z is now earlier than 20261124T114500Z (20261124T120000Z - 15 min.)',
    ],
  ])('%s has STS’s name and status', async (_, options, status, code, message) => {
    const answer = await post(whoAmI, options)
    expect([answer.status, failureOf(answer.body)]).toEqual([status, { type: 'Sender', code, message }])
    expect(answer.body).toMatch(/^<ErrorResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><Error>/)
    expect(world.records.at(-1)).toMatchObject({ eventSource: 'sts.amazonaws.com', errorCode: code })
  })

  test('is not made of a clock that is off by less than a quarter of an hour', async () => {
    expect((await post(whoAmI, { skewMs: -899_000 })).status).toBe(200)
    expect((await post(whoAmI, { skewMs: 899_000 })).status).toBe(200)
  })

  test.each([
    ['Action=Nothing&Version=2011-06-15', 'InvalidAction', 'Could not find operation Nothing for version 2011-06-15'],
    [
      'Action=GetCallerIdentity&Version=2010-05-08',
      'InvalidAction',
      'Could not find operation GetCallerIdentity for version 2010-05-08',
    ],
    [
      'Action=GetCallerIdentity',
      'InvalidAction',
      'Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED',
    ],
    [
      'Action=%3C%26%00%3E&Version=2011-06-15',
      'InvalidAction',
      'Could not find operation &lt;&amp;\ufffd&gt; for version 2011-06-15',
    ],
    ['', 'MissingAction', 'The request must contain the parameter Action'],
    ['Action=a&Action=b', 'MalformedInput', 'A parameter is given more than once'],
    ['Action=%ff', 'MalformedInput', 'A parameter is not percent-encoded UTF-8'],
    ['Action=%zz', 'MalformedInput', 'A parameter is not percent-encoded UTF-8'],
  ])('of the form %j says what is wrong with it', async (form, code, message) => {
    const answer = await post(form)
    expect([answer.status, failureOf(answer.body)]).toEqual([400, { type: 'Sender', code, message }])
  })

  test('of a failure that is ours has STS’s name for it', async () => {
    world.auditFailure = new Error('the disk is full')
    const { status, body, headers } = await post(whoAmI)
    expect([status, failureOf(body)]).toEqual([
      500,
      {
        type: 'Receiver',
        code: 'InternalFailure',
        message: `Internal failure. Request id: ${headers['x-amzn-RequestId']}`,
      },
    ])
  })

  test('of a link to KMS is KMS’s', async () => {
    const { status, json } = await world.receive({
      method: 'GET',
      target: '/?X-Amz-Algorithm=x',
      headers: { host },
      body: '',
    })
    expect([status, json.__type]).toEqual([404, 'UnknownOperationException'])
  })
})

test('an event without a body or with a wrong encoding is refused, not failed', async () => {
  const event = eventOf({ method: 'POST', target: '/', headers: { 'content-type': formType }, body: '' })
  const { body: _, ...bare } = event
  for (const each of [bare, { ...event, body: Buffer.from([0xff, 0xfe]).toString('base64') }]) {
    const { statusCode } = await handler(each as typeof event, {} as Parameters<typeof handler>[1])
    expect(statusCode).toBe(400)
  }
})

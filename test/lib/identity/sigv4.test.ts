import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../lib/bytes.ts'
import {
  IncompleteSignatureException,
  InvalidSignatureException,
  type KmsError,
  MissingAuthenticationTokenException,
  UnrecognizedClientException,
} from '../../../lib/errors.ts'
import { deriveSigningKey, readSignature, type SignedRequest, signatureMatches } from '../../../lib/identity/sigv4.ts'
import vectors from '../../vectors/sigv4.json' with { type: 'json' }
import { expected, signed, signedAt, signingKey, withAuthorization, withHeaders } from './signer.ts'

const verified = (request: SignedRequest, at = expected): boolean =>
  signatureMatches(readSignature(request, at), signingKey(at.service))

function refusalOf(request: SignedRequest, at: typeof expected & { skewMs?: number } = expected): KmsError {
  try {
    readSignature(request, at)
  } catch (error) {
    return error as KmsError
  }
  throw new Error('not refused')
}

function expectRefusal(error: KmsError, type: new (message?: string) => KmsError, message: string): void {
  expect(error).toBeInstanceOf(type)
  expect(error.message).toBe(message)
  expect(error.status).toBe(400)
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('base64')

describe('the frozen vectors', () => {
  const dateKey = createHmac('sha256', `AWS4${vectors.secretAccessKey}`).update('20150830').digest()

  it.each(vectors.vectors)('verifies $name', ({ service, request, signedHeaders, signature }) => {
    const scope = `${vectors.accessKeyId}/20150830/${vectors.region}/${service}/aws4_request`
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
    const headers = Object.fromEntries(
      Object.entries({ ...request.headers, authorization }).filter(([, value]) => value !== undefined),
    )
    const read = readSignature(
      { ...request, headers: headers as Record<string, string>, body: utf8(request.body) },
      { service, region: vectors.region, now: signedAt },
    )
    expect(signatureMatches(read, deriveSigningKey(dateKey, vectors.region, service))).toBe(true)
  })

  it("derives AWS's signing key", () => {
    expect(deriveSigningKey(dateKey, 'us-east-1', 'kms').export().toString('hex')).toBe(
      'daf4bdf807b2e75aeddb12d90af33760aa260ac37875a093af71f7f0ddda481e',
    )
  })
})

describe('a signature that is right', () => {
  it('gives its scope, the session token and the string that was signed', async () => {
    const read = readSignature(await signed({}, { sessionToken: 'a token' }), expected)
    expect(read).toMatchObject({
      accessKeyId: 'AKIDEXAMPLE',
      date8: '20150830',
      region: 'us-east-1',
      service: 'kms',
      sessionToken: 'a token',
    })
    expect(read.stringToSign).toMatch(
      /^AWS4-HMAC-SHA256\n20150830T123600Z\n20150830\/us-east-1\/kms\/aws4_request\n[0-9a-f]{64}$/,
    )
    expect(read.signature).toHaveLength(32)
  })

  it('has no session token when the request has none', async () => {
    expect(readSignature(await signed(), expected)).not.toHaveProperty('sessionToken')
  })

  it('verifies with and without x-amz-content-sha256', async () => {
    expect(verified(await signed({}, { contentHash: true }))).toBe(true)
    expect(verified(await signed({}, { contentHash: false }))).toBe(true)
  })

  it('verifies whatever the order and spacing of the parts of the Authorization header', async () => {
    const request = withAuthorization(await signed(), (header) => {
      const [algorithm = '', ...parts] = header.split(/,? /)
      return `${algorithm}  ${parts.toReversed().join(' ,\t')}`
    })
    expect(verified(request)).toBe(true)
  })

  it('verifies with headers that proxies add and change', async () => {
    const added = { 'user-agent': 'x', 'x-forwarded-for': '192.0.2.1', 'x-amzn-trace-id': 'Root=1', via: '1.1 x' }
    expect(verified(withHeaders(await signed(), added))).toBe(true)
  })

  it('verifies when the date is in a signed Date header', async () => {
    // The signer knows x-amz-date only, so this one is signed by hand.
    const request = withHeaders(await signed({}, { contentHash: false }), { date: '20150830T123600Z' })
    const names = 'content-type;date;host;x-amz-target'
    const canonical = [
      'POST',
      '/',
      '',
      ...names.split(';').map((name) => `${name}:${request.headers[name]}`),
      '',
      names,
      createHash('sha256').update(request.body).digest('hex'),
    ].join('\n')
    const scope = '20150830/us-east-1/kms/aws4_request'
    const text = `AWS4-HMAC-SHA256\n20150830T123600Z\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`
    const signature = createHmac('sha256', signingKey()).update(text).digest('hex')
    const credential = `AKIDEXAMPLE/${scope}`
    const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`
    expect(verified(withHeaders(request, { 'x-amz-date': undefined, authorization }))).toBe(true)
    expectRefusal(
      refusalOf(withHeaders(request, { 'x-amz-date': undefined, authorization: authorization.replace('date;', '') })),
      InvalidSignatureException,
      "'Date' must be a 'SignedHeader' in the AWS Authorization.",
    )
  })
})

describe('where the signature is', () => {
  const algorithm = 'X-Amz-Algorithm=AWS4-HMAC-SHA256'

  it('refuses a signature in header and query at once', async () => {
    for (const query of [algorithm, 'a=b&%58-Amz-Algorithm']) {
      expectRefusal(
        refusalOf({ ...(await signed()), query }),
        InvalidSignatureException,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
      )
    }
  })

  it('refuses a request without a signature', async () => {
    for (const authorization of [undefined, '']) {
      expectRefusal(
        refusalOf(withHeaders(await signed(), { authorization })),
        MissingAuthenticationTokenException,
        'Missing Authentication Token',
      )
    }
  })

  it('names each parameter that a presigned request lacks', async () => {
    const unsigned = withHeaders(await signed(), { authorization: undefined })
    expectRefusal(
      refusalOf({ ...unsigned, query: 'X-Amz-Algorithm&X-Amz-Credential=a&X-Amz-Date=' }),
      IncompleteSignatureException,
      "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include " +
        "'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string " +
        "parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
    )
  })

  it('refuses a presigned request', async () => {
    const unsigned = withHeaders(await signed(), { authorization: undefined })
    const query = `${algorithm}&X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d`
    expectRefusal(
      refusalOf({ ...unsigned, query }),
      InvalidSignatureException,
      "Service 'kms' does not accept a signature in the query string. Use the Authorization header.",
    )
  })
})

describe('the Authorization header', () => {
  const missing = {
    Credential: "Authorization header requires 'Credential' parameter. ",
    Signature: "Authorization header requires 'Signature' parameter. ",
    SignedHeaders: "Authorization header requires 'SignedHeaders' parameter. ",
    date: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
  }
  const seen = (header: string) => `(Hashed with SHA-256 and encoded with Base64) Authorization=${hashOf(header)}`

  it.each(['Credential', 'Signature', 'SignedHeaders'] as const)('is refused without %s', async (name) => {
    for (const value of ['', `${name}=, `, `${name}, `]) {
      const request = withAuthorization(await signed(), (header) =>
        `${header}, `.replace(new RegExp(`${name}=[^,]*, `), value).replace(/, $/, ''),
      )
      const error = refusalOf(request)
      expectRefusal(error, IncompleteSignatureException, `${missing[name]}${seen(request.headers.authorization ?? '')}`)
    }
  })

  it('is refused without a date', async () => {
    const request = withHeaders(await signed(), { 'x-amz-date': undefined })
    expectRefusal(
      refusalOf(request),
      IncompleteSignatureException,
      `${missing.date}${seen(request.headers.authorization ?? '')}`,
    )
  })

  it('of another scheme is refused without repeating its secret', async () => {
    for (const authorization of ['Bearer a-secret-token', 'Basic YTpiCg==', 'AWS4-HMAC-SHA256']) {
      const request = withHeaders(await signed(), { authorization, 'x-amz-date': undefined })
      expectRefusal(
        refusalOf(request),
        IncompleteSignatureException,
        `${missing.Credential}${missing.Signature}${missing.SignedHeaders}${missing.date}${seen(authorization)}`,
      )
    }
  })

  it('is refused when it was sent twice, or has a part that is repeated, unknown or no pair', async () => {
    const request = await signed()
    const given = request.headers.authorization ?? ''
    const part = /SignedHeaders=[^,]*/.exec(given)?.[0]
    for (const authorization of [
      `${given},${given}`,
      `${given},${part}`,
      `${given}, Region=x`,
      `${given}, x`,
      `${given},`,
    ]) {
      expectRefusal(
        refusalOf(withHeaders(request, { authorization })),
        IncompleteSignatureException,
        'Invalid key=value pair in Authorization header (hashed with SHA-256 and encoded with Base64): ' +
          `'${hashOf(authorization)}'.`,
      )
    }
  })

  it('is refused when it is absurdly long', async () => {
    const request = withAuthorization(await signed(), (header) => header.replace('host;', `host;${'a;'.repeat(2048)}`))
    expectRefusal(
      refusalOf(request),
      IncompleteSignatureException,
      'Authorization header must not be longer than 4096 characters.',
    )
  })

  it.each(['AWS4-HMAC-SHA512', 'AWS4-ECDSA-P256-SHA256', 'aws4-hmac-sha256'])(
    'is refused with the algorithm %s',
    async (name) => {
      expectRefusal(
        refusalOf(withAuthorization(await signed(), (header) => header.replace('AWS4-HMAC-SHA256', name))),
        IncompleteSignatureException,
        `Unsupported AWS 'algorithm': '${name}' (only AWS4-HMAC-SHA256 for now).`,
      )
    },
  )
})

describe('the date', () => {
  it.each([
    '2015-08-30T12:36:00Z',
    '20150830T123600',
    '20150230T123600Z',
    '20151330T123600Z',
    '20150830T243600Z',
    '20150830T126000Z',
    '20150830T123660Z',
    '00150830T123600Z',
    'Sun, 30 Aug 2015 12:36:00 GMT',
    '20150830T123600Z,20150830T123600Z',
    ' ',
  ])('is refused as %j', async (date) => {
    expectRefusal(
      refusalOf(withHeaders(await signed(), { 'x-amz-date': date })),
      IncompleteSignatureException,
      `Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  })

  it('may be five minutes off, either way', async () => {
    const request = await signed()
    expect(verified(request, { ...expected, now: signedAt + 300_000 })).toBe(true)
    expect(verified(request, { ...expected, now: signedAt - 300_000 })).toBe(true)
  })

  it('may not be a millisecond more than five minutes back', async () => {
    expectRefusal(
      refusalOf(await signed(), { ...expected, now: signedAt + 300_001 }),
      InvalidSignatureException,
      'Signature expired: 20150830T123600Z is now earlier than 20150830T123600Z (20150830T124100Z - 5 min.)',
    )
    expectRefusal(
      refusalOf(await signed(), { ...expected, now: signedAt + 3_600_000 }),
      InvalidSignatureException,
      'Signature expired: 20150830T123600Z is now earlier than 20150830T133100Z (20150830T133600Z - 5 min.)',
    )
  })

  it('may not be a millisecond more than five minutes ahead', async () => {
    expectRefusal(
      refusalOf(await signed(), { ...expected, now: signedAt - 300_001 }),
      InvalidSignatureException,
      'Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)',
    )
  })

  it('may be off as much as is configured', async () => {
    const request = await signed()
    const skewMs = 900_000
    expect(readSignature(request, { ...expected, now: signedAt + skewMs, skewMs }).accessKeyId).toBe('AKIDEXAMPLE')
    expect(refusalOf(request, { ...expected, now: signedAt + skewMs + 1000, skewMs }).message).toBe(
      'Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)',
    )
  })
})

describe('the scope', () => {
  const scoped = async (scope: string) =>
    withAuthorization(await signed(), (header) => header.replace(/Credential=[^,]*/, `Credential=${scope}`))
  const messages = {
    region: "Credential should be scoped to a valid region, not 'eu-west-1'.",
    service: "Credential should be scoped to correct service: 'kms'.",
    terminator: "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
    date:
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
      "'20150831' != '20150830', from '20150830T123600Z'.",
  }

  it.each([
    'AKIDEXAMPLE',
    'AKIDEXAMPLE/20150830/us-east-1/aws4_request',
    'a/20150830/us-east-1/kms/aws4_request/',
    '////b/',
  ])('is refused as %s, which has not five elements', async (scope) => {
    expectRefusal(
      refusalOf(await scoped(scope)),
      IncompleteSignatureException,
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${scope}'`,
    )
  })

  it.each([
    ['another Region', 'AKIDEXAMPLE/20150830/eu-west-1/kms/aws4_request', messages.region],
    ['another service', 'AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request', messages.service],
    ['another terminator', 'AKIDEXAMPLE/20150830/us-east-1/kms/aws5_request', messages.terminator],
    ['another day', 'AKIDEXAMPLE/20150831/us-east-1/kms/aws4_request', messages.date],
    ['nothing right', 'AKIDEXAMPLE/20150831/eu-west-1/s3/aws5_request', Object.values(messages).join(' ')],
  ])('is refused for %s', async (_, scope, message) => {
    expectRefusal(refusalOf(await scoped(scope)), InvalidSignatureException, message)
  })

  it.each(['', 'AKID EXAMPLE', 'A'.repeat(129), 'ÅKIDEXAMPLE', 'a.b'])(
    'is refused with %j, which no access key is called',
    async (id) => {
      expectRefusal(
        refusalOf(await scoped(`${id}/20150830/us-east-1/kms/aws4_request`)),
        UnrecognizedClientException,
        'The security token included in the request is invalid.',
      )
    },
  )
})

describe('the signed headers', () => {
  const naming = async (edit: (names: string) => string) =>
    withAuthorization(await signed(), (header) => header.replace(/(?<=SignedHeaders=)[^,]*/, edit))

  it('must have the host among them', async () => {
    expectRefusal(
      refusalOf(await naming((names) => names.replace('host;', ''))),
      InvalidSignatureException,
      "'Host' must be a 'SignedHeader' in the AWS Authorization.",
    )
  })

  it.each(['x-amz-date', 'x-amz-target', 'x-amz-content-sha256'])('must have %s among them', async (name) => {
    expectRefusal(
      refusalOf(
        await naming((names) =>
          names
            .split(';')
            .filter((each) => each !== name)
            .join(';'),
        ),
      ),
      InvalidSignatureException,
      `'${name}' must be a 'SignedHeader' in the AWS Authorization.`,
    )
  })

  it.each(['x-amz-security-token', 'x-amz-anything'])('must have %s among them when it was added', async (name) => {
    expectRefusal(
      refusalOf(withHeaders(await signed(), { [name]: 'x' })),
      InvalidSignatureException,
      `'${name}' must be a 'SignedHeader' in the AWS Authorization.`,
    )
  })

  it.each([
    ['out of order', (names: string) => names.split(';').toReversed().join(';')],
    ['one of them twice', (names: string) => names.replace('host', 'host;host')],
    ['an empty name', (names: string) => `;${names}`],
    ['an empty name at the end', (names: string) => `${names};`],
    ['capitals', (names: string) => names.replace('content-type', 'Content-Type')],
    ['a name with a space', (names: string) => names.replace('content-type', 'content type')],
    ['a name with a line in it', (names: string) => names.replace('host', 'host:a\nhost;host')],
  ])('are refused with %s', async (_, edit) => {
    expectRefusal(
      refusalOf(await naming(edit)),
      InvalidSignatureException,
      "'SignedHeaders' must be lower-case names in alphabetical order, each once.",
    )
  })

  it.each(['constructor', '__proto__', 'cookie'])(
    'are refused when %s is among them but not in the request',
    async (name) => {
      expectRefusal(
        refusalOf(await naming((names) => [...names.split(';'), name].sort().join(';'))),
        InvalidSignatureException,
        `'${name}' is a 'SignedHeader', but not a header of the request.`,
      )
    },
  )

  it.each(['a\nb', 'a\r', '\0', '\u007f'])('are refused with a control character in the value %j', async (value) => {
    expectRefusal(
      refusalOf(withHeaders(await signed(), { 'content-type': value })),
      InvalidSignatureException,
      "The value of 'content-type' has control characters.",
    )
  })
})

describe('the body', () => {
  const mismatch = "The provided 'x-amz-content-sha256' header does not match what was computed."

  it.each(['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'e3b0', ''])(
    'is refused with %j in place of its hash, though signed',
    async (value) => {
      const request = await signed({ headers: { 'x-amz-content-sha256': value } })
      expectRefusal(refusalOf(request), InvalidSignatureException, mismatch)
    },
  )

  it('is refused when its hash is of another body, though signed', async () => {
    const request = await signed()
    expectRefusal(refusalOf({ ...request, body: utf8('{"KeyId":"alias/other"}') }), InvalidSignatureException, mismatch)
  })

  it('is refused when its hash is in capitals, though signed', async () => {
    const value = createHash('sha256').update('{}').digest('hex').toUpperCase()
    const request = await signed({ body: '{}', headers: { 'x-amz-content-sha256': value } })
    expectRefusal(refusalOf(request), InvalidSignatureException, mismatch)
  })

  it('of another request does not match where no hash is sent', async () => {
    const request = await signed({}, { contentHash: false })
    expect(verified({ ...request, body: utf8('{"KeyId":"alias/other"}') })).toBe(false)
  })
})

describe('the request line', () => {
  it.each([
    '/keys//a',
    '//',
    '/.',
    '/..',
    '/keys/./a',
    '/keys/../aliases',
    '/keys/a/..',
    'keys',
    '/a b',
    '/é',
    '/a\nb',
  ])('is refused with the path %j', async (path) => {
    expectRefusal(
      refusalOf(await signed({ path })),
      InvalidSignatureException,
      "The path must be percent-encoded and have no empty, '.' or '..' segment.",
    )
  })

  it.each(['a=b+c', 'a=b c', 'a=é', 'a=b\nc'])('is refused with the query string %j', async (query) => {
    expectRefusal(
      refusalOf({ ...(await signed()), query }),
      InvalidSignatureException,
      "The query must be percent-encoded, a space as '%20' and a plus as '%2B'.",
    )
  })

  it.each(['post', '', 'POST\n/', 'P'.repeat(17)])('is refused with the method %j', async (method) => {
    expectRefusal(
      refusalOf({ ...(await signed()), method }),
      InvalidSignatureException,
      'The method must be in upper case.',
    )
  })

  it('is refused when it is absurdly long', async () => {
    expectRefusal(
      refusalOf({ ...(await signed()), query: `a=${'b'.repeat(16_384)}` }),
      InvalidSignatureException,
      'The path and query string are too long.',
    )
  })
})

describe('a signature that is wrong', () => {
  const resigned = async (edit: (hexDigits: string) => string) =>
    withAuthorization(await signed(), (header) => header.replace(/[0-9a-f]{64}$/, edit))

  it.each([
    ['in capitals', (digits: string) => digits.toUpperCase().replace(/^./, 'A')],
    ['short', (digits: string) => digits.slice(2)],
    ['long', (digits: string) => `${digits}00`],
    ['not hexadecimal', (digits: string) => digits.replace(/^./, 'g')],
    ['of zeros', () => '0'.repeat(64)],
  ])('does not match: one %s', async (_, edit) => {
    expect(verified(await resigned(edit))).toBe(false)
  })

  it('does not match under the key of another secret', async () => {
    const other = deriveSigningKey(new Uint8Array(32), 'us-east-1', 'kms')
    expect(signatureMatches(readSignature(await signed(), expected), other)).toBe(false)
  })
})

describe('the order of refusals', () => {
  it("is AWS's", async () => {
    // Everything is wrong; each step rights what was refused, and the next refusal is that of the next row.
    let request: SignedRequest = {
      ...(await signed({}, { contentHash: false })),
      query: 'X-Amz-Algorithm=x',
      headers: { authorization: 'X Credential=a', 'x-amz-target': 'y', host: 'h' },
    }
    const steps: [string, RegExp, () => SignedRequest][] = [
      ['InvalidSignatureException', /^Found both/, () => ({ ...request, query: '' })],
      [
        'IncompleteSignatureException',
        /^Authorization header requires 'Signature'/,
        () =>
          withHeaders(request, { authorization: 'X Credential=a, Signature=b, SignedHeaders=c', 'x-amz-date': 'd' }),
      ],
      [
        'IncompleteSignatureException',
        /^Date must be/,
        () => withHeaders(request, { 'x-amz-date': '20150830T110000Z' }),
      ],
      [
        'InvalidSignatureException',
        /^Signature expired/,
        () => withHeaders(request, { 'x-amz-date': '20150830T123600Z' }),
      ],
      [
        'InvalidSignatureException',
        /^'Host' must be/,
        () => withAuthorization(request, (header) => header.replace('=c', '=host')),
      ],
      [
        'IncompleteSignatureException',
        /^Unsupported AWS 'algorithm': 'X'/,
        () => withAuthorization(request, (header) => header.replace('X', 'AWS4-HMAC-SHA256')),
      ],
      [
        'IncompleteSignatureException',
        /^Credential must have exactly 5/,
        () => withAuthorization(request, (header) => header.replace('=a', '=a /b/c/d/e')),
      ],
      [
        'InvalidSignatureException',
        /^Credential should be scoped to a valid region/,
        () => withAuthorization(request, (header) => header.replace('b/c/d/e', '20150830/us-east-1/kms/aws4_request')),
      ],
      [
        'InvalidSignatureException',
        /^'x-amz-target' must be/,
        () => withAuthorization(request, (header) => header.replace('=host', '=host;x-amz-date;x-amz-target')),
      ],
      ['UnrecognizedClientException', /^The security token/, () => request],
    ]
    for (const [name, message, right] of steps) {
      const error = refusalOf(request)
      expect(error.name).toBe(name)
      expect(error.message).toMatch(message)
      request = right()
    }
  })
})

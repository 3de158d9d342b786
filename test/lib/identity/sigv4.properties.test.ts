import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KmsError } from '../../../lib/errors.ts'
import { readSignature, type SignedRequest, signatureMatches } from '../../../lib/identity/sigv4.ts'
import { expected, signed, signingKey, type Unsigned, withAuthorization, withHeaders } from './signer.ts'

const key = signingKey()

function verifies(request: SignedRequest): boolean {
  try {
    return signatureMatches(readSignature(request, expected), key)
  } catch (error) {
    if (error instanceof KmsError) return false
    throw error
  }
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const visibleChar = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))

const segment = fc
  .oneof(
    text.map(encodeURIComponent),
    fc.array(visibleChar, { maxLength: 8 }).map((chars) => chars.join('').replace(/[/?#]/g, '')),
  )
  .filter((each) => !['', '.', '..'].includes(each))

const path = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.boolean()).map(([segments, closed]) => {
  const joined = `/${segments.join('/')}`
  return closed && segments.length > 0 ? `${joined}/` : joined
})

const headerName = fc
  .oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/), fc.stringMatching(/^x-amz-[a-z]{1,6}$/))
  .filter((name) => !/^(authorization|x-amz-(date|target|content-sha256|security-token))$/.test(name))

const headerValue = fc
  .array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))

const request: fc.Arbitrary<Unsigned> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH'),
  path,
  query: fc.array(
    // AWS's signer keeps the query in an object with a prototype, and loses this name.
    fc.tuple(text, text).filter(([name]) => !/^x-amz-/i.test(name) && name !== '__proto__'),
    { maxLength: 4 },
  ),
  headers: fc.dictionary(headerName, headerValue, { maxKeys: 4, noNullPrototype: true }),
  body: fc.uint8Array({ maxLength: 64 }),
})
const options = fc.record({
  contentHash: fc.boolean(),
  sessionToken: fc.constantFrom('', 'a token', 'FAKESESSIONTOKEN=='),
})

/** One character of `of` replaced, put in or taken away. */
const edit = (of: string, at: number, char: string, how: 'replace' | 'insert' | 'delete'): string => {
  const place = of.length === 0 ? 0 : at % (of.length + (how === 'insert' ? 1 : 0))
  return of.slice(0, place) + (how === 'delete' ? '' : char) + of.slice(how === 'insert' ? place : place + 1)
}
const edits = fc.tuple(fc.nat(), visibleChar, fc.constantFrom('replace', 'insert', 'delete'))

const readAs = (query: string): string =>
  JSON.stringify([...new URLSearchParams(query)].sort(([a, x], [b, y]) => (`${a}\0${x}` < `${b}\0${y}` ? -1 : 1)))

const signedNames = (of: SignedRequest): string[] =>
  /SignedHeaders=([^,]*)/.exec(of.headers.authorization ?? '')?.[1]?.split(';') ?? []

describe("what AWS's JavaScript signer signs", () => {
  it('verifies', async () => {
    await fc.assert(
      fc.asyncProperty(request, options, async (unsigned, how) => {
        expect(verifies(await signed(unsigned, how))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is refused after one character of its path has changed', async () => {
    await fc.assert(
      fc.asyncProperty(request, edits, async (unsigned, change) => {
        const original = await signed(unsigned)
        const changed = edit(original.path, ...change)
        fc.pre((changed || '/') !== original.path)
        expect(verifies({ ...original, path: changed })).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('is not good for a query that reads otherwise: nothing between ampersands is no empty pair', async () => {
    const original = await signed({
      method: 'GET',
      path: '/',
      query: [
        ['', ''],
        ['', ''],
      ],
      headers: {},
      body: new Uint8Array(),
    })
    expect(verifies({ ...original, query: '=&=' })).toBe(true)
    expect(verifies({ ...original, query: '&=' })).toBe(false)
    expect(verifies({ ...original, query: '=&=&' })).toBe(true)
  })

  it('is refused after one character of its query has changed, unless the query reads the same', async () => {
    await fc.assert(
      fc.asyncProperty(request, edits, async (unsigned, change) => {
        const original = await signed(unsigned)
        const query = edit(original.query, ...change)
        if (verifies({ ...original, query })) expect(readAs(query)).toBe(readAs(original.query))
      }),
      { numRuns: 1000 },
    )
  })

  it('is refused after its method, body, headers, date, scope or signature has changed', async () => {
    await fc.assert(
      fc.asyncProperty(
        request,
        options,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (unsigned, how, at, bits) => {
          const original = await signed(unsigned, how)
          const { body, headers } = original
          const flipped = body.map((byte, index) => (index === at % body.length ? byte ^ bits : byte))
          const names = signedNames(original)
          const name = names[at % names.length] ?? ''
          const signature = headers.authorization?.slice(-64) ?? ''
          const digit = signature[at % 64] ?? ''
          const otherDigit = '0123456789abcdef'['0123456789abcdef'.indexOf(digit) ^ (1 + (bits % 15))] ?? ''
          const changes: [string, SignedRequest][] = [
            ['method', { ...original, method: original.method === 'GET' ? 'POST' : 'GET' }],
            ['longer body', { ...original, body: new Uint8Array([...body, bits]) }],
            ...(body.length > 0
              ? ([
                  ['body', { ...original, body: flipped }],
                  ['shorter body', { ...original, body: body.subarray(1) }],
                ] as [string, SignedRequest][])
              : []),
            ['header value', withHeaders(original, { [name]: `${headers[name]}x` })],
            ['header gone', withHeaders(original, { [name]: undefined })],
            ['header added', withHeaders(original, { 'x-amz-added': 'x' })],
            [
              'header not signed',
              withAuthorization(original, (header) =>
                header.replace(new RegExp(`(?<=[=;])${name};|;${name}(?=,)`), ''),
              ),
            ],
            ['date', withHeaders(original, { 'x-amz-date': '20150830T123601Z' })],
            ['access key id', withAuthorization(original, (header) => header.replace(/\/2015/, 'X/2015'))],
            ['Region', withAuthorization(original, (header) => header.replace('/us-east-1/', '/us-east-2/'))],
            ['service', withAuthorization(original, (header) => header.replace('/kms/', '/sts/'))],
            [
              'signature',
              withAuthorization(original, (header) => {
                const place = header.length - 64 + (at % 64)
                return header.slice(0, place) + otherDigit + header.slice(place + 1)
              }),
            ],
          ]
          for (const [what, changed] of changes) {
            // The id is not part of what is signed: it only chooses the key.
            if (what === 'access key id') expect(readSignature(changed, expected).accessKeyId).toBe('AKIDEXAMPLEX')
            else expect([what, verifies(changed)]).toEqual([what, false])
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('anything at all', () => {
  const any = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((codes) => String.fromCharCode(...codes))
  const scope = fc.constantFrom(
    'AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request',
    'a/b/c/d/e',
    '/20150830/us-east-1/kms/aws4_request',
  )
  const names = fc
    .array(fc.oneof(fc.constantFrom('host', 'x-amz-date', 'constructor', '__proto__', ''), any))
    .map((all) => all.sort().join(';'))
  const authorization = fc.oneof(
    any,
    fc
      .tuple(scope, names, fc.oneof(any, fc.constant('0'.repeat(64))))
      .map(
        ([credential, list, signature]) =>
          `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${list},Signature=${signature}`,
      ),
  )
  const headers = fc
    .tuple(
      fc.dictionary(fc.oneof(any, fc.constantFrom('constructor', 'x-amz-content-sha256', 'toString')), any, {
        noNullPrototype: true,
      }),
      fc.record(
        {
          authorization,
          host: any,
          date: any,
          'x-amz-date': fc.oneof(fc.constant('20150830T123600Z'), any),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    )
    .map(([odd, known]) => ({ ...odd, ...known }) as Record<string, string>)

  it('is read or refused with an error that has a name on the wire', () => {
    fc.assert(
      fc.property(
        fc.record({
          method: fc.oneof(fc.constant('POST'), any),
          path: fc.oneof(fc.constant('/'), any),
          query: fc.oneof(fc.constant(''), any),
          headers,
          body: fc.uint8Array(),
        }),
        (odd) => {
          try {
            readSignature(odd, expected)
          } catch (error) {
            expect(error).toBeInstanceOf(KmsError)
            expect((error as KmsError).status).toBe(400)
            expect((error as KmsError).message.length).toBeLessThan(1200)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})

import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'
import { equal, fromHex } from '../bytes.ts'
import {
  IncompleteSignatureException,
  InvalidSignatureException,
  MissingAuthenticationTokenException,
  UnrecognizedClientException,
} from '../errors.ts'
import { canonicalRequest, queryPairs, type RequestHead } from './canonical-request.ts'

export interface SignedRequest extends RequestHead {
  /** As received: never decoded and encoded again. */
  readonly body: Uint8Array
}

/** A well-formed signature in time and in scope. Whether it is right, `signatureMatches` says. */
export interface Signature {
  readonly accessKeyId: string
  readonly date8: string
  readonly region: string
  readonly service: string
  readonly sessionToken?: string
  readonly stringToSign: string
  /** 32 bytes; none when what was sent is not 64 lower-case hex digits, which then matches nothing. */
  readonly signature: Uint8Array
}

/** What this service answers for. Never taken from the request. */
interface Expected {
  readonly service: string
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** How far the client's clock may be off; five minutes unless given. */
  readonly skewMs?: number
  /** A signature may be in the query string, too. */
  readonly presigned?: boolean
}

interface Authorization {
  readonly algorithm: string
  readonly credential: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly date: string
  readonly sessionToken: string | undefined
  /** Of a signature in the query string: how long after its date it holds. */
  readonly expiresInSeconds?: number
}

const algorithm = 'AWS4-HMAC-SHA256'
const terminator = 'aws4_request'
const maxAuthorizationChars = 4096
const maxTargetChars = 16_384

/**
 * Every check of a signature that needs no secret, in AWS's order and words (kms-authz.md §1.6 rows 4–14), then those
 * that AWS leaves out: what must be signed is signed, and the body is the one whose hash was.
 *
 * @throws MissingAuthenticationTokenException, IncompleteSignatureException, InvalidSignatureException;
 *   UnrecognizedClientException for what cannot be an access key id
 */
export function readSignature(request: SignedRequest, expected: Expected): Signature {
  const { headers, path, query } = request
  if (path.length + query.length > maxTargetChars) throw refused('The path and query string are too long.')
  const authorization = authorizationOf(request, expected)
  const { date, signedHeaders, sessionToken, expiresInSeconds } = authorization
  demandInTime(date, expected, expiresInSeconds)
  if (!signedHeaders.includes('host')) throw unsigned('Host')
  if (authorization.algorithm !== algorithm) {
    throw incomplete(`Unsupported AWS 'algorithm': '${clipped(authorization.algorithm)}' (only ${algorithm} for now).`)
  }
  const accessKeyId = demandScope(authorization.credential, date, expected)
  if (expiresInSeconds === undefined) demandDateSigned(headers, signedHeaders)
  demandSigned(headers, signedHeaders)

  const payloadHash = hash('sha256', request.body, 'hex')
  const claimedHash = headers['x-amz-content-sha256']
  if (claimedHash !== undefined && claimedHash !== payloadHash) {
    throw refused("The provided 'x-amz-content-sha256' header does not match what was computed.")
  }
  const signedQuery = expiresInSeconds === undefined ? query : withoutSignature(query)
  const canonical = canonicalRequest({ ...request, query: signedQuery }, signedHeaders, payloadHash)
  if (!/^\w{1,128}$/.test(accessKeyId)) {
    throw new UnrecognizedClientException('The security token included in the request is invalid.')
  }

  const { region, service } = expected
  const date8 = date.slice(0, 8)
  const scope = `${date8}/${region}/${service}/${terminator}`
  return {
    accessKeyId,
    date8,
    region,
    service,
    ...(sessionToken !== undefined && { sessionToken }),
    stringToSign: `${algorithm}\n${date}\n${scope}\n${hash('sha256', canonical, 'hex')}`,
    signature: /^[0-9a-f]{64}$/.test(authorization.signature) ? fromHex(authorization.signature) : new Uint8Array(),
  }
}

/** @param dateKey HMAC-SHA-256 of the date under "AWS4" + secret, which the HSM makes */
export function deriveSigningKey(dateKey: Uint8Array, region: string, service: string): KeyObject {
  return createSecretKey(hmac(hmac(hmac(dateKey, region), service), terminator))
}

/** In time that does not depend on where the signatures differ. */
export function signatureMatches(signature: Signature, signingKey: KeyObject): boolean {
  return equal(signature.signature, createHmac('sha256', signingKey).update(signature.stringToSign).digest())
}

const hmac = (key: Uint8Array, text: string): Uint8Array => createHmac('sha256', key).update(text).digest()

const incomplete = (message: string) => new IncompleteSignatureException(message)
const refused = (message: string) => new InvalidSignatureException(message)
const unsigned = (header: string) => refused(`'${clipped(header)}' must be a 'SignedHeader' in the AWS Authorization.`)

/** A refusal repeats what it refuses, within bounds. */
const clipped = (text: string): string => text.slice(0, 256)

/** Rows 4 to 7. A signature in the query string is for STS: no KMS client makes one (kms-authz.md §1.2). */
function authorizationOf({ headers, query }: SignedRequest, { service, presigned }: Expected): Authorization {
  const { authorization } = headers
  const parameters = new Map(query === '' ? [] : queryPairs(query))
  if (!parameters.has('X-Amz-Algorithm')) {
    if (authorization) return readAuthorization(authorization, headers)
    throw new MissingAuthenticationTokenException('Missing Authentication Token')
  }
  if (authorization) {
    throw refused("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
  }
  const wanted = ['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date', ...(presigned ? ['Expires'] : [])]
  const missing = wanted
    .filter((name) => !parameters.get(`X-Amz-${name}`))
    .map((name) => `AWS query-string parameters must include 'X-Amz-${name}'. `)
  if (missing.length > 0) throw incomplete(`${missing.join('')}Re-examine the query-string parameters.`)
  if (presigned) return readParameters((name) => decoded(parameters.get(`X-Amz-${name}`)))
  throw refused(`Service '${service}' does not accept a signature in the query string. Use the Authorization header.`)
}

/** What is not ASCII is in no parameter of a signature that could be right, so it need not come out right. */
const decoded = (text: string | undefined): string | undefined =>
  text?.replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

const withoutSignature = (query: string): string =>
  query
    .split('&')
    .filter((pair) => !queryPairs(pair).some(([name]) => name === 'X-Amz-Signature'))
    .join('&')

const maxExpiresInSeconds = 604_800

function readParameters(of: (name: string) => string | undefined): Authorization {
  const expires = of('Expires') ?? ''
  const expiresInSeconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0
  if (expiresInSeconds < 1 || expiresInSeconds > maxExpiresInSeconds) {
    throw incomplete(`X-Amz-Expires must be a number of seconds from 1 to ${maxExpiresInSeconds}.`)
  }
  return {
    algorithm: of('Algorithm') ?? '',
    credential: of('Credential') ?? '',
    signedHeaders: (of('SignedHeaders') ?? '').split(';'),
    signature: of('Signature') ?? '',
    date: of('Date') ?? '',
    sessionToken: of('Security-Token'),
    expiresInSeconds,
  }
}

/** Row 6. @throws IncompleteSignatureException also for a part that is unknown, repeated or no pair */
function readAuthorization(header: string, headers: SignedRequest['headers']): Authorization {
  if (header.length > maxAuthorizationChars) {
    throw incomplete(`Authorization header must not be longer than ${maxAuthorizationChars} characters.`)
  }
  const space = header.indexOf(' ')
  const parts = { Credential: '', Signature: '', SignedHeaders: '' }
  let odd = false
  for (const part of space < 0 ? [] : header.slice(space + 1).split(',')) {
    const equals = part.indexOf('=')
    const name = part.slice(0, Math.max(equals, 0)).trim()
    if ((name === 'Credential' || name === 'Signature' || name === 'SignedHeaders') && parts[name] === '') {
      parts[name] = part.slice(equals + 1).trim()
    } else odd = true
  }
  const { Credential: credential, Signature: signature, SignedHeaders: signedHeaders } = parts
  const dated = headers['x-amz-date'] || headers.date
  // What failed to be a signature may be another scheme's secret: AWS too shows its hash alone.
  const hashed = () => hash('sha256', header, 'base64')
  if (!credential || !signature || !signedHeaders || !dated) {
    const missing = Object.entries(parts)
      .filter(([, value]) => value === '')
      .map(([name]) => `Authorization header requires '${name}' parameter. `)
    if (!dated) missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    throw incomplete(`${missing.join('')}(Hashed with SHA-256 and encoded with Base64) Authorization=${hashed()}`)
  }
  if (odd) {
    throw incomplete(
      `Invalid key=value pair in Authorization header (hashed with SHA-256 and encoded with Base64): '${hashed()}'.`,
    )
  }
  return {
    algorithm: space < 0 ? header : header.slice(0, space),
    credential,
    signedHeaders: signedHeaders.split(';'),
    signature,
    date: headers['x-amz-date'] ?? headers.date ?? '',
    sessionToken: headers['x-amz-security-token'],
  }
}

/** Rows 8 to 10. */
function demandInTime(date: string, { now, skewMs = 300_000 }: Expected, expiresInSeconds?: number): void {
  const signedAt = timeOf(date)
  if (signedAt === undefined) {
    throw incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${clipped(date)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  const minutes = skewMs / 60_000
  const expiresAt = expiresInSeconds === undefined ? undefined : signedAt + expiresInSeconds * 1000
  if (expiresAt !== undefined && expiresAt < now) {
    throw refused(`Signature expired: ${basicDate(expiresAt)} is now earlier than ${basicDate(now)}`)
  }
  if (expiresAt === undefined && signedAt < now - skewMs) {
    const earliest = `${basicDate(now - skewMs)} (${basicDate(now)} - ${minutes} min.)`
    throw refused(`Signature expired: ${date} is now earlier than ${earliest}`)
  }
  if (signedAt > now + skewMs) {
    const latest = `${basicDate(now + skewMs)} (${basicDate(now)} + ${minutes} min.)`
    throw refused(`Signature not yet current: ${date} is still later than ${latest}`)
  }
}

const basicDate = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`

/** Requests come many to the second: the date of the last one is most often that of the next. */
let lastRead = { text: '', time: 0 }

/** Milliseconds since the epoch of `YYYYMMDDTHHMMSSZ`; undefined when the text is no such date. */
function timeOf(text: string): number | undefined {
  if (text === lastRead.text) return lastRead.time
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  const time = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  // Date.UTC makes 2 March of 30 February.
  if (Number.isNaN(time) || basicDate(time) !== text) return undefined
  lastRead = { text, time }
  return time
}

/** Rows 13 and 14. @returns the access key id */
function demandScope(credential: string, date: string, expected: Expected): string {
  const elements = credential.split('/')
  const [accessKeyId = '', date8 = '', region = '', service, term = ''] = elements
  if (elements.length !== 5) {
    throw incomplete(
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, ' +
        `got '${clipped(credential)}'`,
    )
  }
  const wrong: string[] = []
  if (region !== expected.region) {
    wrong.push(`Credential should be scoped to a valid region, not '${clipped(region)}'.`)
  }
  if (service !== expected.service) wrong.push(`Credential should be scoped to correct service: '${expected.service}'.`)
  if (term !== terminator) {
    wrong.push(`Credential should be scoped with a valid terminator: '${terminator}', not '${clipped(term)}'.`)
  }
  const given = date.slice(0, 8)
  if (date8 !== given) {
    wrong.push(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${clipped(date8)}' != '${given}', from '${date}'.`,
    )
  }
  if (wrong.length > 0) throw refused(wrong.join(' '))
  return accessKeyId
}

function demandDateSigned(headers: SignedRequest['headers'], signedHeaders: readonly string[]): void {
  if (headers['x-amz-date'] === undefined && !signedHeaders.includes('date')) throw unsigned('Date')
}

/** Every x-amz-* header: who could add or change one would change what is asked (kms-authz.md §1.3). */
function demandSigned(headers: SignedRequest['headers'], signedHeaders: readonly string[]): void {
  for (const name of Object.keys(headers)) {
    if (name.startsWith('x-amz-') && !signedHeaders.includes(name)) throw unsigned(name)
  }
}

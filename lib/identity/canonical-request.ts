import { InvalidSignatureException } from '../errors.ts'

/** What a signature covers, beside the hash of the body. */
export interface RequestHead {
  readonly method: string
  /** As sent: not decoded. */
  readonly path: string
  /** As sent, without the question mark. */
  readonly query: string
  /** Names in lower case; values of a repeated name joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
}

const token = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\uffff]*$/
const loose = /^ | $| {2}|\t/
const visible = /^[\x21-\x7e]*$/
const unreserved = /^[A-Za-z0-9\-._~]$/
const plainPath = /^[A-Za-z0-9\-._~/]*$/
/** An empty or dot segment, but for the empty one that a closing slash leaves. */
const ambiguousSegment = /\/(?:\.{0,2}\/|\.{1,2}$)/

/**
 * The text whose hash is signed (kms-authz.md §1.3), or a refusal of what could be read in two ways: the request that
 * is performed must be the one that was signed.
 *
 * @param signedHeaders as the client listed them
 * @param payloadHash lower-case hex SHA-256 of the body
 * @throws InvalidSignatureException
 */
export function canonicalRequest(head: RequestHead, signedHeaders: readonly string[], payloadHash: string): string {
  if (!/^[A-Z]{1,16}$/.test(head.method)) throw new InvalidSignatureException('The method must be in upper case.')
  const path = canonicalPath(head.path)
  const query = canonicalQuery(head.query)
  const headers = canonicalHeaders(head.headers, signedHeaders)
  return `${head.method}\n${path}\n${query}\n${headers}\n${signedHeaders.join(';')}\n${payloadHash}`
}

/**
 * Encoded once more than it was sent. Signers drop empty and dot segments where the router sees them, so two paths
 * would share a signature: such a path is refused.
 */
function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/'
  if (!path.startsWith('/') || !visible.test(path) || ambiguousSegment.test(path)) {
    throw new InvalidSignatureException("The path must be percent-encoded and have no empty, '.' or '..' segment.")
  }
  return plainPath.test(path) ? path : path.replace(/[^A-Za-z0-9\-._~/]/g, (char) => percent(char.charCodeAt(0)))
}

/** A `+` is a plus to signers and a space to readers of forms, so it is refused: `%2B` and `%20` say which. */
function canonicalQuery(query: string): string {
  if (query === '') return ''
  if (!visible.test(query) || query.includes('+')) {
    throw new InvalidSignatureException("The query must be percent-encoded, a space as '%20' and a plus as '%2B'.")
  }
  return queryPairs(query)
    .sort(([a, x], [b, y]) => byCodes(a, b) || byCodes(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/**
 * Names and values of a query string in the order sent, each in the one encoding that is signed. Nothing between two
 * ampersands is no pair, as it is none to whoever reads the query: taken for an empty one, it would sign for it.
 */
export const queryPairs = (query: string): [name: string, value: string][] =>
  query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [encoded(pair), ''] : [encoded(pair.slice(0, equals)), encoded(pair.slice(equals + 1))]
    })

const encoded = (text: string): string => text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~]/g, encodedPiece)

/** @param piece one character, or `%` and two hex digits */
function encodedPiece(piece: string): string {
  const code = piece.length === 1 ? piece.charCodeAt(0) : Number.parseInt(piece.slice(1), 16)
  const char = String.fromCharCode(code)
  return unreserved.test(char) ? char : percent(code)
}

const percent = (code: number): string => `%${code.toString(16).toUpperCase().padStart(2, '0')}`

const byCodes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function canonicalHeaders(headers: RequestHead['headers'], names: readonly string[]): string {
  let text = ''
  let previous = ''
  for (const name of names) {
    if (name <= previous || !token.test(name)) {
      throw new InvalidSignatureException("'SignedHeaders' must be lower-case names in alphabetical order, each once.")
    }
    // Own members only: `constructor` is a name, and every object has one.
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined
    if (value === undefined) {
      throw new InvalidSignatureException(`'${name}' is a 'SignedHeader', but not a header of the request.`)
    }
    if (!fieldValue.test(value)) throw new InvalidSignatureException(`The value of '${name}' has control characters.`)
    text += `${name}:${loose.test(value) ? value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '') : value}\n`
    previous = name
  }
  return text
}

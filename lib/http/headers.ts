import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'

type Event = APIGatewayProxyEventV2
type Result = APIGatewayProxyStructuredResultV2

/**
 * Whether a request came over TLS. A gateway says so itself, whatever its caller wrote; the local host, which has no TLS,
 * passes on what anybody writes, and is not believed. Whoever invokes a Lambda by himself may leave out all of it.
 */
export const isOverTls = (event: Partial<Event> | null): boolean =>
  event?.headers?.['x-forwarded-proto'] === 'https' &&
  event.requestContext?.domainName?.startsWith('localhost') === false

/** An answer is data for the one who asked: nobody keeps it, guesses what it is, shows it in a frame or runs anything of it. */
const ofData = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
} as const

/** Two years. Not its subdomains: whose they are, this host does not know. Over plain HTTP it would mean nothing (RFC 6797). */
const ofTls = { 'Strict-Transport-Security': 'max-age=63072000' } as const

/** @returns the answer, with the headers that every answer has beside its own, which win */
export const withSecurity = (event: Event | null, result: Result): Result => ({
  ...result,
  headers: { ...ofData, ...(isOverTls(event) && ofTls), ...result.headers },
})

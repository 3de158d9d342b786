import { Agent, type RequestOptions, request } from 'node:https'
import { ProxyFailure } from '../stores/failures.ts'
import type { ProxyRequest, ProxyResponse } from './client.ts'

export interface HttpsOptions {
  /** For one call, from looking up the host to the last byte. */
  readonly timeoutMs: number
  /** Of the certificate authority that proxies' certificates are from, in PEM; otherwise those that Node.js trusts. */
  readonly ca?: string
  readonly port?: number
}

/** The largest proper answer, of an encryption, is below 8 KiB. */
const maxAnswerBytes = 64 * 1024

/**
 * Sends to proxies over TLS, which is always verified. Redirections are not followed.
 * @returns `send`, and `close`, which ends the connections kept open
 */
export function openHttps({ timeoutMs, ca, port = 443 }: HttpsOptions) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) })

  const attempt = ({ endpoint, path, headers, body }: ProxyRequest, deadline: AbortSignal) =>
    new Promise<ProxyResponse>((resolve, reject) => {
      const { hostname } = new URL(endpoint)
      const options: RequestOptions = { agent, hostname, port, path, method: 'POST', signal: deadline }
      const asked = request({ ...options, headers: { ...headers, 'content-length': body.length } }, (response) => {
        const parts: Buffer[] = []
        let length = 0
        response.on('data', (part: Buffer) => {
          length += part.length
          parts.push(part)
          if (length <= maxAnswerBytes) return
          reject(new ProxyFailure('uninterpretable'))
          asked.destroy()
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }))
        response.on('error', reject)
      })
      // Without a listener the connection is dropped in silence, and the call would be answered never.
      asked.on('upgrade', (_, socket) => {
        socket.destroy()
        reject(new ProxyFailure('uninterpretable'))
      })
      asked.on('error', (error) => reject(asked.reusedSocket && staleCodes.has(codeOf(error)) ? stale : error))
      // Whatever else may end it: nobody waits for ever. After an answer this changes nothing.
      asked.on('close', () => reject(new Error('The connection was closed.')))
      asked.end(body)
    })

  async function send(proxyRequest: ProxyRequest, deadline: AbortSignal): Promise<ProxyResponse> {
    try {
      return await attempt(proxyRequest, deadline)
    } catch (error) {
      // A connection that the proxy had closed meanwhile, and the next may be another: each is tried once.
      if (error === stale) return send(proxyRequest, deadline)
      throw failureOf(error, deadline)
    }
  }

  return {
    send: (proxyRequest: ProxyRequest) => send(proxyRequest, AbortSignal.timeout(timeoutMs)),
    close: () => agent.destroy(),
  }
}

const stale = new Error('The connection was closed before it was used again.')

const staleCodes = new Set(['ECONNRESET', 'EPIPE'])

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '')

/** Node.js and OpenSSL name what is wrong with a certificate or a handshake in many ways. */
const tlsCodes =
  /^(?:ERR_(?:SSL|TLS)_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY|DECRYPT)_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|EPROTO)/

function failureOf(cause: unknown, deadline: AbortSignal): ProxyFailure {
  if (cause instanceof ProxyFailure) return cause
  if (deadline.aborted) return new ProxyFailure('no answer in time', { cause })
  const code = codeOf(cause)
  if (tlsCodes.test(code)) return new ProxyFailure('no TLS', { cause })
  return new ProxyFailure(code.startsWith('HPE_') ? 'uninterpretable' : 'no connection', { cause })
}

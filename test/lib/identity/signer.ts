import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { utf8 } from '../../../lib/bytes.ts'
import { deriveSigningKey, type SignedRequest } from '../../../lib/identity/sigv4.ts'

export const accessKeyId = 'AKIDEXAMPLE'
export const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
export const region = 'us-east-1'
export const signedAt = Date.parse('2015-08-30T12:36:00Z')
export const expected = { service: 'kms', region, now: signedAt }

/** As the HSM makes it. */
const dateKey = (date8: string) => createHmac('sha256', `AWS4${secret}`).update(date8).digest()

export const signingKey = (service = 'kms') => deriveSigningKey(dateKey('20150830'), region, service)

class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(key?: unknown) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as Uint8Array)
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {}
}

export interface Unsigned {
  readonly method?: string
  readonly path?: string
  readonly query?: readonly (readonly [name: string, value: string])[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

interface Options {
  readonly at?: number
  readonly service?: string
  readonly sessionToken?: string
  /** As the JavaScript SDK does; botocore sends no x-amz-content-sha256. */
  readonly contentHash?: boolean
}

/** A request as AWS's own JavaScript signer signs it, and as it then goes over the wire. */
export async function signed(request: Unsigned = {}, options: Options = {}): Promise<SignedRequest> {
  const { method = 'POST', path = '/', query = [], headers = {}, body = '{"KeyId":"alias/test"}' } = request
  const bytes = typeof body === 'string' ? utf8(body) : body
  const signer = new SignatureV4({
    credentials: {
      accessKeyId,
      secretAccessKey: secret,
      ...(options.sessionToken && { sessionToken: options.sessionToken }),
    },
    region,
    service: options.service ?? 'kms',
    sha256: Sha256,
    applyChecksum: options.contentHash ?? true,
  })
  const values: Record<string, string[]> = Object.create(null)
  for (const [name, value] of query) values[name] = [...(values[name] ?? []), value]
  const result = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname: 'kms.us-east-1.amazonaws.com',
      path,
      query: values,
      headers: {
        host: 'kms.us-east-1.amazonaws.com',
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'TrentService.Encrypt',
        ...headers,
      },
      body: bytes,
    },
    { signingDate: new Date(options.at ?? signedAt) },
  )
  const rawQuery = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
  return { method, path, query: rawQuery, headers: result.headers, body: bytes }
}

/** The request with some headers changed; undefined takes one away. */
export function withHeaders(request: SignedRequest, changes: Record<string, string | undefined>): SignedRequest {
  const headers = Object.fromEntries(
    Object.entries({ ...request.headers, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  )
  return { ...request, headers }
}

export const withAuthorization = (request: SignedRequest, edit: (header: string) => string): SignedRequest =>
  withHeaders(request, { authorization: edit(request.headers.authorization ?? '') })

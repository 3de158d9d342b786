import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

type Data = string | ArrayBuffer | ArrayBufferView
const bytesOf = (data: Data): Buffer =>
  typeof data === 'string'
    ? Buffer.from(data)
    : ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      : Buffer.from(data)

/** The hash that the signer wants, on node:crypto. */
export class Sha256 {
  readonly #hash: { update(data: Uint8Array): unknown; digest(): Buffer }
  constructor(secret?: Data) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: Data): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest())
  }
  reset(): void {}
}

export interface Unsigned {
  readonly method: string
  /** Path and query, encoded as they go over the wire. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

interface Scope {
  readonly region?: string
  readonly service?: string
  readonly date?: Date
}

const signerOf = (credentials: Credentials, at: Scope) =>
  new SignatureV4({
    credentials,
    region: at.region ?? 'us-east-1',
    service: at.service ?? 'kms',
    sha256: Sha256,
  })

function queryOf(target: string): [path: string, query: Record<string, string[]>] {
  const [path = '/', query = ''] = target.split('?')
  const parsed: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(query)) parsed[name] = [...(parsed[name] ?? []), value]
  return [path, parsed]
}

/** The path and query of a GET request that was signed in its query string, by AWS's own signer. */
export async function presigned(
  target: string,
  credentials: Credentials,
  at: Scope & { readonly host: string; readonly expiresIn: number },
): Promise<string> {
  const [path, query] = queryOf(target)
  const signed = await signerOf(credentials, at).presign(
    { protocol: 'http:', hostname: at.host, method: 'GET', path, query, headers: { host: at.host } },
    { signingDate: at.date ?? new Date(), expiresIn: at.expiresIn },
  )
  const pairs = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${name}=${encodeURIComponent(String(value))}`,
  )
  return `${path}?${pairs.join('&')}`
}

/** The headers of a request signed by AWS's own signer. */
export async function signedHeaders(
  request: Unsigned,
  credentials: Credentials,
  at: Scope = {},
): Promise<Record<string, string>> {
  const [path, query] = queryOf(request.target)
  const signed = await signerOf(credentials, at).sign(
    {
      protocol: 'http:',
      hostname: request.headers.host ?? '',
      method: request.method,
      path,
      query,
      headers: { ...request.headers },
      body: request.body,
    },
    { signingDate: at.date ?? new Date() },
  )
  return signed.headers
}

import { createHmac, hash, type KeyObject } from 'node:crypto'
import { canonicalRequest } from './canonical-request.ts'

export interface ToSign {
  readonly method: string
  /** As it is sent. */
  readonly path: string
  readonly host: string
  /** More to be signed, by names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

interface Signer {
  readonly accessKeyId: string
  readonly region: string
  readonly service: string
  /** The signing key of a day, `YYYYMMDD`. */
  readonly keyOf: (date8: string) => Promise<KeyObject>
}

/** The headers that sign a request of ours to another service, by SigV4. @param now milliseconds since the epoch */
export async function signed({ method, path, host, headers: more, body }: ToSign, signer: Signer, now: number) {
  const { accessKeyId, region, service, keyOf } = signer
  const date = `${new Date(now).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
  const date8 = date.slice(0, 8)
  const headers = { ...more, host, 'x-amz-date': date }
  const names = Object.keys(headers).sort()
  const canonical = canonicalRequest({ method, path, query: '', headers }, names, hash('sha256', body, 'hex'))
  const scope = `${date8}/${region}/${service}/aws4_request`
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash('sha256', canonical, 'hex')}`
  const signature = createHmac('sha256', await keyOf(date8))
    .update(text)
    .digest('hex')
  const parts = [`Credential=${accessKeyId}/${scope}`, `SignedHeaders=${names.join(';')}`]
  return { ...headers, authorization: `AWS4-HMAC-SHA256 ${parts.join(', ')}, Signature=${signature}` }
}

import { type Credentials, signedHeaders } from '../test/harness/sign.ts'

export interface Target {
  readonly url: string
  readonly credentials: Credentials
}

/** One request as bytes for the wire: signed before the clock starts, so that the driver's own cost stays small. */
export async function signedRequest({ url, credentials }: Target, action: string, input: object): Promise<Buffer> {
  const { host } = new URL(url)
  const body = JSON.stringify(input)
  const unsigned = {
    host,
    'content-type': 'application/x-amz-json-1.1',
    'content-length': String(Buffer.byteLength(body)),
    'x-amz-target': `TrentService.${action}`,
    'user-agent': 'aws-sdk-js/3.1164.0 ua/2.1 os/linux lang/js md/nodejs#24 api/kms#3.1164.0',
  }
  const headers = await signedHeaders({ method: 'POST', target: '/', headers: unsigned, body }, credentials)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`POST / HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** One call, for setting a scene. Throws when it is refused. */
export async function call(target: Target, action: string, input: object): Promise<Record<string, unknown>> {
  const body = JSON.stringify(input)
  const { host } = new URL(target.url)
  const unsigned = { host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${action}` }
  const headers = await signedHeaders({ method: 'POST', target: '/', headers: unsigned, body }, target.credentials)
  const response = await fetch(target.url, { method: 'POST', headers, body })
  if (response.status !== 200) throw new Error(`${action}: ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

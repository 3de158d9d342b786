/**
 * The PIN from AWS Secrets Manager, with the credentials that this process has anyway. One call, signed here: its SDK
 * would be a dependency more inside the trust boundary, and its extension for Lambda a layer more for each Region.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { signed } from '../identity/signing.ts'

export interface PinSecret {
  /** Its ARN, or its name. */
  readonly id: string
  readonly endpoint: string
  readonly region: string
  readonly now: () => number
}

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** The chain of AWS's SDK: the role of the Lambda, of the container or of the machine. */
async function ownCredentials(region: string): Promise<Credentials> {
  const client = new DynamoDBClient({ region })
  try {
    return await client.config.credentials()
  } finally {
    client.destroy()
  }
}

const deadlineMs = 5000

/** @throws Error that names the secret and what was answered, and nothing of its value */
export async function pinInSecret({ id, endpoint, region, now }: PinSecret): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken } = await ownCredentials(region)
  const body = Buffer.from(JSON.stringify({ SecretId: id }))
  const keyOf = async (date8: string) => {
    const parts = [date8, region, 'secretsmanager', 'aws4_request']
    const key = parts.reduce<string | Buffer>(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      `AWS4${secretAccessKey}`,
    )
    return createSecretKey(Buffer.from(key))
  }
  const extra = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'secretsmanager.GetSecretValue',
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  }
  const url = new URL('/', endpoint)
  const { host: _, ...headers } = await signed(
    { method: 'POST', path: '/', host: url.host, headers: extra, body },
    { accessKeyId, region, service: 'secretsmanager', keyOf },
    now(),
  )
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(deadlineMs),
  })
  const answer = Object(await response.json().catch(() => undefined)) as { SecretString?: unknown; __type?: unknown }
  const pin = typeof answer.SecretString === 'string' ? answer.SecretString.trim() : ''
  if (response.ok && pin !== '') return pin
  const why = response.ok ? 'holds no text' : `could not be read: ${response.status} ${String(answer.__type ?? '')}`
  throw new Error(`The secret ${id} ${why.trimEnd()}`)
}

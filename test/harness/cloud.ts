/**
 * AWS as far as the functions go, with IAM before it: who signs is a role, its signature is verified, each call is what
 * IAM takes it for (action, resource, condition keys), and is done when the role's own policy allows it.
 */
import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { deriveSigningKey, readSignature, signatureMatches } from '../../lib/identity/sigv4.ts'
import { decide } from '../../lib/policy/decide.ts'
import type { PolicyDocument } from '../../lib/policy/document.ts'
import type { Credentials } from './sign.ts'

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server
const region = 'us-east-1'

/** What IAM is asked for one call. */
export interface AskedOfIam {
  readonly action: string
  readonly resource: string
  /** By condition key, in lower case. */
  readonly context: ReadonlyMap<string, string | readonly string[]>
}

export interface Seen extends AskedOfIam {
  readonly role: string
  readonly allowed: boolean
}

export interface Cloud {
  readonly endpoint: string
  /** The DynamoDB behind it, which asks nobody who they are. */
  readonly tables: string
  /** Whatever was asked, since it was last taken away. */
  readonly seen: Seen[]
  /** Temporary credentials of a role, as Lambda hands them to a function. */
  credentialsOf(role: string): Required<Credentials>
  close(): void
}

export interface CloudOptions {
  readonly account: string
  readonly policyOf: (role: string) => PolicyDocument
  /** The secret's ARN and value. */
  readonly secret: { readonly arn: string; readonly value: string }
}

type Attributes = Readonly<Record<string, { readonly S?: string }>>
interface DynamoInput {
  readonly TableName: string
  readonly IndexName?: string
  readonly Key?: Attributes
  readonly Item?: Attributes
  readonly KeyConditionExpression?: string
  readonly ExpressionAttributeValues?: Attributes
  readonly RequestItems?: Readonly<Record<string, unknown>>
}

/** The partitions of a batch's items in one table. */
function partitionsIn(batch: unknown): readonly string[] {
  const entries = Array.isArray(batch) ? batch : (batch as { Keys: readonly Attributes[] }).Keys
  return entries.map((entry) => {
    const { PutRequest, DeleteRequest } = entry as {
      PutRequest?: { Item: Attributes }
      DeleteRequest?: { Key: Attributes }
    }
    return partitionOf(PutRequest?.Item ?? DeleteRequest?.Key ?? (entry as Attributes))
  })
}
function partitionOf(attributes: Attributes = {}): string {
  const { S } = attributes.PK ?? {}
  if (S === undefined) throw new Error('an item without a partition')
  return S
}

/** Of a query, the partition key of what it queries: the table's, or the index's. */
function queriedPartition({ KeyConditionExpression = '', ExpressionAttributeValues = {} }: DynamoInput): string {
  const [, placeholder = ''] = /^#?\w+ = (:\w+)/.exec(KeyConditionExpression) ?? []
  const { S } = ExpressionAttributeValues[placeholder] ?? {}
  if (S === undefined) throw new Error(`no partition in ${KeyConditionExpression}`)
  return S
}

const inDynamoDb = (account: string, operation: string, input: DynamoInput): readonly AskedOfIam[] => {
  const asked = (table: string, leading: readonly string[], index?: string): AskedOfIam => ({
    action: `dynamodb:${operation}`,
    resource: `arn:aws:dynamodb:${region}:${account}:table/${table}${index === undefined ? '' : `/index/${index}`}`,
    context: new Map([['dynamodb:leadingkeys', leading]]),
  })
  if (input.RequestItems)
    return Object.entries(input.RequestItems).map(([table, all]) => asked(table, partitionsIn(all)))
  if (operation === 'Query') return [asked(input.TableName, [queriedPartition(input)], input.IndexName)]
  return [asked(input.TableName, [partitionOf(input.Key ?? input.Item)])]
}

/** By service, what a call asks of IAM, and what it is answered when that is allowed. */
function servicesOf({ account, secret }: CloudOptions, tables: () => string) {
  const nothing = new Map<string, string>()
  return {
    dynamodb: {
      target: 'DynamoDB_20120810',
      asks: (operation: string, input: object) => inDynamoDb(account, operation, input as DynamoInput),
      answer: async (headers: Record<string, string>, body: Buffer) => {
        const { status, text } = await forwarded(tables(), headers, body)
        return { status, text }
      },
    },
    events: {
      target: 'AWSEvents',
      asks: (operation: string, input: object) =>
        (input as { Entries: readonly { EventBusName: string }[] }).Entries.map(({ EventBusName }) => ({
          action: `events:${operation}`,
          resource: `arn:aws:events:${region}:${account}:event-bus/${EventBusName}`,
          context: nothing,
        })),
      answer: async () => ({
        status: 200,
        text: JSON.stringify({ FailedEntryCount: 0, Entries: [{ EventId: randomUUID() }] }),
      }),
    },
    secretsmanager: {
      target: 'secretsmanager',
      asks: (operation: string, input: object) => [
        { action: `secretsmanager:${operation}`, resource: (input as { SecretId: string }).SecretId, context: nothing },
      ],
      answer: async () => ({ status: 200, text: JSON.stringify({ ARN: secret.arn, SecretString: secret.value }) }),
    },
  } as const
}

async function forwarded(to: string, headers: Record<string, string>, body: Buffer) {
  const kept = ['authorization', 'content-type', 'x-amz-date', 'x-amz-target'].flatMap((name) => {
    const value = headers[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const response = await fetch(to, { method: 'POST', headers: Object.fromEntries(kept), body: new Uint8Array(body) })
  return { status: response.status, text: await response.text() }
}

const listening = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const { account, policyOf } = options
  const database = dynalite({ createTableMs: 0, deleteTableMs: 0 })
  const tables = await listening(database)
  const services = servicesOf(options, () => tables)
  const signers = new Map<string, { readonly role: string; readonly credentials: Required<Credentials> }>()
  const seen: Seen[] = []

  /** @throws Error when nobody that is known has signed this */
  function signerOf(request: IncomingMessage, headers: Record<string, string>, body: Buffer, service: string): string {
    const signature = readSignature(
      { method: request.method ?? '', path: request.url ?? '', query: '', headers, body: new Uint8Array(body) },
      { service, region, now: Date.now() },
    )
    const known = signers.get(signature.accessKeyId)
    if (!known || signature.sessionToken !== known.credentials.sessionToken) throw new Error('an unknown signer')
    const date = createHmac('sha256', `AWS4${known.credentials.secretAccessKey}`).update(signature.date8).digest()
    if (!signatureMatches(signature, deriveSigningKey(date, region, service))) throw new Error('a wrong signature')
    return known.role
  }

  function isAllowed(role: string, { action, resource, context }: AskedOfIam): boolean {
    const arn = `arn:aws:sts::${account}:assumed-role/${role}/function`
    const roleArn = `arn:aws:iam::${account}:role/${role}`
    return decide({
      caller: { type: 'AssumedRole', account, arn, roleArn, principalId: `AROAEXAMPLEEXAMPLE1:${role}` },
      action,
      resource: { arn: resource, account },
      crossAccount: false,
      context,
      identityPolicies: [{ name: role, document: policyOf(role) }],
    }).allowed
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    const headers = request.headers as Record<string, string>
    const [target = '', operation = ''] = (headers['x-amz-target'] ?? '').split('.')
    const [name, service] = Object.entries(services).find(([, each]) => each.target === target) ?? []
    if (name === undefined || !service) throw new Error(`a call of ${headers['x-amz-target'] ?? request.url}`)
    const role = signerOf(request, headers, body, name)
    const asked = service.asks(operation, JSON.parse(body.toString()) as object)
    const decided = asked.map((each) => ({ ...each, role, allowed: isAllowed(role, each) }))
    seen.push(...decided)
    const type = { 'content-type': headers['content-type'] ?? 'application/x-amz-json-1.1' }
    if (!decided.every(({ allowed }) => allowed)) {
      const __type = 'com.amazon.coral.service#AccessDeniedException'
      response
        .writeHead(400, type)
        .end(JSON.stringify({ __type, Message: `${role} is not authorized to perform: ${operation}` }))
      return
    }
    const { status, text } = await service.answer(headers, body)
    response.writeHead(status, type).end(text)
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      seen.push({
        role: String(error),
        action: String(request.headers['x-amz-target']),
        resource: '',
        context: new Map(),
        allowed: false,
      })
      response.writeHead(403).end(JSON.stringify({ __type: 'UnrecognizedClientException' }))
    })
  })
  const endpoint = await listening(server)
  return {
    endpoint,
    tables,
    seen,
    credentialsOf(role) {
      const accessKeyId = `ASIA${randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase()}`
      const credentials = { accessKeyId, secretAccessKey: randomUUID(), sessionToken: randomUUID() }
      signers.set(accessKeyId, { role, credentials })
      return credentials
    },
    close() {
      server.closeAllConnections()
      server.close()
      database.close()
    },
  }
}

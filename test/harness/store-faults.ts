/** What can go wrong with a call of the store, below everything that is ours: with its request, its table or its answer. */
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { utf8 } from '../../lib/bytes.ts'

type RequestHandler = NonNullable<DynamoDBClientConfig['requestHandler']>

export interface TableRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
export interface TableResponse {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}
/** What becomes of a request that would be performed so, before whoever asks gives up. */
export type Fault = (perform: () => Promise<TableResponse>, givenUp?: AbortSignal) => Promise<TableResponse>
/** The operation that a request is of. */
export const operationOf = ({ headers }: TableRequest): string => headers['x-amz-target']?.split('.')[1] ?? ''
export const isWrite = (request: TableRequest): boolean => /PutItem|DeleteItem/.test(operationOf(request))

const unreachable = (code: string, message: string) => async (): Promise<never> => {
  throw Object.assign(new Error(message), { code })
}

/** Nothing reached the table. */
export const requestLost: Fault = unreachable('ECONNRESET', 'socket hang up')

/** No answer came, though the table has done what was asked. */
export const answerLost: Fault = async (perform, givenUp) => {
  await perform()
  return requestLost(perform, givenUp)
}

export const refusedConnection: Fault = unreachable('ECONNREFUSED', 'connect ECONNREFUSED')

/** As a server that accepts and says nothing. */
export const silent: Fault = (_perform, givenUp) =>
  new Promise((_, reject) => {
    const abort = () => reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }))
    if (givenUp?.aborted) return abort()
    givenUp?.addEventListener('abort', abort, { once: true })
  })

const saying =
  (statusCode: number, type: string, text: string): Fault =>
  async () => ({ statusCode, headers: { 'content-type': type }, body: utf8(text) })

const json = 'application/x-amz-json-1.0'

/** As the table refuses. */
export const answering = (status: number, type: string): Fault =>
  saying(
    status,
    json,
    JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'said the table' }),
  )

const page = '<html><body>It works!</body></html>'

/** What is no answer of a table's. */
export const garbage = {
  'a page': saying(200, 'text/html', page),
  'a page that is not found': saying(404, 'text/html', page),
  'a page of a proxy': saying(400, 'text/html', page),
  nothing: saying(200, json, ''),
  'nothing of any type': saying(200, 'text/plain', ''),
  'half an answer': saying(200, json, '{"Item":{"PK":{"S":"KEY#'),
  'a list': saying(200, json, '[]'),
  'a null': saying(200, json, 'null'),
} as const satisfies Record<string, Fault>

/** Every call of a handler by way of what `faultOf` says of it. */
export function withFaults(
  inner: RequestHandler,
  faultOf: (request: TableRequest) => Fault | undefined,
): RequestHandler {
  const { handle } = inner as { handle(request: TableRequest, options?: object): Promise<{ response: TableResponse }> }
  return {
    ...(inner as object),
    async handle(request: TableRequest, options: { readonly abortSignal?: AbortSignal } = {}) {
      const perform = async () => (await handle(request, {})).response
      const fault = faultOf(request)
      return { response: await (fault ? fault(perform, options.abortSignal) : perform()) }
    },
  } as RequestHandler
}

import { randomUUID } from 'node:crypto'
import middy from '@middy/core'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { textOf } from '../bytes.ts'
import { KMSInternalException, type KmsError } from '../errors.ts'
import { asKmsError, replyOf } from '../failures.ts'
import type { AnyOperation, Reply, Request } from '../operation.ts'
import { perform } from '../perform.ts'
import { receiveLetter } from '../receive.ts'
import { openWorld } from '../runtime.ts'
import { authorizerOf, parametersOf, requestOf, strictPathOf } from './event.ts'
import { withSecurity } from './headers.ts'
import { healthOf, isHealthCheck } from './health.ts'
import { answerForm, isForm, type QueryApi } from './query.ts'

type Event = APIGatewayProxyEventV2
type Result = APIGatewayProxyStructuredResultV2

const amzJson = 'application/x-amz-json-1.1'

/** The reply of a request that names no operation. */
export interface Refusal {
  readonly error: KmsError
}
export type Choice = AnyOperation | Refusal

const isRefusal = (choice: Choice): choice is Refusal => 'error' in choice

function resultOf(reply: Reply, requestId: string, contentType: string): Result {
  return {
    statusCode: reply.status,
    headers: {
      // Capitals: one of the hosts reads this name as it is written.
      'Content-Type': contentType,
      'x-amzn-RequestId': requestId,
    },
    body: JSON.stringify(reply.json),
  }
}

export type Handler = (event: Event, context: Context) => Promise<Result>

/** A Lambda's handler: before, the event becomes a request; after, the reply becomes a result, whatever was thrown. */
function lambda(answer: (event: Event, requestId: string) => Promise<Result>): Handler {
  const wrapped = middy<Event, Result>()
    .use({
      // Nothing should come here: the procedure answers every failure. A host that shows stack traces never sees one.
      onError: (request) => {
        const id = randomUUID()
        const log = (entry: object) => process.stderr.write(`${JSON.stringify(entry)}\n`)
        const error = asKmsError(new KMSInternalException(undefined, { cause: request.error }), { id }, { log })
        request.response = withSecurity(request.event, resultOf(replyOf(error), id, amzJson))
      },
    })
    .handler(async (event: Event) => withSecurity(event, await answer(event, randomUUID())))
  // Its third parameter is middy's own: Lambda passes two.
  return wrapped as unknown as Handler
}

const performed = async (operation: AnyOperation, request: Request): Promise<Reply> =>
  perform(operation, request, await openWorld())

/** One operation behind its RESTful route. */
export const serve = (operation: AnyOperation) =>
  lambda(async (event, id) => {
    const strictPath = strictPathOf(operation, event)
    const request = {
      ...requestOf(event, id),
      strictPath,
      parameters: () => parametersOf(operation, event),
      authorizer: { iam: authorizerOf(event) },
    }
    return resultOf(await performed(operation, request), id, 'application/json')
  })

/** What other Regions say. */
export const servePeers = () =>
  lambda(async (event, id) => {
    const { status, body } = await receiveLetter(requestOf(event, id), await openWorld())
    return { ...resultOf({ status, json: null }, id, 'application/json'), body: textOf(body) }
  })

/** The actions of one service of the Query protocol. */
export const serveForms = (api: QueryApi) => lambda((event, id) => answerForm([api], requestOf(event, id), performed))

/** Any operation behind `POST /`, whatever its protocol; and the health check. */
export const serveAny = (choose: (request: Request) => Choice, apis: readonly [QueryApi, ...QueryApi[]]) =>
  lambda(async (event, id) => {
    const request = requestOf(event, id)
    if (isHealthCheck(request)) return resultOf(await healthOf(request), id, 'application/json')
    if (isForm(request)) return answerForm(apis, request, performed)
    const choice = choose(request)
    const reply = isRefusal(choice) ? replyOf(choice.error) : await performed(choice, request)
    return resultOf(reply, id, amzJson)
  })

/** The Query protocol (kms-authz.md §9.1): which action of which service a form names, and its answer in XML. */
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { KmsError, UnknownOperationException } from '../errors.ts'
import { replyOf } from '../failures.ts'
import type { AnyOperation, Reply, Request } from '../operation.ts'
import type { QueryService } from '../services.ts'
import { type Fields, fieldsOf, membersIn } from './form.ts'
import { xmlOf } from './xml.ts'

/** A service and what it serves. */
export interface QueryApi {
  readonly service: QueryService
  readonly actions: readonly AnyOperation[]
}

const formType = 'application/x-www-form-urlencoded'
const mediaTypeOf = ({ headers }: Request): string | undefined =>
  headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()

/** A signature in a query string comes with the form there, so that one can be handed on as a link. */
const isLink = ({ method, query }: Request): boolean => method === 'GET' && /(?:^|&)Action=/.test(query)

export const isForm = (request: Request): boolean =>
  isLink(request) || (request.method === 'POST' && mediaTypeOf(request) === formType)

const formOf = (request: Request): Uint8Array => (isLink(request) ? Buffer.from(request.query) : request.body)

class MissingAction extends KmsError {
  constructor() {
    super('MissingAction', 'The request must contain the parameter Action', { status: 400 })
  }
}

type Named = { readonly api: QueryApi; readonly action: AnyOperation }

function actionIn(fields: Fields, apis: readonly QueryApi[]): Named {
  const name = fields.get('Action')
  const version = fields.get('Version') ?? ''
  if (name === undefined) throw new MissingAction()
  for (const api of apis.filter(({ service }) => service.version === version)) {
    const action = api.actions.find((each) => each.name === name)
    if (action) return { api, action }
  }
  throw new UnknownOperationException(
    `Could not find operation ${name.slice(0, 128)} for version ${version.slice(0, 32) || 'NO_VERSION_SPECIFIED'}`,
  )
}

/**
 * @param apis the first stands for a request that names none
 * @param perform the procedure, in this process's world
 */
export async function answerForm(
  [first, ...others]: readonly [QueryApi, ...QueryApi[]],
  request: Request,
  perform: (action: AnyOperation, request: Request) => Promise<Reply>,
): Promise<APIGatewayProxyStructuredResultV2> {
  let named: Named | undefined
  let reply: Reply
  try {
    const fields = fieldsOf(formOf(request))
    named = actionIn(fields, [first, ...others])
    const { action } = named
    reply = await perform(action, { ...request, parameters: () => membersIn(action.input, fields) })
  } catch (error) {
    if (!(error instanceof KmsError)) throw error
    reply = replyOf(first.service.named(error))
  }
  const { service } = named?.api ?? first
  return {
    statusCode: reply.status,
    headers: { 'Content-Type': 'text/xml', 'x-amzn-RequestId': request.id },
    body: xmlOf(service, named?.action, reply, request.id),
  }
}

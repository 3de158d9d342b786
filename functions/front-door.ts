import { SerializationException, UnknownOperationException } from '../lib/errors.ts'
import { type Choice, serveAny } from '../lib/http/serve.ts'
import { type AnyOperation, type Request, serviceOf } from '../lib/operation.ts'
import { parseBody } from '../lib/schema/parse.ts'
import { iamApi } from './identity/iam.ts'
import { stsApi } from './identity/sts.ts'
import { operations } from './index.ts'

const byTarget = new Map<string, AnyOperation>(
  operations.flatMap((operation: AnyOperation) =>
    serviceOf(operation).targets.map((prefix) => [prefix + operation.name, operation] as const),
  ),
)

class NoSuchOperation extends UnknownOperationException {
  override readonly status = 404
}

/** What a request is for, in AWS's order: content type, then the body's syntax, then the target (kms-authz.md §1.6). */
function choose(request: Request): Choice {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (request.method !== 'POST' || type !== 'application/x-amz-json-1.1') return { error: new NoSuchOperation() }
  const operation = byTarget.get(request.headers['x-amz-target'] ?? '')
  if (operation) return operation
  try {
    parseBody(request.body)
  } catch {
    return { error: new SerializationException() }
  }
  return { error: new UnknownOperationException() }
}

/** `POST /`: every operation of the registries, in this process, by its `X-Amz-Target` or its form's `Action`. */
export const handler = serveAny(choose, [stsApi, iamApi])

/** Failures as replies: what the caller hears of them, and what the log does. */
import { KMSInternalException, KmsError } from './errors.ts'
import type { Reply, Request } from './operation.ts'

interface Log {
  /** For failures that are ours: what happened, never what was asked. */
  readonly log: (entry: Readonly<Record<string, unknown>>) => void
}

export const replyOf = (error: KmsError): Reply => ({
  status: error.status,
  json: { __type: error.name, ...(error.message && { message: error.message }) },
})

export const errorOf = ({ json }: Reply): string => String((json as { __type?: unknown }).__type)

/** An unknown failure is ours: the caller learns its request id, the log learns the cause. */
export function asKmsError(thrown: unknown, request: Pick<Request, 'id'>, world: Log): KmsError {
  const error = thrown instanceof KmsError ? thrown : new KMSInternalException(undefined, { cause: thrown })
  if (error.fault === 'client') return error
  world.log({ level: 'error', requestId: request.id, error: error.name, message: error.message, cause: causeOf(error) })
  return error.message
    ? error
    : new (error.constructor as typeof KMSInternalException)(`Internal failure. Request id: ${request.id}`)
}

const causeOf = (error: Error): string | undefined => {
  const texts: string[] = []
  for (let at: unknown = error.cause; at instanceof Error && texts.length < 5; at = at.cause)
    texts.push(at.stack ?? at.message)
  return texts.length > 0 ? texts.join('\ncaused by ') : error.stack
}

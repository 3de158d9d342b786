import { textOf } from '../bytes.ts'
import { SerializationException, ValidationException } from '../errors.ts'
import type { Shape } from './shape.ts'

/**
 * A request body as JSON. No body at all is an empty object.
 * @throws SerializationException when the bytes are not UTF-8 JSON holding an object
 */
export function parseBody(body: Uint8Array): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {}
  let json: unknown
  try {
    json = JSON.parse(textOf(body))
  } catch {
    throw new SerializationException()
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new SerializationException()
  return json as Record<string, unknown>
}

/**
 * @throws SerializationException for a member of the wrong JSON type: the first one found
 * @throws ValidationException for constraints that fail: all of them, in one message
 */
export function validated<T>(shape: Shape<T>, json: unknown): T {
  const value = shape.decode(json)
  const failures: string[] = []
  shape.check(value, '', failures)
  if (failures.length > 0) {
    const errors = failures.length === 1 ? 'error' : 'errors'
    throw new ValidationException(`${failures.length} validation ${errors} detected: ${failures.join('; ')}`)
  }
  return value
}

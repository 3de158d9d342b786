import { SerializationException } from '../errors.ts'

/**
 * One member type of the API: how it is read from JSON, what AWS demands of it, how it is written to JSON, to the
 * audit record and to the API description. An operation's `input` and `output` are made of these and nothing else
 * repeats what they say.
 */
export interface Shape<T> {
  readonly kind: 'string' | 'blob' | 'integer' | 'boolean' | 'timestamp' | 'list' | 'map' | 'struct'
  /** The value of a JSON value that is neither absent nor null. @throws SerializationException for a wrong JSON type */
  decode(json: unknown): T
  /** Adds one text for each constraint that fails; AWS reports all members together (kms-api.md §10.5). */
  check(value: T, path: string, failures: string[]): void
  encode(value: T): unknown
  /** What the audit record shows; undefined for what must never be written down. */
  redact(value: T): unknown
  /** JSON Schema 2020-12, for the OpenAPI document. */
  readonly json: Readonly<Record<string, unknown>>
  readonly sensitive: boolean
  /** Of a list. */
  readonly item?: AnyShape
  readonly required?: true
  /** Stands in for an absent member. */
  readonly fallback?: T
}

/** A shape of anything; the types of members come back by inference. */
export type AnyShape = Shape<any>
export type Of<S> = S extends Shape<infer T> ? T : never

export const required = <S extends AnyShape>(shape: S): S & { readonly required: true } => ({
  ...shape,
  required: true,
})

/** The member is optional on the wire and always there in `input`, in the audit record and in condition keys. */
export const withDefault = <T>(shape: Shape<T>, fallback: NoInfer<T>): Shape<T> & { readonly fallback: T } => ({
  ...shape,
  fallback,
  json: { ...shape.json, default: fallback },
})

/** @param echo the value as AWS prints it: `'x'`, `null`, or undefined for what is sensitive or bytes */
export const failure = (echo: string | undefined, path: string, rule: string): string =>
  `Value ${echo === undefined ? '' : `${echo} `}at '${path}' failed to satisfy constraint: Member must ${rule}`

/** AWS's words for a JSON value of the wrong type, as its JSON services print them. */
export function wrongType(json: unknown, wanted: string): SerializationException {
  if (Array.isArray(json)) return new SerializationException('Start of list found where not expected')
  if (typeof json === 'object') return new SerializationException('Start of structure or map found where not expected')
  const token = typeof json === 'boolean' ? String(json).toUpperCase() : typeof json === 'number' ? 'NUMBER' : 'STRING'
  return new SerializationException(`${token}_VALUE can not be converted to ${wanted}`)
}

export const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)

/** The length rules that strings, blobs and lists share. */
export function checkLength(
  length: number,
  min: number,
  max: number,
  echo: string | undefined,
  path: string,
  failures: string[],
): void {
  if (length < min) failures.push(failure(echo, path, `have length greater than or equal to ${min}`))
  if (length > max) failures.push(failure(echo, path, `have length less than or equal to ${max}`))
}

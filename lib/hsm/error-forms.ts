/** Errors as they travel from one process to another, and the same errors again. */

import * as errors from '../errors.ts'
import { KmsError } from '../errors.ts'
import { Pkcs11Failure, TokenNotFound } from './failures.ts'

export interface ErrorForm {
  readonly name: string
  /** Absent where AWS sends none. */
  readonly message?: string
  /** Of a Pkcs11Failure. */
  readonly call?: string
  readonly code?: number
  readonly status?: number
  readonly cause?: ErrorForm
}

export function formOf(error: unknown): ErrorForm {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Something that is no error was thrown' }
  const { name, message, cause } = error
  return {
    name,
    ...(message !== '' && { message }),
    ...(error instanceof Pkcs11Failure && { call: error.call, code: error.code }),
    ...(error instanceof KmsError && { status: error.status }),
    ...(cause !== undefined && { cause: formOf(cause) }),
  }
}

type Named = new (message: string | undefined, options: ErrorOptions) => KmsError
const kinds = errors as unknown as Readonly<Record<string, Named>>

export function errorOf({ name, message, call, code, status, cause: causeForm }: ErrorForm): Error {
  const options = causeForm ? { cause: errorOf(causeForm) } : {}
  if (call !== undefined && code !== undefined) return new Pkcs11Failure(call, code)
  if (name === TokenNotFound.name) return new TokenNotFound(message, options)
  if (status === undefined) return new Error(message, options)
  const Kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  return Kind ? new Kind(message, options) : new KmsError(name, message, { ...options, status })
}

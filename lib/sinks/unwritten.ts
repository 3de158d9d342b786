import { DependencyTimeoutException } from '../errors.ts'

/** What the caller hears of a record that is not known to be durable. */
export function unwritten(cause: unknown): never {
  throw new DependencyTimeoutException('The audit record could not be written. The request can be retried.', { cause })
}

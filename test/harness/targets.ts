import { operations } from '../../functions/index.ts'
import { type AnyOperation, serviceOf } from '../../lib/operation.ts'
import { kms } from '../../lib/services.ts'

/** The service that an action is of, KMS for one that is of none: what it is signed for, and its target. */
export function callOf(action: string): { readonly service: string; readonly target: string } {
  const operation = operations.find(({ name }) => name === action) as AnyOperation | undefined
  const service = operation ? serviceOf(operation) : kms
  return { service: service.name, target: `${service.targets[0]}${action}` }
}

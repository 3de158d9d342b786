import { ValidationException } from '../errors.ts'
import { isWaiting } from './imports.ts'
import type { Key } from './key.ts'

const dayMs = 24 * 60 * 60 * 1000

/** The service's bounds lie within the model's 1 to 365. @throws ValidationException */
export function demandWindow(input: { readonly PendingWindowInDays: number }): void {
  if (input.PendingWindowInDays < 7 || input.PendingWindowInDays > 30) {
    throw new ValidationException('PendingWindowInDays must be between 7 and 30')
  }
}

export const deletionAt = (now: number, windowInDays: number): number => now + windowInDays * dayMs

/** A key whose deletion was taken back: there again, and disabled, so that its return is a decision of its own. */
export function withoutDeletion({ deletion: _, ...key }: Key): Key {
  return { ...key, state: isWaiting(key) ? 'PendingImport' : 'Disabled' }
}

/** The rules of sessions that a user gets for itself, or for somebody whom it vouches for. */
import { AccessDeniedException } from '../errors.ts'
import type { Caller } from './caller.ts'
import type { SessionOf } from './session.ts'

/** Of the root user no session lasts longer, whatever is asked for. */
const longestOfRoot = 3600

export const sessionSeconds = (asked: number, { type }: Caller): number =>
  type === 'Root' ? Math.min(asked, longestOfRoot) : asked

/** @throws AccessDeniedException for a caller that has temporary credentials itself */
export function userSessionOf(caller: Caller, action: string): Extract<SessionOf, { type: 'Root' | 'User' }> {
  const isLongLived = caller.session === undefined
  if (isLongLived && caller.type === 'Root') return { type: 'Root' }
  if (isLongLived && caller.type === 'User') return { type: 'User', userId: caller.principalId }
  throw new AccessDeniedException(`Cannot call ${action} with session credentials`)
}

/** The user whom an action of IAM is about: the one that is named, or else the one that asks. */
import { ValidationError } from '../errors.ts'
import type { Caller } from './caller.ts'
import type { User } from './entities.ts'
import { type Asked, demandHolder, resourceOf, users } from './holders.ts'
import type { On } from './resources.ts'

interface AskedByCaller extends Asked {
  readonly input: { readonly UserName?: string | undefined }
  readonly caller: Caller
}

/** @throws ValidationError when the caller is no user and names none */
function nameOf({ input, caller }: AskedByCaller): string {
  const name = input.UserName ?? (caller.type === 'User' ? caller.userName : undefined)
  if (name === undefined) throw new ValidationError('Must specify userName when calling with non-User credentials')
  return name
}

/** @throws NoSuchEntity */
export const askedUser = (asked: AskedByCaller): Promise<User> => demandHolder(users, nameOf(asked), asked)

/** What policies are asked about. */
export const onAskedUser = (asked: AskedByCaller): Promise<On> => resourceOf(users, nameOf(asked), asked)

/** What IAM's names and paths may be. Texts are AWS's. */
import { ValidationError } from '../errors.ts'

const plain = /^[\w+=,.@-]+$/

/** @param member as AWS prints it: `userName` */
export function demandName(member: string, name: string): void {
  if (plain.test(name)) return
  throw new ValidationError(
    `The specified value for ${member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
  )
}

/** @param member `path` or `pathPrefix`, which need not end with a slash */
export function demandPath(member: string, path: string): void {
  const isWhole = member === 'pathPrefix' || path.endsWith('/')
  // A wildcard in a path could not be told from a policy's own.
  if (path.startsWith('/') && isWhole && /^[!-)+->@-~]*$/.test(path)) return
  throw new ValidationError(
    `The specified value for ${member} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.`,
  )
}

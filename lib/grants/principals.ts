import { type Place, parseArn } from '../arn.ts'
import { InvalidArnException, NotFoundException } from '../errors.ts'
import type { Directory } from '../identity/ports.ts'
import { type Principal, parsePrincipal } from '../policy/principals.ts'
import type { GrantPrincipal } from './grant.ts'

interface Bound {
  readonly account: string
  readonly bound: string
}

/** No record is kept of accounts, nor of the sessions of federated users. */
const isUnrecorded = ({ kind, id, session }: Principal): boolean =>
  kind === 'ACCOUNT' || (kind === 'SESSION' && id === undefined && session === undefined)

/**
 * Whom a text means now, so that it never comes to mean somebody else: a user, a role or a role's session by unique
 * id, of whom the session alone need not be there. Undefined when it means nobody.
 */
async function boundTo(text: string, { partition, account: own }: Place, directory: Directory) {
  const principal = parsePrincipal('AWS', text)
  if (!principal || principal.kind === 'ANYONE') throw new InvalidArnException(`ARN is not valid: ${text}`)
  const { kind, account = '', session } = principal
  if (text.startsWith('arn:') && parseArn(text)?.partition !== partition) return
  if (isUnrecorded(principal)) return { account, bound: kind === 'ACCOUNT' ? account : text } satisfies Bound
  const found = await directory.find(text, { fresh: true })
  // Of who is elsewhere the unique id alone is known to stay his.
  if (!found) return directory.hasOthers && principal.id !== undefined ? { account: own, bound: text } : undefined
  return { account: found.account, bound: session === undefined ? found.id : `${found.id}:${session}` } satisfies Bound
}

/**
 * Whom a grant is to name, or is to be looked for by.
 * @param member what AWS calls it where a unique id is nobody's
 * @throws InvalidArnException in AWS's words (kms-authz.md §7.1)
 */
export async function grantPrincipal(
  text: string,
  member: 'GranteePrincipal' | 'RetiringPrincipal' | 'Input',
  place: Place,
  directory: Directory,
): Promise<GrantPrincipal> {
  const found = await boundTo(text, place, directory)
  if (found) return { text, bound: found.bound }
  if (text.startsWith('arn:')) throw new InvalidArnException(`ARN does not refer to a valid principal: ${text}`)
  throw new InvalidArnException(`${member} does not refer to a valid principal${member === 'Input' ? '' : '.'}`)
}

/**
 * Whose grants ListRetirableGrants lists: somebody of the caller's own account.
 * @throws InvalidArnException; NotFoundException for nobody, and for somebody of another account
 */
export async function retiringPrincipal(text: string, place: Place, directory: Directory): Promise<string> {
  const found = await boundTo(text, place, directory)
  if (found?.account !== place.account) throw new NotFoundException(`Retiring principal ${text} could not be found`)
  return found.bound
}

/** Who is gone is shown by unique id: whoever has the ARN since is not meant. A user or role is shown as it is now. */
export async function shownPrincipal({ text, bound }: GrantPrincipal, directory: Directory): Promise<string> {
  if (!/^A(?:ID|RO)A/.test(bound)) return text
  const found = await directory.find(bound)
  if (!found) return bound
  return bound === found.id ? found.arn : text
}

import { type Place, parseArn } from '../arn.ts'
import { InvalidArnException, NotFoundException } from '../errors.ts'
import { type Principal, parsePrincipal } from '../policy/principals.ts'
import type { GrantPrincipal } from './grant.ts'

/** A user or role that there is. */
export interface KnownPrincipal {
  /** Unique id. */
  readonly id: string
  readonly account: string
}
/** The user or role that an ARN or a unique id names; for a session, its role. Undefined when there is none. */
export type FindPrincipal = (text: string) => Promise<KnownPrincipal | undefined>

/** Absent until users and roles can be asked for: an ARN is then bound as it is. */
type Lookup = FindPrincipal | undefined

const needsNoLookup = ({ kind, id, session }: Principal): boolean =>
  kind === 'ACCOUNT' || (kind === 'SESSION' && id === undefined && session === undefined)

async function boundTo(principal: Principal, find: Lookup): Promise<(KnownPrincipal & { bound: string }) | undefined> {
  const { text, account = '', session } = principal
  if (principal.kind === 'ACCOUNT') return { bound: account, account, id: account }
  if (!find || needsNoLookup(principal)) return { bound: text, account, id: text }
  const found = await find(text)
  return found && { ...found, bound: session === undefined ? found.id : `${found.id}:${session}` }
}

/** A form that a grant can name; undefined for any other text. */
function parsed(text: string): Principal | undefined {
  const principal = parsePrincipal('AWS', text)
  return principal?.kind === 'ANYONE' ? undefined : principal
}

const isElsewhere = (text: string, { partition }: Pick<Place, 'partition'>): boolean =>
  (parseArn(text)?.partition ?? partition) !== partition

/**
 * Whom a grant is to name, or is to be looked for by.
 * @param member what AWS calls it where a unique id is nobody's
 * @throws InvalidArnException in AWS's words (kms-authz.md §7.1)
 */
export async function grantPrincipal(
  text: string,
  member: 'GranteePrincipal' | 'RetiringPrincipal' | 'Input',
  place: Place,
  find: Lookup,
): Promise<GrantPrincipal> {
  const principal = parsed(text)
  if (!principal) throw new InvalidArnException(`ARN is not valid: ${text}`)
  const found = isElsewhere(text, place) ? undefined : await boundTo(principal, find)
  if (found) return { text, bound: found.bound }
  if (text.startsWith('arn:')) throw new InvalidArnException(`ARN does not refer to a valid principal: ${text}`)
  throw new InvalidArnException(`${member} does not refer to a valid principal${member === 'Input' ? '' : '.'}`)
}

/**
 * Whose grants ListRetirableGrants lists: somebody of the caller's own account.
 * @throws InvalidArnException; NotFoundException also for somebody of another account
 */
export async function retiringPrincipal(text: string, place: Place, find: Lookup): Promise<string> {
  const principal = parsed(text)
  if (!principal) throw new InvalidArnException(`ARN is not valid: ${text}`)
  const found = isElsewhere(text, place) ? undefined : await boundTo(principal, find)
  if (found?.account !== place.account) throw new NotFoundException(`Retiring principal ${text} could not be found`)
  return found.bound
}

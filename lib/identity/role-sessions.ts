/** The rules of sessions of roles: how long, with what policies and tags (kms-authz.md §9.3). */
import { parseArn } from '../arn.ts'
import { AccessDeniedException, KMSInternalException, PackedPolicyTooLarge, ValidationException } from '../errors.ts'
import { parseIdentityPolicy, parseStoredTrustPolicy } from '../policy/policies.ts'
import type { Hsm } from '../ports.ts'
import type { Caller } from './caller.ts'
import { issueCredentials } from './credentials.ts'
import type { PolicyReference, Role } from './entities.ts'
import { findPolicy, isAwsOwn } from './managed-policies.ts'
import type { Principals } from './ports.ts'
import { named } from './principals.ts'
import { type Context, resourceTags } from './resources.ts'
import type { Session } from './session.ts'
import { stsArn } from './session-callers.ts'
import type { Sessions } from './sessions.ts'

/** A role by its ARN, which says of which account it must be, whether or not there is such a role. */
export interface NamedRole {
  readonly arn: string
  readonly account: string
  readonly role: Role | undefined
}

/** @throws ValidationException for what is no ARN of a role */
export async function roleAt(text: string, at: Principals): Promise<NamedRole> {
  const arn = parseArn(text)
  if (arn?.service !== 'iam' || !/^\d{12}$/.test(arn.account) || !/^role\/[!-~]+$/.test(arn.resource)) {
    throw new ValidationException(`${text} is invalid`)
  }
  // Fresh: who may assume it is decided on what is there now.
  const role = await named(at.roles, arn.account, arn.resource.slice(arn.resource.lastIndexOf('/') + 1), {
    fresh: true,
  })
  return { arn: text, account: arn.account, role: role?.arn === text ? role : undefined }
}

/** Tags by name, as they were sent: a policy is asked about these, not about what the session gets besides. */
export const sentTags = ({ Tags = [] }: TagMembers): Readonly<Record<string, string>> =>
  Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]))

/** What must be allowed for a session of a role, and the condition keys that are its own. */
export function targetOf(found: NamedRole, asked: SessionAsked, sent: Readonly<Record<string, string>>, own: Context) {
  const { arn, account, role } = found
  const { tags, sourceIdentity } = asked
  const names = Object.keys(sent)
  const context: Context = [
    ...own,
    ['sts:SourceIdentity', sourceIdentity],
    ...Object.entries(sent).map(([name, value]) => [`aws:RequestTag/${name}`, value] as const),
    ['aws:TagKeys', names.length > 0 ? names : undefined],
    ['aws:ResourceAccount', account],
    ...resourceTags(role?.tags),
  ]
  return {
    arn,
    account,
    trustPolicy: {
      document: role && parseStoredTrustPolicy(role.trustPolicy, role.trustIds),
    },
    also: [...(tags ? ['sts:TagSession'] : []), ...(sourceIdentity !== undefined ? ['sts:SetSourceIdentity'] : [])],
    context,
  }
}

export const noSecondFactor = () =>
  new AccessDeniedException('MultiFactorAuthentication failed with invalid MFA one time pass code. ')

/** Whatever policies say: a federated user can ask STS who it is, and nothing else. @throws AccessDeniedException */
export function demandChainable(caller: Caller, arn: string): void {
  if (caller.type !== 'FederatedUser') return
  throw new AccessDeniedException(
    `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
  )
}

/** What a session is to carry besides its policies. */
type SessionAsked = SessionTags & Pick<Session, 'sourceIdentity' | 'provider'>

interface RoleSessionAsked {
  readonly found: NamedRole
  readonly input: PolicyMembers & { readonly DurationSeconds: number }
  readonly name: string
  readonly asked: SessionAsked
  /** Absent for a web identity. */
  readonly caller?: Caller
  readonly place: { readonly partition: string }
  readonly now: number
}

/** A session of a role, which its trust policy has allowed: what both ways to assume one answer. */
export async function roleSession(
  { found: { role, account }, input, name, asked, caller, place, now }: RoleSessionAsked,
  at: { readonly principals: Principals; readonly sessions: Sessions; readonly hsm: Hsm },
) {
  // INVARIANT: the trust policy of a role that is not there allows nobody.
  if (!role) throw new KMSInternalException()
  const seconds = input.DurationSeconds
  demandDuration(seconds, role, caller)
  const policies = await sessionPolicies(input, account, at.principals)
  const of = { type: 'AssumedRole', roleId: role.id, name } as const
  const { Credentials, packedPercent } = await issueCredentials(
    { account, of, issuedAt: now, seconds, ...policies, ...asked },
    at,
  )
  const isPacked = asked.tags || policies.policy !== undefined || policies.managedPolicies
  return {
    Credentials,
    AssumedRoleUser: {
      AssumedRoleId: `${role.id}:${name}`,
      Arn: stsArn({ partition: place.partition, account }, `assumed-role/${role.name}/${name}`),
    },
    ...(isPacked && { PackedPolicySize: packedPercent }),
    ...(asked.sourceIdentity !== undefined && { SourceIdentity: asked.sourceIdentity }),
  }
}

const chainedSeconds = 3600

/** @throws ValidationException */
function demandDuration(seconds: number, role: Role, caller: Caller | undefined): void {
  // A user's own session is no role's: it may last as long as the user's call could have made it.
  if (caller?.type === 'AssumedRole' && seconds > chainedSeconds) {
    throw new ValidationException(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    )
  }
  if (seconds > role.maxSessionSeconds) {
    throw new ValidationException('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.')
  }
}

interface PolicyMembers {
  readonly Policy?: string | undefined
  readonly PolicyArns?: readonly { readonly arn?: string | undefined }[] | undefined
}
export type SessionPolicies = Pick<Session, 'policy' | 'managedPolicies'>

const maxPolicyChars = 2048

/** @throws MalformedPolicyDocument, PackedPolicyTooLarge, ValidationException */
export async function sessionPolicies(
  { Policy, PolicyArns = [] }: PolicyMembers,
  account: string,
  at: Principals,
): Promise<SessionPolicies> {
  const arns = PolicyArns.map(({ arn = '' }) => arn)
  if ((Policy ?? '').length + arns.join('').length > maxPolicyChars) {
    throw new PackedPolicyTooLarge(`Session policies may have ${maxPolicyChars} characters in all.`)
  }
  if (Policy !== undefined) parseIdentityPolicy(Policy)
  const managedPolicies = await Promise.all(arns.map((arn) => managedPolicy(arn, account, at)))
  return {
    ...(Policy !== undefined && { policy: Policy }),
    ...(managedPolicies.length > 0 && { managedPolicies }),
  }
}

async function managedPolicy(text: string, account: string, at: Principals): Promise<PolicyReference> {
  const found = await findPolicy(text, at)
  if (!found || (found.account !== account && !isAwsOwn(found)))
    throw new ValidationException(`Policy ${text} does not exist or is not attachable.`)
  return { id: found.id, arn: found.arn }
}

interface TagMembers {
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[] | undefined
  readonly TransitiveTagKeys?: readonly string[] | undefined
}
export type SessionTags = Pick<Session, 'tags' | 'transitiveTags'>

const has = (names: readonly string[], name: string): boolean =>
  names.some((each) => each.toLowerCase() === name.toLowerCase())

/**
 * The session's tags: those asked for, and the transitive ones of the session that asks.
 * @throws ValidationException
 */
export function sessionTags({ Tags = [], TransitiveTagKeys = [] }: TagMembers, caller?: Caller): SessionTags {
  const names = Tags.map(({ Key }) => Key)
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    throw new ValidationException('Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  }
  if (names.some((name) => /^aws:/i.test(name))) throw new ValidationException('Tags beginning with aws: are reserved')
  if (!TransitiveTagKeys.every((name) => has(names, name))) {
    throw new ValidationException('The specified transitive tag key must be included in the requested tags.')
  }
  const inherited = caller?.session?.transitiveTags ?? []
  if (names.some((name) => has(inherited, name))) {
    throw new ValidationException(
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    )
  }
  const fromCaller = Object.entries(caller?.tags ?? {}).filter(([name]) => has(inherited, name))
  const tags = Object.fromEntries([...fromCaller, ...Tags.map(({ Key, Value }) => [Key, Value] as const)])
  const transitiveTags = [...inherited, ...TransitiveTagKeys]
  return {
    ...(Object.keys(tags).length > 0 && { tags }),
    ...(transitiveTags.length > 0 && { transitiveTags }),
  }
}

/** A source identity stays what it was first said to be, from role to role. @throws AccessDeniedException */
export function sourceIdentityOf(asked: string | undefined, caller: Caller): Pick<Session, 'sourceIdentity'> {
  const given = caller.session?.sourceIdentity
  if (asked !== undefined && given !== undefined && asked !== given) {
    throw new AccessDeniedException('The source identity of a session cannot be changed.')
  }
  const sourceIdentity = asked ?? given
  return sourceIdentity === undefined ? {} : { sourceIdentity }
}

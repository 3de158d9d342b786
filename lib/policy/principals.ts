/** Who a policy speaks of, and whether a caller is that (kms-authz.md §2.4). */
import { parseArn } from '../arn.ts'

interface AnyCaller {
  readonly account: string
  /** As AWS names the caller in messages and records; for a session the STS ARN, without the role's path. */
  readonly arn: string
  /** What `aws:userid` gives: `AIDA…`, `AROA…:session`, `<account>:name`, or the account id for the root user. */
  readonly principalId: string
}
export type PolicyCaller = AnyCaller &
  (
    | { readonly type: 'Root' }
    | { readonly type: 'User'; readonly userName: string }
    | { readonly type: 'FederatedUser' }
    /** `roleArn`: path included. */
    | { readonly type: 'AssumedRole'; readonly roleArn: string }
  )

/** Somebody whom an OIDC provider vouches for, who has no credentials yet and asks to assume a role. */
export interface WebIdentity {
  readonly type: 'WebIdentity'
  /** Of the role. */
  readonly account: string
  /** ARN of the provider. */
  readonly provider: string
}
export type Asker = PolicyCaller | WebIdentity

export const principalKinds = ['ANYONE', 'ACCOUNT', 'USER', 'ROLE', 'SESSION', 'SERVICE', 'FEDERATED'] as const
export type PrincipalKind = (typeof principalKinds)[number]

export interface Principal {
  readonly kind: PrincipalKind
  /** As the policy has it. */
  readonly text: string
  /** Of an ARN or an account id. */
  readonly account?: string
  /**
   * Unique id of the user or role. Where it is known it alone is compared: one deleted and made again by the same
   * name is another.
   */
  readonly id?: string
  /** Session name, beside `id`. */
  readonly session?: string
}

const accountId = /^\d{12}$/
const partition = /^aws(?:-[a-z]+){0,4}$/
const uniqueId = /^(AIDA|AROA)[A-Z0-9]{12,124}$/
const entityName = /^[\w+=,.@-]{1,128}$/
/** IAM allows `*` and `?` in a path, but in a policy nobody could tell them from wildcards. */
const path = /^(?:[!-)+->@-~]{0,512}\/)?$/
const serviceName = /^[a-z0-9.-]{1,128}\.amazonaws\.com(?:\.cn)?$/

function parseUniqueId(text: string): Principal | undefined {
  const [id = '', session, ...more] = text.split(':')
  const type = uniqueId.exec(id)?.[1]
  if (!type || more.length > 0) return
  if (session === undefined) return { kind: type === 'AIDA' ? 'USER' : 'ROLE', text, id }
  return type === 'AROA' && entityName.test(session) ? { kind: 'SESSION', text, id, session } : undefined
}

function parsePrincipalArn(text: string): Principal | undefined {
  const arn = parseArn(text)
  if (arn?.region !== '' || !partition.test(arn.partition) || !accountId.test(arn.account)) return
  const { account, service, resource } = arn
  if (service === 'iam' && resource === 'root') return { kind: 'ACCOUNT', text, account }
  const slash = resource.indexOf('/')
  const type = resource.slice(0, slash)
  const rest = resource.slice(slash + 1)
  if (service === 'iam' && (type === 'user' || type === 'role')) {
    const name = rest.slice(rest.lastIndexOf('/') + 1)
    if (!entityName.test(name) || !path.test(rest.slice(0, rest.length - name.length))) return
    return { kind: type === 'user' ? 'USER' : 'ROLE', text, account }
  }
  const names = rest.split('/')
  const wanted = service !== 'sts' ? 0 : type === 'assumed-role' ? 2 : type === 'federated-user' ? 1 : 0
  if (names.length !== wanted || !names.every((name) => entityName.test(name))) return
  return { kind: 'SESSION', text, account, ...(wanted === 2 && { session: names[1] ?? '' }) }
}

const providerName = /^oidc-provider\/[a-z0-9.-]{1,255}(?::\d{1,5})?(?:\/[\w.~%+=@,-]{1,255}){0,16}\/?$/i

function parseProvider(text: string): Principal | undefined {
  const arn = parseArn(text)
  if (arn?.service !== 'iam' || arn.region !== '' || !partition.test(arn.partition)) return
  if (!accountId.test(arn.account) || !providerName.test(arn.resource)) return
  return { kind: 'FEDERATED', text, account: arn.account }
}

/**
 * A value of the Principal element, or a grant's principal (`type` AWS). Undefined for a form that is never taken:
 * groups, partial wildcards, canonical users, and federations other than OIDC providers.
 */
export function parsePrincipal(type: string, text: string): Principal | undefined {
  if (type === 'Service') return serviceName.test(text) ? { kind: 'SERVICE', text } : undefined
  if (type === 'Federated') return parseProvider(text)
  if (type !== 'AWS') return
  if (text === '*') return { kind: 'ANYONE', text }
  if (accountId.test(text)) return { kind: 'ACCOUNT', text, account: text }
  return text.startsWith('arn:') ? parsePrincipalArn(text) : parseUniqueId(text)
}

/**
 * Services that AWS's own examples let use a key. A policy may name them, so that it can be carried over; they never
 * call here, so the statement lets nobody in.
 */
const services = new Set([
  'backup',
  'cloudfront',
  'cloudtrail',
  'cloudwatch',
  'config',
  'delivery.logs',
  'dynamodb',
  'ec2',
  'events',
  'guardduty',
  'kinesis',
  'lambda',
  'logs',
  'rds',
  'redshift',
  's3',
  'scheduler',
  'secretsmanager',
  'ses',
  'sns',
  'sqs',
  'ssm',
  'states',
])
export function isKnownService(name: string): boolean {
  const service = name.replace(/\.amazonaws\.com(?:\.cn)?$/, '')
  return services.has(service.replace(/\.[a-z]{2,4}(?:-[a-z]{1,16}){1,3}-\d{1,2}$/, ''))
}

/** The type that the Principal element has it under. */
export const typeOf = ({ kind }: Principal): string =>
  kind === 'SERVICE' ? 'Service' : kind === 'FEDERATED' ? 'Federated' : 'AWS'

export const roleIdOf = (caller: Asker): string | undefined =>
  caller.type === 'AssumedRole' ? caller.principalId.split(':')[0] : undefined

/** Total over the kinds: a kind without a row does not compile. */
const isKind: Readonly<Record<PrincipalKind, (principal: Principal, caller: Asker) => boolean>> = {
  ANYONE: () => true,
  ACCOUNT: ({ account }, caller) => caller.type !== 'WebIdentity' && account === caller.account,
  USER: ({ id, text }, caller) =>
    caller.type === 'User' && (id === undefined ? caller.arn === text : caller.principalId === id),
  ROLE: ({ id, text }, caller) =>
    caller.type === 'AssumedRole' && (id === undefined ? caller.roleArn === text : roleIdOf(caller) === id),
  SESSION: ({ id, session, text }, caller) => {
    if (caller.type !== 'AssumedRole') return caller.type === 'FederatedUser' && caller.arn === text
    return id === undefined ? caller.arn === text : caller.principalId === `${id}:${session}`
  },
  SERVICE: () => false,
  FEDERATED: ({ text }, caller) => caller.type === 'WebIdentity' && caller.provider === text,
}

export const isPrincipal = (principal: Principal, caller: Asker): boolean => isKind[principal.kind](principal, caller)

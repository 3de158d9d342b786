/**
 * The scenarios of test/policy/*.json, and how they are read. A scenario says only what it is about:
 *
 *   caller         a name of `callers` below; default `alice`
 *   action         default `kms:Encrypt`
 *   resource       `key` (default), `alias`, `*`, or an ARN; always of account 111122223333
 *   keyPolicy      one statement, a list, a document, or `delegating`, `empty`, `unreadable`; default `delegating`
 *   identity, boundary, session   the same, attached to the caller; absent by default
 *   identities, sessions   several of them, by name
 *   trust          the same, of the role that is then the resource; or `missing`, where there is no such role
 *   ids            unique ids that the principals of the key's or role's policy were bound to when it was saved
 *   condition      in place of policies: `applies` is then true, false or `unsure`, and is asked of an Allow and a Deny
 *   context        condition keys; a list marks a multi-valued key, null a value that is unclear
 */
import type { DecisionRequest, NamedPolicy } from '../../../lib/policy/decide.ts'
import type { PolicyDocument } from '../../../lib/policy/document.ts'
import type { PolicyGrant } from '../../../lib/policy/grants.ts'
import { parseStoredIdentityPolicy, parseStoredPolicy, parseStoredTrustPolicy } from '../../../lib/policy/policies.ts'
import type { Asker, PolicyCaller } from '../../../lib/policy/principals.ts'
import { unclear } from '../../../lib/policy/variables.ts'

type Json = Readonly<Record<string, unknown>>

export interface Scenario {
  readonly name: string
  readonly caller?: string
  readonly action?: string
  readonly resource?: string
  readonly crossAccount?: boolean
  readonly keyPolicy?: unknown
  readonly ids?: Readonly<Record<string, string>>
  readonly identity?: unknown
  readonly boundary?: unknown
  readonly session?: unknown
  readonly identities?: Readonly<Record<string, unknown>>
  readonly sessions?: Readonly<Record<string, unknown>>
  readonly trust?: unknown
  readonly grants?: readonly PolicyGrant[]
  readonly proposedGrant?: NonNullable<DecisionRequest['proposedGrant']>
  readonly encryptionContext?: Readonly<Record<string, string>>
  readonly context?: Readonly<Record<string, string | readonly string[] | null>>
  readonly condition?: Json
  readonly applies?: boolean | 'unsure'
  readonly expect?: {
    readonly allowed: boolean
    readonly by: string
    readonly explicit?: boolean
    readonly policy?: string
    readonly statement?: string | number
    readonly detail?: string
    readonly message?: string
  }
}

export const account = '111122223333'
export const keyArn = `arn:aws:kms:us-east-1:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`

const user = (of: string, name: string, id: string): PolicyCaller => ({
  type: 'User',
  account: of,
  arn: `arn:aws:iam::${of}:user/${name}`,
  principalId: id,
  userName: name.slice(name.lastIndexOf('/') + 1),
})
const session = (of: string, id: string): PolicyCaller => ({
  type: 'AssumedRole',
  account: of,
  arn: `arn:aws:sts::${of}:assumed-role/Deployer/build`,
  roleArn: `arn:aws:iam::${of}:role/ci/Deployer`,
  principalId: `${id}:build`,
})

export const roleArn = `arn:aws:iam::${account}:role/ci/Deployer`

export const callers: Readonly<Record<string, Asker>> = {
  web: { type: 'WebIdentity', account, provider: `arn:aws:iam::${account}:oidc-provider/id.example.com` },
  root: { type: 'Root', account, arn: `arn:aws:iam::${account}:root`, principalId: account },
  alice: user(account, 'team/alice', 'AIDAALICEALICEALICE22'),
  deployer: session(account, 'AROADEPLOYERDEPLOY222'),
  federated: {
    type: 'FederatedUser',
    account,
    arn: `arn:aws:sts::${account}:federated-user/fay`,
    principalId: `${account}:fay`,
  },
  strangerRoot: {
    type: 'Root',
    account: '444455556666',
    arn: 'arn:aws:iam::444455556666:root',
    principalId: '444455556666',
  },
  stranger: user('444455556666', 'zoe', 'AIDAZOEZOEZOEZOEZOE22'),
  strangerDeployer: session('444455556666', 'AROASTRANGERSTRANG222'),
}

const delegation = {
  Effect: 'Allow',
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: 'kms:*',
  Resource: '*',
}

function textOf(policy: unknown): string {
  if (policy === 'unreadable') return '{"Statement": [ {'
  const statements = policy === 'delegating' ? delegation : policy
  const whole = typeof statements === 'object' && statements !== null && 'Statement' in statements
  return JSON.stringify(whole ? statements : { Version: '2012-10-17', Statement: statements })
}

function read(policy: unknown, parse: (text: string) => PolicyDocument | undefined): PolicyDocument | undefined {
  if (policy === 'empty') return { version: '2012-10-17', statements: [] }
  const document = parse(textOf(policy))
  if ((document === undefined) !== (policy === 'unreadable'))
    throw new Error('The scenario has a policy that cannot be read.')
  return document
}

const attached = (name: string, policy: unknown): NamedPolicy => ({
  name,
  document: read(policy, parseStoredIdentityPolicy),
})

export function requestOf(scenario: Scenario): DecisionRequest {
  const { keyPolicy = 'delegating', identity, identities, sessions, boundary, trust, ids } = scenario
  const { caller: name = 'alice', resource = trust === undefined ? 'key' : roleArn } = scenario
  const caller = callers[name]
  if (!caller) throw new Error(`No caller is called ${name}.`)
  const arn =
    resource === 'key' ? keyArn : resource === 'alias' ? `arn:aws:kms:us-east-1:${account}:alias/app` : resource
  const { grants, proposedGrant, encryptionContext } = scenario
  return {
    caller,
    action: scenario.action ?? (trust === undefined ? 'kms:Encrypt' : 'sts:AssumeRole'),
    resource: {
      arn,
      account,
      ...(arn.includes(':key/') && {
        keyPolicy: read(keyPolicy, (text) => parseStoredPolicy(text, ids)),
      }),
      ...(trust !== undefined && {
        trustPolicy: {
          document: trust === 'missing' ? undefined : read(trust, (text) => parseStoredTrustPolicy(text, ids)),
        },
      }),
    },
    crossAccount: scenario.crossAccount ?? true,
    context: new Map(
      Object.entries(scenario.context ?? {}).map(([key, value]) => [key.toLowerCase(), value ?? unclear]),
    ),
    ...(identity !== undefined && { identityPolicies: [attached('identity', identity)] }),
    ...(identities && { identityPolicies: Object.entries(identities).map(([each, policy]) => attached(each, policy)) }),
    ...(sessions && { sessionPolicies: Object.entries(sessions).map(([each, policy]) => attached(each, policy)) }),
    ...(boundary !== undefined && { boundary: attached('boundary', boundary) }),
    ...(scenario.session !== undefined && { sessionPolicies: [attached('session', scenario.session)] }),
    ...(grants && { grants }),
    ...(proposedGrant && { proposedGrant }),
    ...(encryptionContext && { encryptionContext }),
  }
}

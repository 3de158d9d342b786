/**
 * The scenarios of test/policy/*.json, and how they are read. A scenario says only what it is about:
 *
 *   caller         a name of `callers` below; default `alice`
 *   action         default `kms:Encrypt`
 *   resource       `key` (default), `alias`, `*`, or an ARN; always of account 111122223333
 *   keyPolicy      one statement, a list, a document, or `delegating`, `empty`, `unreadable`; default `delegating`
 *   identity, boundary, session   the same, attached to the caller; absent by default
 *   ids            unique ids that the key policy's principals were bound to when it was saved
 *   condition      in place of policies: `applies` is then true, false or `unsure`, and is asked of an Allow and a Deny
 *   context        condition keys; a list marks a multi-valued key
 */
import type { DecisionRequest, NamedPolicy } from '../../../lib/policy/decide.ts'
import type { PolicyDocument } from '../../../lib/policy/document.ts'
import type { PolicyGrant } from '../../../lib/policy/grants.ts'
import { parseStoredIdentityPolicy, parseStoredPolicy } from '../../../lib/policy/policies.ts'
import type { PolicyCaller } from '../../../lib/policy/principals.ts'

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
  readonly grants?: readonly PolicyGrant[]
  readonly proposedGrant?: NonNullable<DecisionRequest['proposedGrant']>
  readonly encryptionContext?: Readonly<Record<string, string>>
  readonly context?: Readonly<Record<string, string | readonly string[]>>
  readonly condition?: Json
  readonly applies?: boolean | 'unsure'
  readonly expect?: {
    readonly allowed: boolean
    readonly by: string
    readonly explicit?: boolean
    readonly statement?: string | number
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

export const callers: Readonly<Record<string, PolicyCaller>> = {
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
  const { caller: name = 'alice', resource = 'key', keyPolicy = 'delegating', identity, boundary, ids } = scenario
  const caller = callers[name]
  if (!caller) throw new Error(`No caller is called ${name}.`)
  const arn =
    resource === 'key' ? keyArn : resource === 'alias' ? `arn:aws:kms:us-east-1:${account}:alias/app` : resource
  const { grants, proposedGrant, encryptionContext } = scenario
  return {
    caller,
    action: scenario.action ?? 'kms:Encrypt',
    resource: {
      arn,
      account,
      ...(arn.includes(':key/') && {
        keyPolicy: read(keyPolicy, (text) => parseStoredPolicy(text, ids && new Map(Object.entries(ids)))),
      }),
    },
    crossAccount: scenario.crossAccount ?? true,
    context: new Map(Object.entries(scenario.context ?? {}).map(([key, value]) => [key.toLowerCase(), value])),
    ...(identity !== undefined && { identityPolicies: [attached('identity', identity)] }),
    ...(boundary !== undefined && { boundary: attached('boundary', boundary) }),
    ...(scenario.session !== undefined && { sessionPolicies: [attached('session', scenario.session)] }),
    ...(grants && { grants }),
    ...(proposedGrant && { proposedGrant }),
    ...(encryptionContext && { encryptionContext }),
  }
}

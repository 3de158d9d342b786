/** The roles of the functions as IAM would have them: what CloudFormation fills in is filled in. */
import { catalog } from '../../infra/catalog.ts'
import { rolesOf } from '../../infra/roles.ts'
import type { PolicyDocument } from '../../lib/policy/document.ts'
import { parseIdentityPolicy } from '../../lib/policy/policies.ts'
import { account } from './world.ts'

export const deployed = { store: 'keystead-test', audit: 'keystead-test-audit', bus: 'keystead-test' } as const
const here = `us-east-1:${account}`
export const secretArn = `arn:aws:secretsmanager:${here}:secret:keystead-test/hsm-pin-AbCdEf`

const arns: Readonly<Record<string, string>> = {
  StoreTable: `arn:aws:dynamodb:${here}:table/${deployed.store}`,
  AuditTable: `arn:aws:dynamodb:${here}:table/${deployed.audit}`,
  LostTicks: `arn:aws:sqs:${here}:keystead-test-lost-ticks`,
  KeyEvents: `arn:aws:events:${here}:event-bus/${deployed.bus}`,
}
const variables: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': account,
  'self:service': 'keystead',
  'sls:stage': 'test',
}

const arnOf = (id: string): string => {
  if (id.endsWith('LogGroup')) return `arn:aws:logs:${here}:log-group:/aws/lambda/${id}`
  const arn = arns[id]
  if (arn === undefined) throw new Error(`no ARN for ${id}`)
  return arn
}

function filledIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filledIn)
  if (typeof value !== 'object' || value === null) return value
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Sub': sub } = value as Readonly<Record<string, unknown>>
  if (Ref === 'HsmPin') return secretArn
  if (Array.isArray(attribute)) return arnOf(String(attribute[0]))
  if (typeof sub === 'string') {
    return sub.replace(/\$\{([\w:]+)(\.Arn)?\}/g, (all, id: string, arn?: string) =>
      arn === undefined ? (variables[id] ?? all) : arnOf(id),
    )
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filledIn(each)]))
}

export interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: { readonly 'ForAllValues:StringLike'?: { readonly 'dynamodb:LeadingKeys': readonly string[] } }
}

export interface RolePolicy {
  readonly statements: readonly Statement[]
  readonly document: PolicyDocument
  /** As IAM counts it for its quota. */
  readonly size: number
}

/** Every role's one policy, by the role's logical id. @throws MalformedPolicyDocument */
export const rolePolicies = (): ReadonlyMap<string, RolePolicy> =>
  new Map(
    Object.entries(rolesOf(catalog()).Resources).map(([id, { Properties }]) => {
      const [policy] = Properties.Policies
      const text = JSON.stringify(filledIn(policy?.PolicyDocument))
      const { Statement } = JSON.parse(text) as { Statement: readonly Statement[] }
      return [id, { statements: Statement, document: parseIdentityPolicy(text), size: text.length }]
    }),
  )

/** The least that a role could lack: one action on one resource, in one partition of a table where it says which. */
export interface Permission {
  readonly action: string
  readonly resource: string
  readonly partition?: string
}

export const permissionsOf = ({ statements }: RolePolicy): readonly Permission[] =>
  statements
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action, Resource, Condition }) =>
      Action.flatMap((action) =>
        Resource.flatMap((resource) => {
          const partitions = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys']
          return partitions ? partitions.map((partition) => ({ action, resource, partition })) : [{ action, resource }]
        }),
      ),
    )

export const shown = ({ action, resource, partition = '' }: Permission): string =>
  `${action} ${resource.split(':').slice(5).join(':')} ${partition}`.trim()

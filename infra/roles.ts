/** A role for each Lambda: what its operation reads, what it changes, and nothing of another's. */
import { isGrantable } from '../lib/grants/operations.ts'
import type { AnyOperation, Capability, KeyRule } from '../lib/operation.ts'
import { restorationAt } from '../lib/store/whole.ts'
import {
  documents,
  type Entry,
  frontDoor,
  peers,
  reachesHsm,
  type ScheduleEntry,
  type ServiceEntry,
  scheduleCatalog,
  serviceCatalog,
} from './catalog.ts'

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly unknown[]
  readonly Condition?: object
}

/** The store's part of a capability: partitions of items, indexes that list them, and the calls that change them. */
interface Access {
  readonly items: readonly string[]
  readonly indexes: readonly string[]
  readonly writes: readonly string[]
  /** The items of one partition are listed too. */
  readonly lists?: true
}

/** design.md's table layout; materials are in their key's partition. */
const access = {
  keyStore: { items: ['KEY#*'], indexes: ['GSI1'], writes: ['dynamodb:PutItem'] },
  materials: { items: ['KEY#*'], indexes: [], writes: ['dynamodb:PutItem'], lists: true },
  lastUsage: { items: ['USE#*'], indexes: [], writes: ['dynamodb:PutItem'] },
  aliases: { items: ['ALIAS#*'], indexes: ['GSI1', 'GSI2'], writes: ['dynamodb:PutItem', 'dynamodb:DeleteItem'] },
  grants: {
    items: ['KEY#*'],
    indexes: ['GSI1'],
    writes: ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
    lists: true,
  },
  grantTokens: { items: [], indexes: [], writes: [] },
  accessKeys: { items: ['ACCESSKEY#*'], indexes: [], writes: ['dynamodb:PutItem', 'dynamodb:DeleteItem'] },
  sessions: { items: ['ACCESSKEY#session-sealing'], indexes: [], writes: ['dynamodb:PutItem'] },
  directory: { items: ['NAME#*', 'ROLE#*', 'USER#*'], indexes: [], writes: [] },
  principals: {
    items: ['USER#*', 'ROLE#*', 'GROUP#*', 'POLICY#*', 'OIDC#*', 'NAME#*', 'LINK#*'],
    indexes: ['GSI1'],
    writes: ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
    lists: true,
  },
  issuers: { items: [], indexes: [], writes: [] },
  hsm: { items: [], indexes: [], writes: [] },
  keyStores: { items: ['STORE#*'], indexes: [], writes: ['dynamodb:PutItem'] },
  clusters: { items: [], indexes: [], writes: [] },
  xks: { items: [], indexes: [], writes: [] },
  trail: { items: [], indexes: [], writes: [] },
  peers: { items: [], indexes: [], writes: [] },
} as const satisfies Record<Capability, Access>

const arnOf = (resource: string) => ({ 'Fn::GetAtt': [resource, 'Arn'] })
const indexArn = (index: string) => ({ 'Fn::Sub': `\${StoreTable.Arn}/index/${index}` })

const pascal = (kebab: string): string => kebab.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The logical id of a Lambda's role. */
export const roleOf = (kebab: string): string => `${pascal(kebab)}Role`

/** The beginning of every Lambda's ARN: the name is the service's, the stage's and its own. */
const functionArn =
  'arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${self:service}-${sls:stage}'

/** The logical id that the Serverless Framework gives a Lambda's log group. */
const logGroupOf = (kebab: string): string =>
  `${kebab.replaceAll('-', 'Dash').replace(/^\w/, (c) => c.toUpperCase())}LogGroup`

/** The capabilities of an operation, and those of the procedure around it: whoever names a key has it looked up. */
function readsOf({ name, on, needs }: AnyOperation): readonly Capability[] {
  const rules = Object.values<KeyRule>(on)
  const looksUp: readonly Capability[] = rules.length > 0 ? ['keyStore', 'keyStores'] : []
  const asksForUse: readonly Capability[] = rules.some(({ lastUse }) => lastUse) ? ['lastUsage'] : []
  const byAlias: readonly Capability[] = rules.some(({ by }) => by === 'any' || by === 'alias-name') ? ['aliases'] : []
  const byGrant: readonly Capability[] = rules.some(({ action }) => isGrantable(action ?? `kms:${name}`))
    ? ['grants']
    : []
  return ['accessKeys', ...looksUp, ...byGrant, ...asksForUse, ...byAlias, ...needs]
}

const unique = (values: readonly string[]): readonly string[] => [...new Set(values)].sort()

const onItems = (actions: readonly string[], items: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action: actions,
  Resource: [arnOf('StoreTable')],
  Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': items } },
})

/** Who signs a request may be a user or a session of a role, with policies and groups. */
const callers = ['GROUP#*', 'POLICY#*', 'ROLE#*', 'USER#*']

/** Whether the table is half restored: every function asks before anything else, and none may say otherwise. */
const restoration = [restorationAt.PK]
const asksForRestoration = onItems(['dynamodb:GetItem'], restoration)

const logs = (kebab: string): Statement => ({
  Effect: 'Allow',
  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: [arnOf(logGroupOf(kebab))],
})

/** Lambda's own calls, by which it gives a function its place in a network. */
const interfaces = {
  described: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'],
  changed: [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:UnassignPrivateIpAddresses',
  ],
} as const

/**
 * The PIN, and a place in the HSM's network. Lambda makes network interfaces in the name of the role, whose ids nobody
 * knows before; the function itself, as the role too, may not.
 */
const opensHsm = (kebab: string): readonly Statement[] => [
  { Effect: 'Allow', Action: ['secretsmanager:GetSecretValue'], Resource: [{ Ref: 'HsmPin' }] },
  { Effect: 'Allow', Action: interfaces.described, Resource: ['*'] },
  {
    Effect: 'Allow',
    Action: interfaces.changed,
    Resource: [{ 'Fn::Sub': 'arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:*/*' }],
  },
  {
    Effect: 'Deny',
    Action: [...interfaces.described, ...interfaces.changed],
    Resource: ['*'],
    Condition: { ArnEquals: { 'lambda:SourceFunctionArn': { 'Fn::Sub': `${functionArn}-${kebab}` } } },
  },
]

const onTrail = (actions: readonly string[], items: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action: actions,
  Resource: [arnOf('AuditTable')],
  Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': items } },
})

/** Records, and the writer's name before its first: nothing of it can be read, and no digest be written. */
const writesTrail = onTrail(['dynamodb:BatchWriteItem', 'dynamodb:PutItem'], ['EVENT#*', 'WRITER#*', 'WRITERS#*'])

const tellsOfChanges: Statement = { Effect: 'Allow', Action: ['events:PutEvents'], Resource: [arnOf('KeyEvents')] }

/** Through the indexes, which lead to records. */
const looksUpTrail: readonly Statement[] = [
  {
    Effect: 'Allow',
    Action: ['dynamodb:Query'],
    Resource: ['GSI1', 'GSI2', 'GSI3', 'GSI4'].map((index) => ({ 'Fn::Sub': `\${AuditTable.Arn}/index/${index}` })),
  },
  onTrail(['dynamodb:BatchGetItem'], ['EVENT#*', 'WRITER#*']),
]

const sealsTrail: readonly Statement[] = [
  onTrail(['dynamodb:GetItem', 'dynamodb:Query'], ['DIGEST', 'WRITER#*', 'WRITERS#*']),
  onTrail(['dynamodb:DeleteItem', 'dynamodb:PutItem'], ['DIGEST', 'HEAD']),
]

function statementsOf(operations: readonly AnyOperation[], kebab: string): readonly Statement[] {
  const indexes = unique(operations.flatMap(({ needs }) => needs.flatMap((need: Capability) => access[need].indexes)))
  const rules = operations.flatMap(({ on }) => Object.values<KeyRule>(on))
  const changed: readonly Capability[] = [
    ...operations.filter(({ readOnly }) => !readOnly).flatMap(({ needs }) => needs),
    ...(rules.some(({ usage }) => usage) ? (['lastUsage'] as const) : []),
  ]
  const writers = [...new Set(changed)].sort().filter((need) => access[need].writes.length > 0)
  const lists = operations.flatMap(readsOf).some((need) => 'lists' in access[need])
  return [
    onItems(
      lists ? ['dynamodb:GetItem', 'dynamodb:Query'] : ['dynamodb:GetItem'],
      unique([...callers, ...operations.flatMap(readsOf).flatMap((need) => access[need].items), ...restoration]),
    ),
    ...(indexes.length > 0
      ? [{ Effect: 'Allow', Action: ['dynamodb:Query'], Resource: indexes.map(indexArn) } as const]
      : []),
    ...writers.map((need) => onItems(access[need].writes, access[need].items)),
    // When a user's access key was last used: any request may be.
    onItems(['dynamodb:PutItem'], ['USE#AKIA*']),
    writesTrail,
    ...(operations.every(({ readOnly }) => readOnly) ? [] : [tellsOfChanges]),
    ...(operations.some(({ needs }) => needs.includes('trail')) ? looksUpTrail : []),
    ...opensHsm(kebab),
    logs(kebab),
  ]
}

/** A scheduled function finds what is due in the index, and may remove what it is for. */
const scheduledStatements = (entry: ScheduleEntry): readonly Statement[] => {
  const { schedule, kebab } = entry
  const items = unique(schedule.needs.flatMap((need: Capability) => access[need].items))
  return [
    onItems(['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], items),
    asksForRestoration,
    { Effect: 'Allow', Action: ['dynamodb:Query'], Resource: ['GSI1', 'GSI2'].map(indexArn) },
    writesTrail,
    tellsOfChanges,
    ...(schedule.needs.includes('trail') ? sealsTrail : []),
    ...(reachesHsm(entry) ? opensHsm(kebab) : []),
    logs(kebab),
  ]
}

/** Keys and their material, and no principal's: other Regions are known by their HSMs. */
const peerStatements: readonly Statement[] = [
  onItems(['dynamodb:GetItem', 'dynamodb:PutItem'], access.keyStore.items),
  asksForRestoration,
  writesTrail,
  ...opensHsm(peers),
  logs(peers),
]

const role = (kebab: string, statements: readonly Statement[]) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    Policies: [{ PolicyName: kebab, PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
  },
})

export const rolesOf = (
  entries: readonly Entry[],
  scheduled: readonly ScheduleEntry[] = scheduleCatalog(),
  services: readonly ServiceEntry[] = serviceCatalog(),
) => ({
  Resources: {
    [roleOf(frontDoor)]: role(
      frontDoor,
      statementsOf(
        [...entries.map(({ operation }) => operation), ...services.flatMap(({ actions }) => actions)],
        frontDoor,
      ),
    ),
    [roleOf(peers)]: role(peers, peerStatements),
    [roleOf(documents)]: role(documents, [logs(documents)]),
    ...Object.fromEntries(
      entries.map(({ kebab, operation }) => [roleOf(kebab), role(kebab, statementsOf([operation], kebab))]),
    ),
    ...Object.fromEntries(
      services.map(({ kebab, actions }) => [roleOf(kebab), role(kebab, statementsOf(actions, kebab))]),
    ),
    ...Object.fromEntries(
      scheduled.map((entry) => [roleOf(entry.kebab), role(entry.kebab, scheduledStatements(entry))]),
    ),
  },
})

/** A role for each Lambda: what its operation reads, what it changes, and nothing of another's. */
import { isTold } from '../lib/audit/events.ts'
import { isGrantable } from '../lib/grants/operations.ts'
import type { AnyOperation, Capability, KeyRule } from '../lib/operation.ts'
import { letterEvents } from '../lib/receive.ts'
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
import { type Access, access, accessOf, aliases, aliasesOfKeys, keys, stores } from './store-access.ts'

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly unknown[]
  readonly Condition?: object
}

const arnOf = (resource: string) => ({ 'Fn::GetAtt': [resource, 'Arn'] })

const pascal = (kebab: string): string => kebab.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The logical id of a Lambda's role. */
export const roleOf = (kebab: string): string => `${pascal(kebab)}Role`

/** The beginning of every Lambda's ARN: the name is the service's, the stage's and its own. */
const functionArn =
  'arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${self:service}-${sls:stage}'

/** The logical id that the Serverless Framework gives a Lambda's log group. */
const logGroupOf = (kebab: string): string =>
  `${kebab.replaceAll('-', 'Dash').replace(/^\w/, (c) => c.toUpperCase())}LogGroup`

const unique = (values: readonly string[]): readonly string[] => [...new Set(values)].sort()

/** Calls on a table, or an index of it, by the partitions that they may be about. */
const onPartitions = (actions: readonly string[], resource: unknown, partitions: readonly string[]): Statement => ({
  Effect: 'Allow',
  Action: actions.map((action) => `dynamodb:${action}`),
  Resource: [resource],
  Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': partitions } },
})

/** Whether the table is half restored: every function asks before anything else, and none may say otherwise. */
const asked: Partial<Access> = { reads: [restorationAt.PK] }

function onStore(accesses: readonly Partial<Access>[]): readonly Statement[] {
  const all = [asked, ...accesses]
  const calls = { GetItem: 'reads', Query: 'lists', PutItem: 'puts', DeleteItem: 'deletes' } as const
  const found = Map.groupBy(
    all.flatMap(({ finds = [] }) => finds),
    ([index]) => index,
  )
  const indexes = [...found.keys()].sort().map((index) => {
    const partitions = unique((found.get(index) ?? []).map(([, partition]) => partition))
    return onPartitions(['Query'], { 'Fn::Sub': `\${StoreTable.Arn}/index/${index}` }, partitions)
  })
  return [
    ...Object.entries(calls).flatMap(([action, what]) => {
      const partitions = unique(all.flatMap((each) => each[what] ?? []))
      return partitions.length > 0 ? [onPartitions([action], arnOf('StoreTable'), partitions)] : []
    }),
    ...indexes,
  ]
}

/** Who signs a request may be a user or a session of a role, with policies and groups. */
const callers: Partial<Access> = { reads: ['ACCESSKEY#*', 'GROUP#*', 'POLICY#*', 'ROLE#*', 'USER#*'] }

/** What the procedure does around an operation: whoever names a key has it looked up, and what policies ask of it. */
function around({ name, on }: AnyOperation): readonly Partial<Access>[] {
  const rules = Object.values<KeyRule>(on)
  const used = rules.some(({ usage }) => usage)
  return [
    callers,
    // When a key was last used, and the access key of the user that signed: any request may be a user's.
    { puts: [used ? 'USE#*' : 'USE#AKIA*'] },
    ...(rules.length > 0 ? [{ reads: [...keys, ...stores], finds: aliasesOfKeys }] : []),
    ...(rules.some(({ lastUse }) => lastUse) ? [{ reads: ['USE#*'] }] : []),
    ...(rules.some(({ by }) => by === 'any' || by === 'alias-name') ? [{ reads: aliases }] : []),
    ...(rules.some(({ action }) => isGrantable(action ?? `kms:${name}`)) ? [{ lists: keys }] : []),
  ]
}

/** What `run` does with what it is given: one that only reads writes nothing. */
const within = ({ name, needs, readOnly }: AnyOperation): readonly Partial<Access>[] =>
  needs.map((need: Capability) => {
    const { puts, deletes, ...reading } = accessOf(name, need)
    return readOnly ? reading : { ...reading, ...(puts && { puts }), ...(deletes && { deletes }) }
  })

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

const onTrail = (actions: readonly string[], partitions: readonly string[]): Statement =>
  onPartitions(actions, arnOf('AuditTable'), partitions)

/**
 * Records, and the writer's name before its first: nothing of it can be read, and no digest be written.
 * @param keys that one record can be about: for each further one it has an item more
 */
const writesTrail = (keys: number): readonly Statement[] => [
  onTrail(['PutItem'], ['WRITERS#*']),
  onTrail(['BatchWriteItem'], keys > 1 ? ['EVENT#*', 'WRITER#*'] : ['WRITER#*']),
]

const keysOf = ({ on, makes }: AnyOperation): number => Object.keys(on).length + (makes ? 1 : 0)

const tellsOf = (eventNames: readonly string[]): readonly Statement[] =>
  eventNames.some(isTold) ? [{ Effect: 'Allow', Action: ['events:PutEvents'], Resource: [arnOf('KeyEvents')] }] : []

/** Through the indexes, which lead to records. */
const looksUpTrail: readonly Statement[] = [
  {
    Effect: 'Allow',
    Action: ['dynamodb:Query'],
    Resource: ['GSI1', 'GSI2', 'GSI3', 'GSI4'].map((index) => ({ 'Fn::Sub': `\${AuditTable.Arn}/index/${index}` })),
  },
  onTrail(['BatchGetItem'], ['EVENT#*', 'WRITER#*']),
]

const sealsTrail: readonly Statement[] = [
  onTrail(['Query'], ['DIGEST', 'WRITER#*', 'WRITERS#*']),
  onTrail(['DeleteItem', 'GetItem'], ['DIGEST']),
  onTrail(['PutItem'], ['DIGEST', 'HEAD']),
]

function statementsOf(operations: readonly AnyOperation[], kebab: string): readonly Statement[] {
  return [
    ...onStore(operations.flatMap((operation) => [...around(operation), ...within(operation)])),
    ...writesTrail(Math.max(...operations.map(keysOf))),
    ...tellsOf(operations.map(({ name }) => name)),
    ...(operations.some(({ needs }) => needs.includes('trail')) ? looksUpTrail : []),
    ...opensHsm(kebab),
    logs(kebab),
  ]
}

/** A scheduled function finds what is due in the index, and may remove what it is for. */
const scheduledStatements = (entry: ScheduleEntry): readonly Statement[] => {
  const { schedule, kebab } = entry
  const { name, needs } = schedule
  const seals = needs.includes('trail')
  return [
    ...onStore([...needs.map((need) => accessOf(name, need)), seals ? {} : { finds: [['GSI2', 'DUE#*']] }]),
    ...(seals ? sealsTrail : writesTrail(1)),
    ...tellsOf([name]),
    // Lambda tells, in the role's name, what the function has failed at.
    { Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: [arnOf('LostTicks')] },
    ...(reachesHsm(entry) ? opensHsm(kebab) : []),
    logs(kebab),
  ]
}

/** Keys and their material, and no principal's: other Regions are known by their HSMs. */
const peerStatements: readonly Statement[] = [
  ...onStore([access.keyStore]),
  ...writesTrail(1),
  ...tellsOf(Object.values(letterEvents)),
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

/** IAM's policy simulator, through AWS's own client. */
import { beforeEach, describe, expect, test } from 'vitest'
import { asIam } from '../../harness/iam.ts'
import { addUser, policyText } from '../../harness/identities.ts'
import { account, region, root, TestWorld } from '../../harness/world.ts'

let world: TestWorld
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
const iam = (action: string, input: object = {}, by = root): Promise<any> => asIam(world, action, input, by)
beforeEach(async () => {
  world = await TestWorld.start()
})
const arnOf = (rest: string) => `arn:aws:iam::${account}:${rest}`
const keyOf = (id: string, of = account) => `arn:aws:kms:${region}:${of}:key/${id}`
const compact = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string | string[], more: object = {}) => ({ Effect: 'Allow', Action, Resource: '*', ...more })
const deny = (Action: string, more: object = {}) => ({ ...allow(Action, more), Effect: 'Deny' })
const refused = (message: string) => ({ error: 'InvalidInputException', status: 400, message })

/** The one result of a simulation of one action. */
async function custom(policy: string, action: string, more: object = {}) {
  const answer = await iam('SimulateCustomPolicy', { PolicyInputList: [policy], ActionNames: [action], ...more })
  return answer.EvaluationResults?.[0] ?? answer
}
const verdict = async (...asked: Parameters<typeof custom>) => (await custom(...asked)).EvalDecision

describe('SimulateCustomPolicy', () => {
  test('answers AWS’s own example as its documentation does', async () => {
    const policy =
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
    const at = (ContextKeyValues: string[]) => ({
      ContextEntries: [{ ContextKeyName: 'aws:CurrentTime', ContextKeyValues, ContextKeyType: 'date' }],
    })
    expect(await custom(policy, 'dynamodb:CreateBackup', at(['2019-04-25T11:00:00Z']))).toEqual({
      EvalActionName: 'dynamodb:CreateBackup',
      EvalResourceName: '*',
      EvalDecision: 'allowed',
      MatchedStatements: [
        {
          SourcePolicyId: 'PolicyInputList.1',
          SourcePolicyType: 'IAM Policy',
          StartPosition: { Line: 1, Column: 38 },
          EndPosition: { Line: 1, Column: 167 },
        },
      ],
      MissingContextValues: [],
    })
    expect(await custom(policy, 'dynamodb:CreateBackup', at(['2014-04-25T11:00:00Z']))).toMatchObject({
      EvalDecision: 'implicitDeny',
      MatchedStatements: [],
    })
  })

  test('names where each statement stands, as AWS counts, in a policy that is set in lines', async () => {
    const braces = allow('kms:Encrypt', { Resource: ['*', 'arn:aws:a:::]}{["'] })
    const policy = JSON.stringify(JSON.parse(compact(allow('kms:*'), braces)), undefined, 2)
    const { MatchedStatements } = await custom(policy, 'kms:Encrypt')
    expect(MatchedStatements.map(({ StartPosition, EndPosition }: never) => [StartPosition, EndPosition])).toEqual([
      [
        { Line: 3, Column: 17 },
        { Line: 8, Column: 6 },
      ],
      [
        { Line: 8, Column: 6 },
        { Line: 16, Column: 6 },
      ],
    ])
  })

  test('says what is denied by a statement, and by none', async () => {
    const policy = compact(allow('kms:*'), deny('kms:Decrypt'))
    expect(await custom(policy, 'kms:Decrypt')).toMatchObject({
      EvalDecision: 'explicitDeny',
      MatchedStatements: [{ StartPosition: { Line: 1, Column: 88 } }],
    })
    expect(await custom(policy, 'iam:GetUser')).toMatchObject({ EvalDecision: 'implicitDeny', MatchedStatements: [] })
  })

  test('decides for each resource, and is as strict in all as on the strictest', async () => {
    const policy = compact(allow('kms:*', { Resource: keyOf('*') }), deny('kms:*', { Resource: keyOf('b') }))
    const result = await custom(policy, 'kms:Encrypt', { ResourceArns: [keyOf('a'), keyOf('b')] })
    expect(result).toMatchObject({
      EvalResourceName: 'arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}',
      EvalDecision: 'explicitDeny',
      EvalDecisionDetails: {},
    })
    expect(result.MatchedStatements).toHaveLength(2)
    expect(result.ResourceSpecificResults).toMatchObject([
      {
        EvalResourceName: keyOf('a'),
        EvalResourceDecision: 'allowed',
        MatchedStatements: [{}],
        EvalDecisionDetails: {},
      },
      { EvalResourceName: keyOf('b'), EvalResourceDecision: 'explicitDeny', MatchedStatements: [{}] },
    ])
  })

  test('lists the condition keys that have no value, as the policies write them', async () => {
    const policy = compact(
      allow('kms:*', {
        Resource: 'arn:aws:kms:*:*:key/${aws:PrincipalTag/Team}',
        Condition: {
          Bool: { 'aws:MultiFactorAuthPresent': 'true' },
          StringLike: { 'aws:userAgent': '${aws:username}*' },
        },
      }),
    )
    expect((await custom(policy, 'kms:Encrypt')).MissingContextValues).toEqual([
      'aws:MultiFactorAuthPresent',
      'aws:userAgent',
      'aws:PrincipalTag/Team',
      'aws:username',
    ])
    const given = (ContextKeyName: string, value: string) => ({ ContextKeyName, ContextKeyValues: [value] })
    const ContextEntries = [
      given('AWS:multifactorauthpresent', 'true'),
      given('aws:UserAgent', 'bob/1'),
      given('aws:PrincipalTag/team', 'red'),
    ]
    const asked = { ContextEntries, CallerArn: arnOf('user/bob'), ResourceArns: [keyOf('red'), keyOf('blue')] }
    expect(await custom(policy, 'kms:Encrypt', asked)).toMatchObject({
      MissingContextValues: [],
      ResourceSpecificResults: [{ EvalResourceDecision: 'allowed' }, { EvalResourceDecision: 'implicitDeny' }],
    })
  })

  test('takes a list of values as one that only a set operator compares', async () => {
    const policy = (operator: string) => compact(allow('kms:*', { Condition: { [operator]: { 'aws:TagKeys': 'a' } } }))
    const of = (ContextKeyType: string, ...ContextKeyValues: string[]) => ({
      ContextEntries: [{ ContextKeyName: 'aws:TagKeys', ContextKeyValues, ContextKeyType }],
    })
    expect(await verdict(policy('StringEquals'), 'kms:TagResource', of('string', 'a'))).toBe('allowed')
    expect(await verdict(policy('StringEquals'), 'kms:TagResource', of('stringList', 'a'))).toBe('implicitDeny')
    expect(await verdict(policy('ForAnyValue:StringEquals'), 'kms:TagResource', of('stringList', 'b', 'a'))).toBe(
      'allowed',
    )
  })

  test('caps what is allowed by the boundary that is sent', async () => {
    const boundary = compact(allow('kms:Encrypt'), deny('kms:Decrypt'))
    const within = (action: string) =>
      custom(policyText('kms:*'), action, { PermissionsBoundaryPolicyInputList: [boundary] })
    const detail = (AllowedByPermissionsBoundary: boolean) => ({ AllowedByPermissionsBoundary })
    expect(await within('kms:Encrypt')).toMatchObject({
      EvalDecision: 'allowed',
      PermissionsBoundaryDecisionDetail: detail(true),
    })
    expect(await within('kms:Sign')).toMatchObject({
      EvalDecision: 'implicitDeny',
      MatchedStatements: [],
      PermissionsBoundaryDecisionDetail: detail(false),
    })
    expect(await within('kms:Decrypt')).toMatchObject({
      EvalDecision: 'explicitDeny',
      MatchedStatements: [
        { SourcePolicyId: 'PermissionsBoundaryPolicyInputList.1', SourcePolicyType: 'Permissions Boundary Policy' },
      ],
      PermissionsBoundaryDecisionDetail: detail(false),
    })
  })

  describe('with a policy of the resource', () => {
    const CallerArn = arnOf('user/bob')
    const naming = (AWS: string) => compact({ ...allow('kms:Encrypt'), Principal: { AWS } })
    const on = (ResourcePolicy: string, more: object = {}) => ({
      CallerArn,
      ResourcePolicy,
      ResourceArns: [keyOf('a')],
      ...more,
    })

    test('lets in whom it names', async () => {
      const result = await custom(policyText('s3:*'), 'kms:Encrypt', on(naming(CallerArn)))
      expect(result).toMatchObject({
        EvalDecision: 'allowed',
        MatchedStatements: [{ SourcePolicyId: 'ResourcePolicy', SourcePolicyType: 'Resource Policy' }],
      })
      expect(await verdict(policyText('s3:*'), 'kms:Encrypt', on(naming(arnOf('user/eve'))))).toBe('implicitDeny')
    })
    test('goes by it alone for a key of KMS, and by either side for another service', async () => {
      expect(await verdict(policyText('kms:*'), 'kms:Encrypt', on(naming(arnOf('user/eve'))))).toBe('implicitDeny')
      expect(await verdict(policyText('kms:*'), 'kms:Encrypt', on(naming(account)))).toBe('allowed')
      const bucket = { ResourceArns: ['arn:aws:s3:::b'] }
      expect(await verdict(policyText('s3:*'), 's3:ListBucket', on(naming(arnOf('user/eve')), bucket))).toBe('allowed')
    })
    test('asks both sides of a key of another account, and says what each says', async () => {
      const there = { ResourceArns: [keyOf('a', '444455556666')] }
      expect(await custom(policyText('kms:*'), 'kms:Encrypt', on(naming(account), there))).toMatchObject({
        EvalDecision: 'allowed',
        EvalDecisionDetails: { 'IAM Policy': 'allowed', 'Resource Policy': 'allowed' },
      })
      expect(await custom(policyText('s3:*'), 'kms:Encrypt', on(naming(account), there))).toMatchObject({
        EvalDecision: 'implicitDeny',
        ResourceSpecificResults: [
          { EvalDecisionDetails: { 'IAM Policy': 'implicitDeny', 'Resource Policy': 'allowed' } },
        ],
      })
      const silent = { CallerArn, ...there }
      expect(await verdict(policyText('kms:*'), 'kms:Encrypt', silent)).toBe('implicitDeny')
    })
    test('takes the owner of a resource whose ARN names none from ResourceOwner', async () => {
      const asked = on(naming(account), { ResourceArns: ['arn:aws:s3:::b'], ResourceOwner: '444455556666' })
      expect(await custom(policyText('s3:*'), 's3:ListBucket', asked)).toMatchObject({
        EvalDecision: 'implicitDeny',
        EvalDecisionDetails: { 'IAM Policy': 'allowed', 'Resource Policy': 'implicitDeny' },
      })
    })
    test('is refused without a caller for it to name', async () => {
      expect(await custom(policyText('kms:*'), 'kms:Encrypt', { ResourcePolicy: naming(CallerArn) })).toEqual(
        refused('CallerArn must be specified when ResourcePolicy is specified.'),
      )
    })
  })

  test('answers in pages', async () => {
    const asked = { PolicyInputList: [policyText('kms:*')], ActionNames: ['kms:A', 'kms:B', 'iam:C'] }
    const first = await iam('SimulateCustomPolicy', { ...asked, MaxItems: 2 })
    const names = ({ EvaluationResults }: { EvaluationResults: { EvalActionName: string }[] }) =>
      EvaluationResults.map(({ EvalActionName }) => EvalActionName)
    expect([names(first), first.IsTruncated]).toEqual([['kms:A', 'kms:B'], true])
    const second = await iam('SimulateCustomPolicy', { ...asked, MaxItems: 2, Marker: first.Marker })
    expect([names(second), second.IsTruncated, second.Marker]).toEqual([['iam:C'], false, undefined])
  })

  test('answers no more at once than it can look into, and refuses what it never could', async () => {
    const PolicyInputList = [compact(...Array.from({ length: 90 }, () => allow('kms:*')))]
    const asked = { PolicyInputList, ActionNames: ['kms:A', 'kms:B', 'kms:C'] }
    const on = (length: number) => ({ ResourceArns: Array.from({ length }, (_, index) => keyOf(String(index))) })
    const answer = await iam('SimulateCustomPolicy', { ...asked, ...on(150) })
    expect([answer.EvaluationResults.length, answer.IsTruncated]).toEqual([2, true])
    expect(await iam('SimulateCustomPolicy', { ...asked, ...on(201) })).toEqual(
      refused('The simulation is too large: there are too many resources and statements.'),
    )
  })

  test.each([
    ['a policy that is none', { PolicyInputList: ['{'] }, 'Syntax errors in policy.'],
    ['an action with a wildcard', { ActionNames: ['kms:*'] }, 'Invalid action name: kms:*'],
    ['an action of no service', { ActionNames: ['Encrypt'] }, 'Invalid action name: Encrypt'],
    [
      'a caller who is an assumed role',
      { CallerArn: `arn:aws:sts::${account}:assumed-role/a/b` },
      `Invalid Entity Arn: arn:aws:sts::${account}:assumed-role/a/b does not clearly define entity type and name.`,
    ],
    [
      'service control policies',
      { OrderedOrganizationPolicyInputList: [{ ServiceControlPolicyInputList: [policyText('*')] }] },
      'Service control policies are not supported.',
    ],
    ['an owner that is no account', { ResourceOwner: 'me' }, 'Invalid ResourceOwner: me'],
    [
      'a scenario of EC2’s',
      { ResourceHandlingOption: 'EC2-VPC-EBS' },
      'ResourceHandlingOption EC2-VPC-EBS is not supported.',
    ],
    [
      'a value that is not of its type',
      { ContextEntries: [{ ContextKeyName: 'aws:SourceIp', ContextKeyValues: ['here'], ContextKeyType: 'ip' }] },
      'Context key aws:SourceIp has a value that is not of type ip',
    ],
    [
      'two values of what is one',
      { ContextEntries: [{ ContextKeyName: 'aws:userid', ContextKeyValues: ['a', 'b'], ContextKeyType: 'string' }] },
      'Context key aws:userid of type string must have one value',
    ],
    [
      'one key twice',
      {
        ContextEntries: ['aws:userid', 'AWS:userid'].map((ContextKeyName) => ({
          ContextKeyName,
          ContextKeyValues: ['a'],
        })),
      },
      'A context key must not be given more than once.',
    ],
  ])('refuses %s', async (_what, input, message) => {
    const asked = { PolicyInputList: [policyText('kms:*')], ActionNames: ['kms:Encrypt'], ...input }
    expect(await iam('SimulateCustomPolicy', asked)).toEqual(refused(message))
  })
})

describe('SimulatePrincipalPolicy', () => {
  const bob = arnOf('user/team/bob')
  beforeEach(async () => {
    await iam('CreateUser', { UserName: 'bob', Path: '/team/', Tags: [{ Key: 'Team', Value: 'red' }] })
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'own', PolicyDocument: policyText('kms:Encrypt') })
    await iam('CreateGroup', { GroupName: 'staff' })
    await iam('PutGroupPolicy', { GroupName: 'staff', PolicyName: 'all', PolicyDocument: policyText('kms:Decrypt') })
    await iam('AddUserToGroup', { GroupName: 'staff', UserName: 'bob' })
    await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' })
  })
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
  const of = async (PolicySourceArn: string, action: string, more: object = {}): Promise<any> => {
    const answer = await iam('SimulatePrincipalPolicy', { PolicySourceArn, ActionNames: [action], ...more })
    return answer.EvaluationResults?.[0] ?? answer
  }
  const by = async (...asked: Parameters<typeof of>) => {
    const { EvalDecision, MatchedStatements } = await of(...asked)
    return [EvalDecision, ...MatchedStatements.map(({ SourcePolicyId }: never) => SourcePolicyId)]
  }

  test('goes by the policies of a user and its groups, and names them as AWS does', async () => {
    expect(await by(bob, 'kms:Encrypt')).toEqual(['allowed', 'user_bob_own'])
    expect(await by(bob, 'kms:Decrypt')).toEqual(['allowed', 'group_staff_all'])
    expect(await by(bob, 'iam:GetUser')).toEqual(['allowed', 'IAMReadOnlyAccess'])
    expect(await by(bob, 'kms:Sign')).toEqual(['implicitDeny'])
  })

  test('adds the policies that are sent, and leaves out those that are named', async () => {
    const more = { PolicyInputList: [policyText('kms:Encrypt', 'Deny')] }
    expect(await by(bob, 'kms:Encrypt', more)).toEqual(['explicitDeny', 'PolicyInputList.1'])
    const without = (...PolicyExclusionList: object[]) => ({ PolicyExclusionList })
    expect(await by(bob, 'iam:GetUser', without({ PolicyType: 'aws-managed' }))).toEqual(['implicitDeny'])
    const PolicyArn = 'arn:aws:iam::aws:policy/IAM*Access'
    expect(await by(bob, 'iam:GetUser', without({ PolicyArn }))).toEqual(['implicitDeny'])
    expect(await by(bob, 'kms:Encrypt', without({ PolicyArn }))).toEqual(['allowed', 'user_bob_own'])
    const inline = { PolicyName: 'own', AttachmentType: 'user', AttachmentName: 'b?b' }
    expect(await by(bob, 'kms:Encrypt', without({ InlinePolicyIdentifier: inline }))).toEqual(['implicitDeny'])
    expect(await of(bob, 'kms:Encrypt', without({ PolicyArn: 'arn:aws:iam::*:policy/a' }))).toEqual(
      refused('Invalid policy identifier: arn:aws:iam::*:policy/a'),
    )
  })

  test('goes by the boundary that the user has, or by one that is sent in its place', async () => {
    const { Policy } = await iam('CreatePolicy', { PolicyName: 'limit', PolicyDocument: policyText('iam:*') })
    await iam('PutUserPermissionsBoundary', { UserName: 'bob', PermissionsBoundary: Policy.Arn })
    expect(await of(bob, 'kms:Encrypt')).toMatchObject({
      EvalDecision: 'implicitDeny',
      PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false },
    })
    const PermissionsBoundaryPolicyInputList = [policyText('kms:*')]
    expect(await by(bob, 'kms:Encrypt', { PermissionsBoundaryPolicyInputList })).toEqual(['allowed', 'user_bob_own'])
    const PolicyExclusionList = [{ PolicyType: 'permission-boundary' }]
    expect(await by(bob, 'kms:Encrypt', { PolicyExclusionList })).toEqual(['allowed', 'user_bob_own'])
  })

  test('knows what policies may ask of the user itself, and of another caller its ARN alone', async () => {
    const of = (value: string) => ({
      PolicyInputList: [
        compact(allow('kms:Sign', { Condition: { StringEquals: { 'aws:PrincipalTag/team': value } } })),
      ],
    })
    expect(await by(bob, 'kms:Sign', of('red'))).toEqual(['allowed', 'PolicyInputList.1'])
    expect(await by(bob, 'kms:Sign', of('blue'))).toEqual(['implicitDeny'])
    expect(await by(bob, 'kms:Sign', { ...of('red'), CallerArn: arnOf('user/eve') })).toEqual(['implicitDeny'])
  })

  test('decides on a key as the key’s account alone would, whatever the key’s own policy says', async () => {
    const { KeyMetadata } = (
      await world.call('CreateKey', {
        Policy: compact(
          { ...allow('kms:*'), Principal: { AWS: arnOf('root') } },
          { ...deny('kms:Encrypt'), Principal: '*' },
        ),
      })
    ).json
    expect(await of(bob, 'kms:Encrypt', { ResourceArns: [KeyMetadata.Arn] })).toMatchObject({ EvalDecision: 'allowed' })
  })

  test('says of a role what a session of it may, and of a group what it gives', async () => {
    await iam('CreateRole', {
      RoleName: 'deploy',
      AssumeRolePolicyDocument: compact({ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' }),
    })
    await iam('PutRolePolicy', { RoleName: 'deploy', PolicyName: 'sign', PolicyDocument: policyText('kms:Sign') })
    expect(await by(arnOf('role/deploy'), 'kms:Sign')).toEqual(['allowed', 'role_deploy_sign'])
    expect(await by(arnOf('group/staff'), 'kms:Decrypt')).toEqual(['allowed', 'group_staff_all'])
    const ResourcePolicy = compact({ ...allow('kms:Verify'), Principal: { AWS: arnOf('role/deploy') } })
    const asked = { ResourcePolicy, ResourceArns: [keyOf('a')] }
    expect(await by(arnOf('role/deploy'), 'kms:Verify', asked)).toEqual(['allowed', 'ResourcePolicy'])
  })

  test('takes a policy that is gone for one that denies', async () => {
    const { Policy } = await iam('CreatePolicy', { PolicyName: 'gone', PolicyDocument: policyText('kms:*') })
    await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn: Policy.Arn })
    const stored = await world.open.principals.managedPolicies.find(Policy.PolicyId)
    if (stored) await world.open.principals.managedPolicies.remove(stored)
    expect(await by(bob, 'kms:Encrypt')).toEqual(['explicitDeny'])
  })

  test.each([
    ['nobody', () => arnOf('user/eve'), 'The user with name eve cannot be found.'],
    ['somebody under another path', () => arnOf('user/bob'), 'The user with name bob cannot be found.'],
    [
      'somebody of another account',
      () => 'arn:aws:iam::444455556666:user/bob',
      'The user with name bob cannot be found.',
    ],
  ])('does not find %s', async (_who, arn, message) => {
    expect(await of(arn(), 'kms:Encrypt')).toEqual({ error: 'NoSuchEntityException', status: 404, message })
  })
  test('is about users, roles and groups only', async () => {
    expect(await of(arnOf('root'), 'kms:Encrypt')).toEqual(
      refused(`Invalid Entity Arn: ${arnOf('root')} does not clearly define entity type and name.`),
    )
  })
  test('asks whether its caller may simulate that user', async () => {
    const { credentials } = await addUser(world, 'eve', {
      inline: { p: compact(allow('iam:SimulatePrincipalPolicy', { Resource: arnOf('user/eve') })) },
    })
    const asked = (name: string) => ({ PolicySourceArn: arnOf(`user/${name}`), ActionNames: ['kms:Encrypt'] })
    expect((await iam('SimulatePrincipalPolicy', asked('eve'), credentials)).EvaluationResults).toHaveLength(1)
    expect(await iam('SimulatePrincipalPolicy', asked('team/bob'), credentials)).toEqual({
      error: 'AccessDenied',
      status: 403,
      message: `User: ${arnOf('user/eve')} is not authorized to perform: iam:SimulatePrincipalPolicy on resource: ${bob} because no identity-based policy allows the iam:SimulatePrincipalPolicy action`,
    })
  })
})

describe('the condition keys of policies', () => {
  const asking = compact(
    allow('kms:*', {
      Resource: 'arn:aws:kms:*:*:key/${aws:username}',
      Condition: { Null: { 'aws:TokenIssueTime': 'true' } },
    }),
    deny('kms:*', { Condition: { Bool: { 'AWS:tokenissuetime': 'true', 'aws:SecureTransport': ['true', 'false'] } } }),
  )
  test('are listed of policies that are sent', async () => {
    expect(await iam('GetContextKeysForCustomPolicy', { PolicyInputList: [asking, policyText('kms:*')] })).toEqual({
      ContextKeyNames: ['aws:TokenIssueTime', 'aws:username', 'aws:SecureTransport'],
    })
  })
  test('are listed of those that somebody has, with those that are sent', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: asking })
    const more = compact(allow('kms:*', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }))
    const asked = { PolicySourceArn: arnOf('user/bob'), PolicyInputList: [more] }
    expect((await iam('GetContextKeysForPrincipalPolicy', asked)).ContextKeyNames).toEqual([
      'aws:TokenIssueTime',
      'aws:username',
      'aws:SecureTransport',
      'aws:SourceIp',
    ])
  })
  test('take ${*} for what it is, and no variables from before 2012', async () => {
    const policy = (Version: string) =>
      JSON.stringify({
        Version,
        Statement: [{ ...allow('kms:*'), Resource: ['arn:aws:a:::${*}', "arn:aws:a:::${a:b, 'c'}"] }],
      })
    expect(await iam('GetContextKeysForCustomPolicy', { PolicyInputList: [policy('2012-10-17')] })).toEqual({
      ContextKeyNames: ['a:b'],
    })
  })
})

/** What tools that take stock of an account ask IAM. */
import { beforeEach, describe, expect, test } from 'vitest'
import { asIam } from '../../harness/iam.ts'
import { aManagedPolicy, aUser, policyText } from '../../harness/identities.ts'
import { account, root, TestWorld } from '../../harness/world.ts'

let world: TestWorld
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
const iam = (action: string, input: object = {}, by = root): Promise<any> => asIam(world, action, input, by)
beforeEach(async () => {
  world = await TestWorld.start()
})
const arnOf = (rest: string) => `arn:aws:iam::${account}:${rest}`
const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' }],
})

async function stock() {
  const { Policy } = await iam('CreatePolicy', { PolicyName: 'own', PolicyDocument: policyText('kms:*') })
  await iam('CreateGroup', { GroupName: 'staff' })
  await iam('PutGroupPolicy', { GroupName: 'staff', PolicyName: 'g', PolicyDocument: policyText('kms:Sign') })
  await iam('CreateUser', { UserName: 'ann', PermissionsBoundary: Policy.Arn, Tags: [{ Key: 'a', Value: 'b' }] })
  await iam('AddUserToGroup', { UserName: 'ann', GroupName: 'staff' })
  await iam('PutUserPolicy', { UserName: 'ann', PolicyName: 'u', PolicyDocument: policyText('kms:Verify') })
  await iam('AttachUserPolicy', { UserName: 'ann', PolicyArn: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' })
  await iam('CreateUser', { UserName: 'bob' })
  await iam('CreateRole', { RoleName: 'deploy', AssumeRolePolicyDocument: trust })
  await iam('AttachRolePolicy', { RoleName: 'deploy', PolicyArn: Policy.Arn })
}

describe('GetAccountAuthorizationDetails', () => {
  test('lists everybody, with all that is attached to each', async () => {
    await stock()
    const found = await iam('GetAccountAuthorizationDetails')
    expect(found.UserDetailList).toMatchObject([
      {
        UserName: 'ann',
        Arn: arnOf('user/ann'),
        GroupList: ['staff'],
        UserPolicyList: [
          { PolicyName: 'u', PolicyDocument: encodeURIComponent(policyText('kms:Verify')).replace('*', '%2A') },
        ],
        AttachedManagedPolicies: [
          { PolicyName: 'IAMReadOnlyAccess', PolicyArn: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' },
        ],
        PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: arnOf('policy/own') },
        Tags: [{ Key: 'a', Value: 'b' }],
      },
      { UserName: 'bob', GroupList: [], UserPolicyList: [], AttachedManagedPolicies: [] },
    ])
    expect(found.GroupDetailList).toMatchObject([{ GroupName: 'staff', GroupPolicyList: [{ PolicyName: 'g' }] }])
    expect(found.RoleDetailList).toMatchObject([
      {
        RoleName: 'deploy',
        AssumeRolePolicyDocument: encodeURIComponent(trust),
        InstanceProfileList: [],
        AttachedManagedPolicies: [{ PolicyName: 'own', PolicyArn: arnOf('policy/own') }],
      },
    ])
    expect(found.Policies).toMatchObject([
      {
        PolicyName: 'own',
        AttachmentCount: 1,
        PermissionsBoundaryUsageCount: 1,
        PolicyVersionList: [{ VersionId: 'v1', IsDefaultVersion: true }],
      },
      { PolicyName: 'IAMReadOnlyAccess', AttachmentCount: 1 },
    ])
    expect([found.IsTruncated, found.Marker]).toEqual([false, undefined])
  })

  test('gives each once in pages of whatever size, and the kinds alone that are asked for', async () => {
    await stock()
    const all: string[] = []
    let Marker: string | undefined
    do {
      const found = await iam('GetAccountAuthorizationDetails', { MaxItems: 1, ...(Marker && { Marker }) })
      const page = [found.UserDetailList, found.GroupDetailList, found.RoleDetailList, found.Policies].flat()
      all.push(...page.map((each) => each.Arn))
      Marker = found.Marker
    } while (Marker)
    expect(all).toEqual([
      arnOf('user/ann'),
      arnOf('user/bob'),
      arnOf('group/staff'),
      arnOf('role/deploy'),
      arnOf('policy/own'),
      'arn:aws:iam::aws:policy/IAMReadOnlyAccess',
    ])
    const some = await iam('GetAccountAuthorizationDetails', { Filter: ['Role', 'AWSManagedPolicy'] })
    expect([some.UserDetailList, some.RoleDetailList.length, some.Policies.length]).toEqual([[], 1, 1])
  })
})

describe('GetAccountSummary', () => {
  test('counts what there is, and says how much there may be', async () => {
    await stock()
    await iam('CreateOpenIDConnectProvider', { Url: 'https://id.example.com' })
    expect((await iam('GetAccountSummary')).SummaryMap).toMatchObject({
      Users: 2,
      Groups: 1,
      Roles: 1,
      Policies: 1,
      Providers: 1,
      MFADevices: 0,
      AccountAccessKeysPresent: 1,
      AccessKeysPerUserQuota: 2,
      UserPolicySizeQuota: 2048,
    })
  })
  test('counts beyond a page of the store', async () => {
    const users = Array.from({ length: 1001 }, (_, index) =>
      aUser(`u${index}`, { account, arn: arnOf(`user/u${index}`) }),
    )
    for (const user of users) await world.open.principals.users.create(user)
    expect((await iam('GetAccountSummary')).SummaryMap.Users).toBe(1001)
  })
})

describe('what there is none of', () => {
  test.each([
    ['ListAccountAliases', { AccountAliases: [], IsTruncated: false }],
    ['ListInstanceProfiles', { InstanceProfiles: [], IsTruncated: false }],
    ['ListSAMLProviders', { SAMLProviderList: [] }],
    ['ListServerCertificates', { ServerCertificateMetadataList: [], IsTruncated: false }],
    ['ListVirtualMFADevices', { VirtualMFADevices: [], IsTruncated: false }],
  ])('is not listed by %s', async (action, answer) => {
    expect(await iam(action)).toEqual(answer)
  })
  test('is no password policy', async () => {
    expect(await iam('GetAccountPasswordPolicy')).toEqual({
      error: 'NoSuchEntityException',
      status: 404,
      message: `The Password Policy with domain name ${account} cannot be found.`,
    })
  })
})

describe('an OIDC provider', () => {
  const create = async (Url: string) => (await iam('CreateOpenIDConnectProvider', { Url })).OpenIDConnectProviderArn
  test('is tagged, and untagged', async () => {
    const OpenIDConnectProviderArn = await create('https://id.example.com')
    const tags = async () => (await iam('ListOpenIDConnectProviderTags', { OpenIDConnectProviderArn })).Tags
    const Tags = [
      { Key: 'team', Value: 'red' },
      { Key: 'env', Value: 'test' },
    ]
    expect(await iam('TagOpenIDConnectProvider', { OpenIDConnectProviderArn, Tags })).toEqual({})
    expect(await tags()).toEqual(Tags.toReversed())
    await iam('UntagOpenIDConnectProvider', { OpenIDConnectProviderArn, TagKeys: ['TEAM'] })
    expect(await tags()).toEqual([{ Key: 'env', Value: 'test' }])
    const missing = arnOf('oidc-provider/other.example.com')
    expect(await iam('TagOpenIDConnectProvider', { OpenIDConnectProviderArn: missing, Tags })).toEqual({
      error: 'NoSuchEntityException',
      status: 404,
      message: `OpenIDConnect Provider not found for arn ${missing}`,
    })
  })
  test('has at most a hundred client ids, and an account a hundred providers', async () => {
    const OpenIDConnectProviderArn = await create('https://id.example.com')
    const limit = (message: string) => ({ error: 'LimitExceededException', status: 409, message })
    const add = (ClientID: string) => iam('AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID })
    for (let index = 0; index < 100; index++) expect(await add(`c${index}`)).toEqual({})
    expect(await add('more')).toEqual(limit('Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100'))
    expect(await add('c7')).toEqual({})
    for (let index = 1; index < 100; index++) await create(`https://id${index}.example.com`)
    expect(await iam('CreateOpenIDConnectProvider', { Url: 'https://more.example.com' })).toEqual(
      limit('Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100'),
    )
  })
})

test('how many have one of AWS’s policies is each account’s own to know', async () => {
  const PolicyArn = 'arn:aws:iam::aws:policy/IAMReadOnlyAccess'
  const { PolicyId: id } = (await iam('GetPolicy', { PolicyArn })).Policy
  const theirs = aUser('zoe', { account: '444455556666', attached: [{ id, arn: PolicyArn }] })
  await world.open.principals.links.put({ target: id, kind: 'attached', from: theirs.id, createdAt: 1 })
  await world.open.principals.users.create(theirs)
  await world.open.principals.managedPolicies.create(aManagedPolicy('x', policyText('kms:*')))
  expect((await iam('GetPolicy', { PolicyArn })).Policy.AttachmentCount).toBe(0)
  expect((await iam('ListPolicies', { Scope: 'AWS', OnlyAttached: true })).Policies).toEqual([])
})

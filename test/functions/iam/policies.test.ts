/** Roles, and the policies of users and roles, through AWS's own client (kms-authz.md §9.2). */
import { beforeEach, describe, expect, test } from 'vitest'
import { asIam } from '../../harness/iam.ts'
import { policyText } from '../../harness/identities.ts'
import { account, root, TestWorld } from '../../harness/world.ts'

let world: TestWorld
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
const iam = (action: string, input: object = {}, by = root): Promise<any> => asIam(world, action, input, by)
beforeEach(async () => {
  world = await TestWorld.start()
  await iam('CreateUser', { UserName: 'bob' })
})
const arnOf = (rest: string) => `arn:aws:iam::${account}:${rest}`
const trusting = (Principal: unknown, Action = 'sts:AssumeRole') =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action }] })
const limit = (message: string) => ({ error: 'LimitExceededException', status: 409, message })

async function bobsKey() {
  const { AccessKey } = await iam('CreateAccessKey', { UserName: 'bob' })
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

describe('an inline policy', () => {
  const put = (PolicyDocument: string, PolicyName = 'p') =>
    iam('PutUserPolicy', { UserName: 'bob', PolicyName, PolicyDocument })

  test('is shown as it was put, percent-encoded, and listed by name', async () => {
    const document = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`
    await put(document)
    await put(policyText('kms:List*'), 'a.b')
    const shown = await iam('GetUserPolicy', { UserName: 'bob', PolicyName: 'p' })
    expect(shown).toEqual({
      UserName: 'bob',
      PolicyName: 'p',
      PolicyDocument: encodeURIComponent(document).replace(/\*/g, '%2A'),
    })
    expect((await iam('ListUserPolicies', { UserName: 'bob' })).PolicyNames).toEqual(['a.b', 'p'])
    await iam('DeleteUserPolicy', { UserName: 'bob', PolicyName: 'p' })
    expect(await iam('GetUserPolicy', { UserName: 'bob', PolicyName: 'p' })).toEqual({
      error: 'NoSuchEntityException',
      status: 404,
      message: 'The user policy with name p cannot be found.',
    })
  })

  test.each([
    ['what is no JSON', '{', 'Syntax errors in policy.'],
    [
      'an older version',
      policyText('*').replace('2012-10-17', '2008-10-17'),
      'Policy document must be version 2012-10-17 or greater.',
    ],
    [
      'a principal',
      trusting('*').replace('sts:AssumeRole"', 'kms:*","Resource":"*"'),
      'Policy document should not specify a principal.',
    ],
    [
      'an action without a vendor',
      policyText('Encrypt'),
      'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
    ],
  ])('is refused with %s', async (_what, document, message) => {
    expect(await put(document)).toEqual({ error: 'MalformedPolicyDocumentException', status: 400, message })
  })

  test('and its kin have no more white space than a record has room for', async () => {
    const padded = policyText('kms:a').padEnd(30_000)
    for (let index = 0; index < 6; index++) expect(await put(padded, `p${index}`)).toEqual({})
    expect(await put(padded, 'q')).toEqual(limit('Maximum policy size of 2048 bytes exceeded for user bob'))
  })

  test('and its kin have 2048 characters for a user, 10,240 for a role, white space not counted', async () => {
    const long = (length: number) => {
      const bare = policyText('kms:a')
      return bare.replace('kms:a', `kms:a${'a'.repeat(length - bare.length)}`).replace('{', '{ \n\t ')
    }
    expect(await put(long(1948))).toEqual({})
    expect(await put(long(101), 'q')).toEqual(limit('Maximum policy size of 2048 bytes exceeded for user bob'))
    expect(await put(long(100), 'q')).toEqual({})
    await iam('CreateRole', { RoleName: 'app', AssumeRolePolicyDocument: trusting({ AWS: account }) })
    const role = { RoleName: 'app', PolicyName: 'p' }
    expect(await iam('PutRolePolicy', { ...role, PolicyDocument: long(10_240) })).toEqual({})
    expect(await iam('PutRolePolicy', { ...role, PolicyDocument: long(10_241) })).toEqual(
      limit('Maximum policy size of 10240 bytes exceeded for role app'),
    )
  })
})

describe('a role', () => {
  const create = (AssumeRolePolicyDocument: string, more: object = {}) =>
    iam('CreateRole', { RoleName: 'app', AssumeRolePolicyDocument, ...more })

  test('is created, shown, changed, listed and deleted', async () => {
    const trust = trusting({ AWS: arnOf('user/bob') })
    const { Role } = await create(trust, { Description: 'an app', MaxSessionDuration: 7200, Path: '/apps/' })
    expect(Role).toEqual({
      Path: '/apps/',
      RoleName: 'app',
      RoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}$/),
      Arn: arnOf('role/apps/app'),
      CreateDate: new Date(world.nowMs),
      AssumeRolePolicyDocument: encodeURIComponent(trust),
      Description: 'an app',
      MaxSessionDuration: 7200,
    })
    await iam('UpdateRole', { RoleName: 'app', MaxSessionDuration: 3600 })
    await iam('UpdateAssumeRolePolicy', { RoleName: 'app', PolicyDocument: trusting({ AWS: account }) })
    const changed = {
      MaxSessionDuration: 3600,
      Description: 'an app',
      AssumeRolePolicyDocument: encodeURIComponent(trusting({ AWS: account })),
    }
    expect((await iam('GetRole', { RoleName: 'app' })).Role).toEqual({ ...Role, ...changed })
    expect((await iam('ListRoles', { PathPrefix: '/apps/' })).Roles).toEqual([{ ...Role, ...changed }])
    expect(await iam('ListInstanceProfilesForRole', { RoleName: 'app' })).toEqual({
      InstanceProfiles: [],
      IsTruncated: false,
    })
    expect(await iam('DeleteRole', { RoleName: 'app' })).toEqual({})
    expect((await iam('GetRole', { RoleName: 'app' })).message).toBe('The role with name app cannot be found.')
  })

  test.each([
    [
      'names nobody who is there',
      trusting({ AWS: arnOf('user/eve') }),
      `Invalid principal in policy: "AWS":"${arnOf('user/eve')}"`,
    ],
    [
      'names a provider that is not there',
      trusting({ Federated: arnOf('oidc-provider/a.example') }, 'sts:AssumeRoleWithWebIdentity'),
      `Invalid principal in policy: "Federated":"${arnOf('oidc-provider/a.example')}"`,
    ],
    [
      'has a resource',
      trusting({ AWS: account }).replace('"Effect"', '"Resource":"*","Effect"'),
      'Has prohibited field Resource',
    ],
    ['is no JSON', '{', 'This policy contains invalid Json'],
    [
      'allows something else',
      trusting({ AWS: account }, 'kms:Encrypt'),
      'AssumeRole policy may only specify STS AssumeRole actions.',
    ],
  ])('is not made when its trust policy %s', async (_what, trust, message) => {
    expect(await create(trust)).toEqual({ error: 'MalformedPolicyDocumentException', status: 400, message })
  })

  test('trusts whom its policy named when it was saved, and nobody else by that name', async () => {
    const { User } = await iam('GetUser', { UserName: 'bob' })
    const { Role } = await create(trusting({ AWS: User.Arn }))
    const stored = await world.open.principals.roles.find(Role.RoleId)
    expect(stored?.trustIds).toEqual({ [User.Arn]: User.UserId })
  })

  test('is not deleted while it has policies', async () => {
    await create(trusting({ AWS: account }))
    await iam('PutRolePolicy', { RoleName: 'app', PolicyName: 'p', PolicyDocument: policyText('*') })
    expect((await iam('DeleteRole', { RoleName: 'app' })).message).toBe(
      'Cannot delete entity, must delete policies first.',
    )
  })
})

describe('a managed policy', () => {
  const PolicyArn = arnOf('policy/lister')
  const attached = { UserName: 'bob', PolicyArn }
  const newVersion = (text: string, SetAsDefault = true) =>
    iam('CreatePolicyVersion', { PolicyArn, PolicyDocument: text, SetAsDefault })
  beforeEach(() => iam('CreatePolicy', { PolicyName: 'lister', PolicyDocument: policyText('kms:ListKeys') }))

  test('gives what it says to whom it is attached, in the version that is in force', async () => {
    await iam('AttachUserPolicy', attached)
    const bob = await bobsKey()
    const may = async (action: string) => (await world.call(action, {}, bob)).status === 200
    expect([await may('ListKeys'), await may('ListAliases')]).toEqual([true, false])
    await newVersion(policyText('kms:ListAliases'))
    expect([await may('ListKeys'), await may('ListAliases')]).toEqual([false, true])
    await iam('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' })
    expect([await may('ListKeys'), await may('ListAliases')]).toEqual([true, false])
    await iam('DetachUserPolicy', attached)
    expect(await may('ListKeys')).toBe(false)
  })

  test('is shown with who has it', async () => {
    await iam('AttachUserPolicy', attached)
    await iam('AttachUserPolicy', attached)
    expect((await iam('GetPolicy', { PolicyArn })).Policy).toMatchObject({
      PolicyName: 'lister',
      PolicyId: expect.stringMatching(/^ANPA/),
      DefaultVersionId: 'v1',
      AttachmentCount: 1,
      PermissionsBoundaryUsageCount: 0,
      IsAttachable: true,
    })
    expect((await iam('ListAttachedUserPolicies', { UserName: 'bob' })).AttachedPolicies).toEqual([
      { PolicyName: 'lister', PolicyArn },
    ])
    expect((await iam('ListEntitiesForPolicy', { PolicyArn })).PolicyUsers).toMatchObject([{ UserName: 'bob' }])
    const local = await iam('ListPolicies', { Scope: 'Local', OnlyAttached: true })
    expect(local.Policies.map((each: { Arn: string }) => each.Arn)).toEqual([PolicyArn])
  })

  test('has five versions at the most, of which the one in force is not deleted', async () => {
    for (let made = 0; made < 4; made++) await newVersion(policyText('kms:ListAliases'), false)
    expect(await newVersion(policyText('*'))).toEqual(
      limit(
        'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.',
      ),
    )
    expect(await iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v1' })).toEqual({
      error: 'DeleteConflictException',
      status: 409,
      message: 'Cannot delete the default version of a policy.',
    })
    await iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v5' })
    expect((await newVersion(policyText('*'))).PolicyVersion).toMatchObject({ VersionId: 'v6', IsDefaultVersion: true })
    const ids = (await iam('ListPolicyVersions', { PolicyArn })).Versions.map(
      (each: { VersionId: string }) => each.VersionId,
    )
    expect(ids).toEqual(['v6', 'v4', 'v3', 'v2', 'v1'])
    const { PolicyVersion } = await iam('GetPolicyVersion', { PolicyArn, VersionId: 'v1' })
    expect(decodeURIComponent(PolicyVersion.Document)).toBe(policyText('kms:ListKeys'))
  })

  test('is not deleted while somebody has it or is bounded by it, nor with versions besides', async () => {
    const refused = async () => (await iam('DeletePolicy', { PolicyArn })).message
    await iam('AttachUserPolicy', attached)
    expect(await refused()).toBe('Cannot delete a policy attached to entities.')
    await iam('DetachUserPolicy', attached)
    await iam('PutUserPermissionsBoundary', { UserName: 'bob', PermissionsBoundary: PolicyArn })
    expect(await refused()).toBe('Cannot delete a policy attached to entities.')
    await iam('DeleteUserPermissionsBoundary', { UserName: 'bob' })
    await newVersion(policyText('*'))
    expect(await refused()).toContain('This policy has more than one version.')
    await iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v1' })
    expect(await iam('DeletePolicy', { PolicyArn })).toEqual({})
    expect((await iam('GetPolicy', { PolicyArn })).message).toBe(`Policy ${PolicyArn} was not found.`)
  })

  test('bounds what a user can be allowed', async () => {
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'all', PolicyDocument: policyText('*') })
    await iam('PutUserPermissionsBoundary', { UserName: 'bob', PermissionsBoundary: PolicyArn })
    expect((await iam('GetUser', { UserName: 'bob' })).User.PermissionsBoundary).toEqual({
      PermissionsBoundaryType: 'Policy',
      PermissionsBoundaryArn: PolicyArn,
    })
    const bob = await bobsKey()
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
    expect((await world.call('ListAliases', {}, bob)).json.message).toContain('because no permissions boundary allows')
  })

  test('and a boundary can be the condition of what an administrator may give', async () => {
    const document = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'iam:CreateUser',
          Resource: '*',
          Condition: { StringEquals: { 'iam:PermissionsBoundary': PolicyArn } },
        },
        {
          Effect: 'Allow',
          Action: 'iam:AttachUserPolicy',
          Resource: '*',
          Condition: { ArnEquals: { 'iam:PolicyARN': PolicyArn } },
        },
        {
          Effect: 'Allow',
          Action: 'iam:TagUser',
          Resource: '*',
          Condition: { StringEquals: { 'aws:RequestTag/team': 'red' } },
        },
      ],
    }
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: JSON.stringify(document) })
    const bob = await bobsKey()
    const denied = async (action: string, input: object) => (await iam(action, input, bob)).error === 'AccessDenied'
    const aws = 'arn:aws:iam::aws:policy/AdministratorAccess'
    expect([
      await denied('CreateUser', { UserName: 'eve' }),
      await denied('CreateUser', { UserName: 'eve', PermissionsBoundary: aws }),
      await denied('CreateUser', { UserName: 'eve', PermissionsBoundary: PolicyArn }),
      await denied('AttachUserPolicy', { UserName: 'eve', PolicyArn: aws }),
      await denied('AttachUserPolicy', { UserName: 'eve', PolicyArn }),
      await denied('TagUser', { UserName: 'eve', Tags: [{ Key: 'team', Value: 'blue' }] }),
      await denied('TagUser', { UserName: 'eve', Tags: [{ Key: 'team', Value: 'red' }] }),
    ]).toEqual([true, true, false, true, false, true, false])
  })

  test('there are ten of at the most for one user, of 6144 characters each', async () => {
    for (let made = 0; made < 10; made++) {
      await iam('CreatePolicy', { PolicyName: `p${made}`, PolicyDocument: policyText('kms:List*') })
      expect(await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn: arnOf(`policy/p${made}`) })).toEqual({})
    }
    expect(await iam('AttachUserPolicy', attached)).toEqual(limit('Cannot exceed quota for PoliciesPerUser: 10'))
    const PolicyDocument = policyText(`kms:${'a'.repeat(6144)}`)
    expect(await iam('CreatePolicy', { PolicyName: 'long', PolicyDocument })).toEqual(
      limit('Cannot exceed quota for PolicySize: 6144'),
    )
  })

  test('of AWS’s own is attached as it is, and not changed', async () => {
    const aws = 'arn:aws:iam::aws:policy/AdministratorAccess'
    await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn: aws })
    expect((await world.call('ListKeys', {}, await bobsKey())).status).toBe(200)
    expect((await iam('DeletePolicy', { PolicyArn: aws })).error).toBe('NoSuchEntityException')
    expect((await iam('ListPolicies', { Scope: 'AWS' })).Policies.map((each: { Arn: string }) => each.Arn)).toContain(
      aws,
    )
  })

  test('of another account cannot be attached or read', async () => {
    const stranger = { accessKeyId: 'AKIAOTHEROTHEROTHERO', secretAccessKey: 'x'.repeat(40) }
    await world.addRoot('111122223333', stranger)
    await iam('CreateUser', { UserName: 'eve' }, stranger)
    for (const action of ['GetPolicy', 'DeletePolicy'])
      expect((await iam(action, { PolicyArn }, stranger)).error).toBe('NoSuchEntityException')
    expect((await iam('AttachUserPolicy', { UserName: 'eve', PolicyArn }, stranger)).error).toBe(
      'NoSuchEntityException',
    )
  })
})

describe('an OIDC provider', () => {
  test('is created, trusted by a role, changed and deleted', async () => {
    const { OpenIDConnectProviderArn } = await iam('CreateOpenIDConnectProvider', {
      Url: 'https://issuer.example/a',
      ClientIDList: ['app'],
    })
    expect(OpenIDConnectProviderArn).toBe(arnOf('oidc-provider/issuer.example/a'))
    const trust = trusting({ Federated: OpenIDConnectProviderArn }, 'sts:AssumeRoleWithWebIdentity')
    expect((await iam('CreateRole', { RoleName: 'web', AssumeRolePolicyDocument: trust })).Role.RoleName).toBe('web')
    await iam('AddClientIDToOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID: 'b' })
    await iam('RemoveClientIDFromOpenIDConnectProvider', { OpenIDConnectProviderArn, ClientID: 'app' })
    expect(await iam('GetOpenIDConnectProvider', { OpenIDConnectProviderArn })).toMatchObject({
      Url: 'issuer.example/a',
      ClientIDList: ['b'],
    })
    expect((await iam('ListOpenIDConnectProviders')).OpenIDConnectProviderList).toEqual([
      { Arn: OpenIDConnectProviderArn },
    ])
    await iam('DeleteOpenIDConnectProvider', { OpenIDConnectProviderArn })
    expect((await iam('GetOpenIDConnectProvider', { OpenIDConnectProviderArn })).error).toBe('NoSuchEntityException')
  })

  test.each([
    'http://issuer.example',
    'https://',
    'https://issuer.example/?a',
    'https://issuer.example#a',
    'issuer.example',
  ])('is not made of %s', async (Url) => {
    expect(await iam('CreateOpenIDConnectProvider', { Url })).toEqual({
      error: 'InvalidInputException',
      status: 400,
      message: 'Invalid Open ID Connect Provider URL',
    })
  })
})

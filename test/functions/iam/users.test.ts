/** Users, groups and access keys, through AWS's own client (kms-authz.md §9.2). */
import { beforeEach, describe, expect, test } from 'vitest'
import { accountOfAccessKeyId } from '../../../lib/identity/ids.ts'
import { asIam } from '../../harness/iam.ts'
import { policyText } from '../../harness/identities.ts'
import { account, root, TestWorld } from '../../harness/world.ts'

let world: TestWorld
// biome-ignore lint/suspicious/noExplicitAny: tests read answers member by member
const iam = (action: string, input: object = {}, by = root): Promise<any> => asIam(world, action, input, by)
beforeEach(async () => {
  world = await TestWorld.start()
})
const arnOf = (rest: string) => `arn:aws:iam::${account}:${rest}`
const noSuch = (what: string) => ({
  error: 'NoSuchEntityException',
  status: 404,
  message: `The ${what} cannot be found.`,
})

async function keyOf(UserName: string) {
  const { AccessKey } = await iam('CreateAccessKey', { UserName })
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

describe('a user', () => {
  test('is created, shown, listed by path, and deleted', async () => {
    const { User } = await iam('CreateUser', { UserName: 'bob', Path: '/team/', Tags: [{ Key: 'a', Value: 'b' }] })
    expect(User).toEqual({
      Path: '/team/',
      UserName: 'bob',
      UserId: expect.stringMatching(/^AIDA[A-Z2-7]{17}$/),
      Arn: arnOf('user/team/bob'),
      CreateDate: new Date(world.nowMs),
      Tags: [{ Key: 'a', Value: 'b' }],
    })
    await iam('CreateUser', { UserName: 'Alice' })
    expect((await iam('GetUser', { UserName: 'BOB' })).User).toEqual(User)
    const names = async (input: object) =>
      (await iam('ListUsers', input)).Users.map((each: { UserName: string }) => each.UserName)
    expect(await names({})).toEqual(['Alice', 'bob'])
    expect(await names({ PathPrefix: '/te' })).toEqual(['bob'])
    expect(await iam('DeleteUser', { UserName: 'bob' })).toEqual({})
    expect(await iam('GetUser', { UserName: 'bob' })).toEqual(noSuch('user with name bob'))
  })

  test('has no password, MFA device, SSH key, certificate or service-specific credential, as tools ask before they delete one', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    const none = { IsTruncated: false }
    expect(await iam('ListMFADevices', { UserName: 'bob' })).toEqual({ MFADevices: [], ...none })
    expect(await iam('ListVirtualMFADevices', { AssignmentStatus: 'Assigned' })).toEqual({
      VirtualMFADevices: [],
      ...none,
    })
    expect(await iam('ListSSHPublicKeys', { UserName: 'bob' })).toEqual({ SSHPublicKeys: [], ...none })
    expect(await iam('ListSigningCertificates', { UserName: 'bob' })).toEqual({ Certificates: [], ...none })
    expect(await iam('ListServiceSpecificCredentials', { UserName: 'bob' })).toEqual({
      ServiceSpecificCredentials: [],
      ...none,
    })
    const noProfile = { ...noSuch(''), message: 'Login Profile for User bob cannot be found.' }
    expect(await iam('GetLoginProfile', { UserName: 'bob' })).toEqual(noProfile)
    expect(await iam('DeleteLoginProfile', { UserName: 'bob' })).toEqual(noProfile)
  })

  test.each([
    'GetLoginProfile',
    'DeleteLoginProfile',
    'ListMFADevices',
    'ListSSHPublicKeys',
    'ListSigningCertificates',
    'ListServiceSpecificCredentials',
  ])('that is not there has no answer from %s either', async (action) => {
    expect(await iam(action, { UserName: 'eve' })).toEqual(noSuch('user with name eve'))
    expect(await iam(action)).toMatchObject({ message: 'Must specify userName when calling with non-User credentials' })
  })

  test('is listed in pages', async () => {
    for (const UserName of ['a', 'b', 'c']) await iam('CreateUser', { UserName })
    const first = await iam('ListUsers', { MaxItems: 2 })
    expect([first.Users.length, first.IsTruncated]).toEqual([2, true])
    const second = await iam('ListUsers', { MaxItems: 2, Marker: first.Marker })
    expect([second.Users[0].UserName, second.IsTruncated, second.Marker]).toEqual(['c', false, undefined])
    expect(await iam('ListUsers', { Marker: 'made up' })).toEqual({
      error: 'ValidationError',
      status: 400,
      message: 'Invalid Marker.',
    })
  })

  test('has its name for itself, whatever its case', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    expect(await iam('CreateUser', { UserName: 'Bob' })).toEqual({
      error: 'EntityAlreadyExistsException',
      status: 409,
      message: 'User with name Bob already exists.',
    })
  })

  test.each([
    [
      'a name of 65 characters',
      { UserName: 'a'.repeat(65) },
      `1 validation error detected: Value '${'a'.repeat(65)}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    ],
    [
      'a name with a space',
      { UserName: 'a b' },
      'The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-',
    ],
    [
      'a path without a slash at its end',
      { UserName: 'a', Path: '/b' },
      'The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.',
    ],
  ])('is refused %s', async (_what, input, message) => {
    expect(await iam('CreateUser', input)).toEqual({ error: 'ValidationError', status: 400, message })
  })

  test('is renamed, and keeps its id, its access keys and what it may do', async () => {
    const { User } = await iam('CreateUser', { UserName: 'bob' })
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: policyText('kms:ListKeys') })
    const credentials = await keyOf('bob')
    await iam('CreateUser', { UserName: 'eve' })
    expect((await iam('UpdateUser', { UserName: 'bob', NewUserName: 'Eve' })).error).toBe(
      'EntityAlreadyExistsException',
    )
    await iam('UpdateUser', { UserName: 'bob', NewUserName: 'rob', NewPath: '/x/' })
    expect((await iam('GetUser', {}, credentials)).error).toBe('AccessDenied')
    expect((await iam('GetUser', { UserName: 'rob' })).User).toMatchObject({
      UserId: User.UserId,
      Arn: arnOf('user/x/rob'),
    })
    expect(await iam('GetUser', { UserName: 'bob' })).toEqual(noSuch('user with name bob'))
    expect((await world.call('ListKeys', {}, credentials)).status).toBe(200)
  })

  test('is not deleted while it has access keys, groups or policies', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    await iam('CreateGroup', { GroupName: 'team' })
    const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
    const refused = async () => (await iam('DeleteUser', { UserName: 'bob' })).message
    const { accessKeyId: AccessKeyId } = await keyOf('bob')
    expect(await iam('DeleteUser', { UserName: 'bob' })).toEqual({
      error: 'DeleteConflictException',
      status: 409,
      message: 'Cannot delete entity, must delete access keys first.',
    })
    await iam('DeleteAccessKey', { UserName: 'bob', AccessKeyId })
    await iam('AddUserToGroup', { UserName: 'bob', GroupName: 'team' })
    expect(await refused()).toBe('Cannot delete entity, must remove users from group first.')
    await iam('RemoveUserFromGroup', { UserName: 'bob', GroupName: 'team' })
    await iam('AttachUserPolicy', { UserName: 'bob', PolicyArn })
    expect(await refused()).toBe('Cannot delete entity, must detach all policies first.')
    await iam('DetachUserPolicy', { UserName: 'bob', PolicyArn })
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: policyText('*') })
    expect(await refused()).toBe('Cannot delete entity, must delete policies first.')
    await iam('DeleteUserPolicy', { UserName: 'bob', PolicyName: 'p' })
    expect(await iam('DeleteUser', { UserName: 'bob' })).toEqual({})
  })

  test('has tags whose keys are one whatever their case', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    await iam('TagUser', {
      UserName: 'bob',
      Tags: [
        { Key: 'Team', Value: 'red' },
        { Key: 'x', Value: '' },
      ],
    })
    await iam('TagUser', { UserName: 'bob', Tags: [{ Key: 'team', Value: 'blue' }] })
    await iam('UntagUser', { UserName: 'bob', TagKeys: ['X'] })
    expect((await iam('ListUserTags', { UserName: 'bob' })).Tags).toEqual([{ Key: 'team', Value: 'blue' }])
    const twice = [
      { Key: 'a', Value: '' },
      { Key: 'A', Value: '' },
    ]
    expect(await iam('TagUser', { UserName: 'bob', Tags: twice })).toEqual({
      error: 'InvalidInputException',
      status: 400,
      message: 'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    })
  })
})

describe('an access key', () => {
  beforeEach(() => iam('CreateUser', { UserName: 'bob' }))

  test('is shown with its secret once, and says whose account it is of', async () => {
    const { AccessKey } = await iam('CreateAccessKey', { UserName: 'bob' })
    expect(AccessKey).toEqual({
      UserName: 'bob',
      AccessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
      Status: 'Active',
      SecretAccessKey: expect.stringMatching(/^[A-Za-z0-9+/]{40}$/),
      CreateDate: new Date(world.nowMs),
    })
    expect(accountOfAccessKeyId(AccessKey.AccessKeyId)).toBe(account)
    const { SecretAccessKey, ...listed } = AccessKey
    expect((await iam('ListAccessKeys', { UserName: 'bob' })).AccessKeyMetadata).toEqual([listed])
    const written = JSON.stringify([world.records, world.logged])
    expect(written).toContain(AccessKey.AccessKeyId)
    expect(written).not.toContain(SecretAccessKey)
  })

  test('there are two of at the most', async () => {
    for (let made = 0; made < 2; made++) await keyOf('bob')
    expect(await iam('CreateAccessKey', { UserName: 'bob' })).toEqual({
      error: 'LimitExceededException',
      status: 409,
      message: 'Cannot exceed quota for AccessKeysPerUser: 2',
    })
  })

  test('is refused while it is inactive, and once it is deleted', async () => {
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: policyText('*') })
    const credentials = await keyOf('bob')
    const AccessKeyId = credentials.accessKeyId
    const works = async () => (await world.call('ListKeys', {}, credentials)).status === 200
    expect(await works()).toBe(true)
    await iam('UpdateAccessKey', { UserName: 'bob', AccessKeyId, Status: 'Inactive' })
    expect(await works()).toBe(false)
    expect((await iam('GetUser', {}, credentials)).error).toBe('InvalidClientTokenId')
    await iam('UpdateAccessKey', { UserName: 'bob', AccessKeyId, Status: 'Active' })
    expect(await works()).toBe(true)
    await iam('DeleteAccessKey', { UserName: 'bob', AccessKeyId })
    expect(await works()).toBe(false)
    expect(await world.open.accessKeys.find(AccessKeyId)).toBeUndefined()
    expect(await iam('DeleteAccessKey', { UserName: 'bob', AccessKeyId })).toEqual(
      noSuch(`Access Key with id ${AccessKeyId}`),
    )
  })

  test('says when it was last used, and for what', async () => {
    const credentials = await keyOf('bob')
    const lastUsed = () => iam('GetAccessKeyLastUsed', { AccessKeyId: credentials.accessKeyId })
    expect(await lastUsed()).toEqual({ UserName: 'bob', AccessKeyLastUsed: { ServiceName: 'N/A', Region: 'N/A' } })
    world.nowMs += 60_000
    await world.call('ListKeys', {}, credentials)
    expect((await lastUsed()).AccessKeyLastUsed).toEqual({
      LastUsedDate: new Date(world.nowMs),
      ServiceName: 'kms',
      Region: 'us-east-1',
    })
  })

  test('of another account is not told of', async () => {
    const other = '111122223333'
    const stranger = { accessKeyId: 'AKIAOTHEROTHEROTHERO', secretAccessKey: 'x'.repeat(40) }
    await world.addRoot(other, stranger)
    const { accessKeyId: AccessKeyId } = await keyOf('bob')
    const told = await iam('GetAccessKeyLastUsed', { AccessKeyId }, stranger)
    expect(told).toEqual(noSuch(`Access Key with id ${AccessKeyId}`))
    expect(await iam('DeleteAccessKey', { UserName: 'bob', AccessKeyId }, stranger)).toEqual(
      noSuch('user with name bob'),
    )
  })

  test('is not made for a root user that names nobody', async () => {
    expect(await iam('CreateAccessKey')).toEqual({
      error: 'ValidationError',
      status: 400,
      message: 'Must specify userName when calling with non-User credentials',
    })
  })
})

describe('what users may do in IAM', () => {
  const selfService = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['iam:*AccessKey*', 'iam:GetUser'],
        Resource: `arn:aws:iam::*:user/$\{aws:username}`,
      },
    ],
  })

  test('is what their policies allow: their own access keys, and nobody else’s', async () => {
    for (const UserName of ['bob', 'eve']) await iam('CreateUser', { UserName })
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'self', PolicyDocument: selfService })
    const bob = await keyOf('bob')
    expect((await iam('GetUser', {}, bob)).User.UserName).toBe('bob')
    const { AccessKey } = await iam('CreateAccessKey', {}, bob)
    expect(AccessKey.UserName).toBe('bob')
    expect((await iam('ListAccessKeys', {}, bob)).AccessKeyMetadata).toHaveLength(2)
    expect(await iam('CreateAccessKey', { UserName: 'eve' }, bob)).toEqual({
      error: 'AccessDenied',
      status: 403,
      message:
        `User: ${arnOf('user/bob')} is not authorized to perform: iam:CreateAccessKey on resource: user eve ` +
        'because no identity-based policy allows the iam:CreateAccessKey action',
    })
    expect((await iam('ListUsers', {}, bob)).error).toBe('AccessDenied')
    expect(
      (await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'x', PolicyDocument: policyText('*') }, bob)).error,
    ).toBe('AccessDenied')
  })

  test('goes by the path of whom it is done to', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    const document = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iam:*', Resource: arnOf('user/x/*') }],
    }
    await iam('PutUserPolicy', { UserName: 'bob', PolicyName: 'p', PolicyDocument: JSON.stringify(document) })
    const bob = await keyOf('bob')
    expect((await iam('CreateUser', { UserName: 'in', Path: '/x/' }, bob)).User.UserName).toBe('in')
    expect((await iam('CreateUser', { UserName: 'out' }, bob)).error).toBe('AccessDenied')
    expect((await iam('DeleteUser', { UserName: 'in' }, bob)).error).toBeUndefined()
    expect((await iam('GetUser', { UserName: 'nobody' }, bob)).error).toBe('AccessDenied')
  })

  test('the root user is shown as itself', async () => {
    expect((await iam('GetUser')).User).toMatchObject({ UserId: account, Arn: arnOf('root') })
  })
})

describe('a group', () => {
  test('gives its users its policies, as long as they are in it', async () => {
    await iam('CreateUser', { UserName: 'bob' })
    const { Group } = await iam('CreateGroup', { GroupName: 'team' })
    expect(Group).toMatchObject({ GroupId: expect.stringMatching(/^AGPA/), Arn: arnOf('group/team') })
    await iam('PutGroupPolicy', { GroupName: 'team', PolicyName: 'p', PolicyDocument: policyText('kms:ListKeys') })
    await iam('AddUserToGroup', { UserName: 'bob', GroupName: 'team' })
    const bob = await keyOf('bob')
    expect((await world.call('ListKeys', {}, bob)).status).toBe(200)
    const shown = await iam('GetGroup', { GroupName: 'team' })
    expect(shown.Users.map((each: { UserName: string }) => each.UserName)).toEqual(['bob'])
    expect((await iam('ListGroupsForUser', { UserName: 'bob' })).Groups).toEqual([Group])
    expect((await iam('DeleteGroup', { GroupName: 'team' })).message).toBe(
      'Cannot delete entity, must remove users from group first.',
    )
    await iam('RemoveUserFromGroup', { UserName: 'bob', GroupName: 'team' })
    expect((await world.call('ListKeys', {}, bob)).json.__type).toBe('AccessDeniedException')
    await iam('DeleteGroupPolicy', { GroupName: 'team', PolicyName: 'p' })
    expect(await iam('DeleteGroup', { GroupName: 'team' })).toEqual({})
    expect((await iam('ListGroups')).Groups).toEqual([])
  })
})

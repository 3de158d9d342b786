/** What valid inputs of IAM's and STS's actions need to be there, and one such input for each action. */

import { policyText } from './identities.ts'
import type { TestIssuer } from './oidc.ts'
import { asForm } from './query.ts'
import type { Credentials } from './sign.ts'
import { account, type TestWorld } from './world.ts'

export interface IdentityStage {
  /** Of the user who has everything. */
  readonly credentials: Credentials
  /** Under the issuer that the account trusts. */
  readonly token: string
  readonly provider: string
}

const arnOf = (rest: string): string => `arn:aws:iam::${account}:${rest}`
const policyArn = (name: string): string => arnOf(`policy/${name}`)
const trusts = (principal: object, action = 'sts:AssumeRole'): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: principal, Action: action }],
  })
const byAccount = trusts({ AWS: arnOf('root') })

/** One of each kind that has everything, `staged`, and one that has nothing, `spare`. */
export async function stageIdentities(world: TestWorld, issuer: TestIssuer): Promise<IdentityStage> {
  const ask = async (action: string, input: object): Promise<string> => {
    const { status, text } = await asForm(world, action, input)
    if (status !== 200) throw new Error(`${action}: ${text}`)
    return text
  }
  for (const name of ['staged', 'spare', 'other']) {
    await ask('CreatePolicy', { PolicyName: name, PolicyDocument: policyText('kms:*'), Tags: tags })
    await ask('CreateGroup', { GroupName: name })
    await ask('CreateUser', { UserName: name, Tags: tags })
    await ask('CreateRole', { RoleName: name, AssumeRolePolicyDocument: byAccount, Tags: tags })
  }
  const PolicyArn = policyArn('staged')
  await ask('CreatePolicyVersion', { PolicyArn, PolicyDocument: policyText('*'), SetAsDefault: true })
  for (const kind of ['User', 'Role', 'Group']) {
    const named = { [`${kind}Name`]: 'staged' }
    await ask(`Put${kind}Policy`, { ...named, PolicyName: 'staged', PolicyDocument: policyText('*') })
    await ask(`Attach${kind}Policy`, { ...named, PolicyArn })
    if (kind !== 'Group') await ask(`Put${kind}PermissionsBoundary`, { ...named, PermissionsBoundary: PolicyArn })
  }
  await ask('AddUserToGroup', { GroupName: 'staged', UserName: 'staged' })
  const key = await ask('CreateAccessKey', { UserName: 'staged' })
  const value = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(key)?.[1] ?? ''
  await ask('CreateOpenIDConnectProvider', { Url: `https://${issuer.url}`, ClientIDList: ['app'], Tags: tags })
  const provider = arnOf(`oidc-provider/${issuer.url}`)
  await ask('CreateRole', {
    RoleName: 'federated',
    AssumeRolePolicyDocument: trusts({ Federated: provider }, 'sts:AssumeRoleWithWebIdentity'),
  })
  return {
    credentials: { accessKeyId: value('AccessKeyId'), secretAccessKey: value('SecretAccessKey') },
    token: await issuer.token({ sub: 'somebody' }, Math.floor(world.nowMs / 1000)),
    provider,
  }
}

const tags = [{ Key: 'team', Value: 'red' }]
const named = (kind: string, name: string, more: object = {}) => ({ [`${kind}Name`]: name, ...more })

/** Of users, roles and groups alike. */
const ofHolders = ['User', 'Role', 'Group'].flatMap((kind): readonly (readonly [string, object])[] => {
  const staged = named(kind, 'staged')
  return [
    [`Put${kind}Policy`, named(kind, 'spare', { PolicyName: 'new', PolicyDocument: policyText('kms:List*') })],
    [`Get${kind}Policy`, { ...staged, PolicyName: 'staged' }],
    [`Delete${kind}Policy`, { ...staged, PolicyName: 'staged' }],
    [`List${kind}Policies`, staged],
    [`Attach${kind}Policy`, named(kind, 'spare', { PolicyArn: policyArn('staged') })],
    [`Detach${kind}Policy`, { ...staged, PolicyArn: policyArn('staged') }],
    [`ListAttached${kind}Policies`, staged],
    [`Get${kind}`, staged],
    [`Delete${kind}`, named(kind, 'spare')],
  ]
})
const ofPrincipals = ['User', 'Role'].flatMap((kind): readonly (readonly [string, object])[] => [
  // Another than it has.
  [`Put${kind}PermissionsBoundary`, named(kind, 'staged', { PermissionsBoundary: policyArn('other') })],
  [`Delete${kind}PermissionsBoundary`, named(kind, 'staged')],
  [`Tag${kind}`, named(kind, 'spare', { Tags: [{ Key: 'team', Value: 'blue' }] })],
  [`Untag${kind}`, named(kind, 'staged', { TagKeys: ['team'] })],
  [`List${kind}Tags`, named(kind, 'staged')],
])
const renamed = ['User', 'Group'].map((kind): readonly [string, object] => [
  `Update${kind}`,
  named(kind, 'spare', { [`New${kind}Name`]: 'renamed', NewPath: '/team/' }),
])

/** What tools ask before they delete a user. */
const ofLeaving = [
  'GetLoginProfile',
  'DeleteLoginProfile',
  'ListMFADevices',
  'ListSSHPublicKeys',
  'ListSigningCertificates',
  'ListServiceSpecificCredentials',
].map((action): readonly [string, object] => [action, { UserName: 'staged' }])

const fixed: Readonly<Record<string, object>> = Object.fromEntries([
  ...ofHolders,
  ...ofPrincipals,
  ...ofLeaving,
  ...renamed,
])
const ofPolicy = (name: string, more: object = {}) => ({ PolicyArn: policyArn(name), ...more })

/** One valid input for each action that needs any member. */
export const identityInputs: Readonly<Record<string, (stage: IdentityStage) => object>> = {
  ...Object.fromEntries(Object.entries(fixed).map(([name, input]) => [name, () => input])),
  AddClientIDToOpenIDConnectProvider: ({ provider }) => ({ OpenIDConnectProviderArn: provider, ClientID: 'new' }),
  AddUserToGroup: () => ({ GroupName: 'spare', UserName: 'spare' }),
  AssumeRole: () => ({ RoleArn: arnOf('role/staged'), RoleSessionName: 'session' }),
  AssumeRoleWithWebIdentity: ({ token }) => ({
    RoleArn: arnOf('role/federated'),
    RoleSessionName: 'session',
    WebIdentityToken: token,
  }),
  CreateAccessKey: () => ({ UserName: 'spare' }),
  CreateGroup: () => ({ GroupName: 'new', Path: '/team/' }),
  CreateOpenIDConnectProvider: () => ({ Url: 'https://issuer.example', ClientIDList: ['app'] }),
  CreatePolicy: () => ({ PolicyName: 'new', PolicyDocument: policyText('kms:List*') }),
  CreatePolicyVersion: () => ofPolicy('spare', { PolicyDocument: policyText('*'), SetAsDefault: true }),
  CreateRole: () => ({
    RoleName: 'new',
    AssumeRolePolicyDocument: byAccount,
    PermissionsBoundary: policyArn('staged'),
  }),
  CreateUser: () => ({ UserName: 'new', Path: '/team/', PermissionsBoundary: policyArn('staged'), Tags: tags }),
  DeleteAccessKey: ({ credentials }) => ({ UserName: 'staged', AccessKeyId: credentials.accessKeyId }),
  DeleteOpenIDConnectProvider: ({ provider }) => ({ OpenIDConnectProviderArn: provider }),
  DeletePolicy: () => ofPolicy('spare'),
  DeletePolicyVersion: () => ofPolicy('staged', { VersionId: 'v1' }),
  GetAccessKeyInfo: ({ credentials }) => ({ AccessKeyId: credentials.accessKeyId }),
  GetAccessKeyLastUsed: ({ credentials }) => ({ AccessKeyId: credentials.accessKeyId }),
  GetFederationToken: () => ({ Name: 'federated', Policy: policyText('kms:List*') }),
  GetContextKeysForCustomPolicy: () => ({ PolicyInputList: [policyText('kms:*')] }),
  GetContextKeysForPrincipalPolicy: () => ({ PolicySourceArn: arnOf('user/staged') }),
  GetOpenIDConnectProvider: ({ provider }) => ({ OpenIDConnectProviderArn: provider }),
  GetPolicy: () => ofPolicy('staged'),
  GetPolicyVersion: () => ofPolicy('staged', { VersionId: 'v1' }),
  ListAccessKeys: () => ({ UserName: 'staged' }),
  ListEntitiesForPolicy: () => ofPolicy('staged'),
  ListGroupsForUser: () => ({ UserName: 'staged' }),
  ListInstanceProfilesForRole: () => ({ RoleName: 'staged' }),
  ListOpenIDConnectProviderTags: ({ provider }) => ({ OpenIDConnectProviderArn: provider }),
  SimulateCustomPolicy: () => ({ PolicyInputList: [policyText('kms:*')], ActionNames: ['kms:Encrypt'] }),
  SimulatePrincipalPolicy: () => ({ PolicySourceArn: arnOf('user/staged'), ActionNames: ['kms:Encrypt'] }),
  ListPolicies: () => ({ Scope: 'Local' }),
  ListPolicyTags: () => ofPolicy('staged'),
  ListPolicyVersions: () => ofPolicy('staged'),
  RemoveClientIDFromOpenIDConnectProvider: ({ provider }) => ({ OpenIDConnectProviderArn: provider, ClientID: 'app' }),
  RemoveUserFromGroup: () => ({ GroupName: 'staged', UserName: 'staged' }),
  SetDefaultPolicyVersion: () => ofPolicy('staged', { VersionId: 'v1' }),
  TagOpenIDConnectProvider: ({ provider }) => ({
    OpenIDConnectProviderArn: provider,
    Tags: [{ Key: 'team', Value: 'blue' }],
  }),
  UntagOpenIDConnectProvider: ({ provider }) => ({ OpenIDConnectProviderArn: provider, TagKeys: ['team'] }),
  TagPolicy: () => ofPolicy('spare', { Tags: [{ Key: 'team', Value: 'blue' }] }),
  UntagPolicy: () => ofPolicy('staged', { TagKeys: ['team'] }),
  UpdateAccessKey: ({ credentials }) => ({
    UserName: 'staged',
    AccessKeyId: credentials.accessKeyId,
    Status: 'Inactive',
  }),
  UpdateAssumeRolePolicy: () => ({ RoleName: 'spare', PolicyDocument: trusts({ AWS: arnOf('user/staged') }) }),
  UpdateOpenIDConnectProviderThumbprint: ({ provider }) => ({
    OpenIDConnectProviderArn: provider,
    ThumbprintList: ['a'.repeat(40)],
  }),
  UpdateRole: () => ({ RoleName: 'spare', Description: 'described', MaxSessionDuration: 7200 }),
  UpdateRoleDescription: () => ({ RoleName: 'spare', Description: 'described' }),
}

/**
 * What an account of AWS's may have besides, and tools ask for before they delete a user or when they take stock. Here
 * there is none of it, and nothing makes any, so the lists are empty and a login profile is not found.
 */
import { NoSuchEntity } from '../../../lib/errors.ts'
import { askedUser, onAskedUser } from '../../../lib/identity/own-user.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { page, pageEnd, pathPrefix, userName } from '../../../lib/schema/iam.ts'
import { boolean, oneOf, string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

const none = required(list(struct({})))

/** The members of the answer are called after the row, so that the compiler sees none of them. */
const emptyOf = (member: string, isPaged: boolean) => ({
  output: struct({ [member]: none, ...(isPaged && pageEnd) }) as ReturnType<typeof struct<Record<never, never>>>,
  answer: { [member]: [], ...(isPaged && { IsTruncated: false }) },
})

const ofUser = [
  ['ListMFADevices', 'MFADevices', 'MFA devices', {}],
  ['ListSSHPublicKeys', 'SSHPublicKeys', 'SSH public keys', {}],
  ['ListSigningCertificates', 'Certificates', 'signing certificates', {}],
  [
    'ListServiceSpecificCredentials',
    'ServiceSpecificCredentials',
    'service-specific credentials',
    { ServiceName: string(), AllUsers: boolean },
  ],
] as const
const userLists = ofUser.map(([name, member, what, members]) => {
  const { output, answer } = emptyOf(member, true)
  return iamAction({
    name,
    readOnly: true,
    summary: `Lists the ${what} of a user: there are none.`,
    input: struct({ UserName: userName, ...members, ...page }),
    output,
    needs: ['principals'],
    resource: (asked) => onAskedUser(asked),
    async run(asked) {
      await askedUser(asked)
      return answer
    },
  })
})

const ofAccount = [
  ['ListAccountAliases', 'AccountAliases', 'aliases', page],
  ['ListInstanceProfiles', 'InstanceProfiles', 'instance profiles', { PathPrefix: pathPrefix, ...page }],
  ['ListSAMLProviders', 'SAMLProviderList', 'SAML providers', {}],
  [
    'ListServerCertificates',
    'ServerCertificateMetadataList',
    'server certificates',
    { PathPrefix: pathPrefix, ...page },
  ],
  [
    'ListVirtualMFADevices',
    'VirtualMFADevices',
    'virtual MFA devices',
    { AssignmentStatus: oneOf(['Assigned', 'Unassigned', 'Any']), ...page },
  ],
] as const
const accountLists = ofAccount.map(([name, member, what, members]) => {
  const { output, answer } = emptyOf(member, 'MaxItems' in members)
  return iamAction({
    name,
    readOnly: true,
    summary: `Lists the ${what} of the account: there are none.`,
    input: struct<typeof members>(members),
    output,
    needs: [],
    run: async () => answer,
  })
})

const loginProfiles = (
  [
    ['GetLoginProfile', true, 'Shows', { LoginProfile: required(struct({})) }],
    ['DeleteLoginProfile', false, 'Deletes', {}],
  ] as const
).map(([name, readOnly, verb, members]) =>
  iamAction({
    name,
    readOnly,
    summary: `${verb} the password of a user: there is none.`,
    input: struct({ UserName: userName }),
    output: struct<typeof members>(members),
    needs: ['principals'],
    resource: (asked) => onAskedUser(asked),
    async run(asked) {
      const { name: user } = await askedUser(asked)
      throw new NoSuchEntity(`Login Profile for User ${user} cannot be found.`)
    },
  }),
)

export const absentActions = [...userLists, ...accountLists, ...loginProfiles]

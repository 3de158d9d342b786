/**
 * What a user of AWS may sign in or sign with beside access keys. Tools ask for each before they delete a user. Here there
 * is none of it, and nothing makes any, so the lists are empty and a login profile is not found.
 */
import { NoSuchEntity } from '../../../lib/errors.ts'
import { askedUser, onAskedUser } from '../../../lib/identity/own-user.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { page, pageEnd, userName } from '../../../lib/schema/iam.ts'
import { boolean, oneOf, string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

const none = required(list(struct({})))

const getLoginProfile = iamAction({
  name: 'GetLoginProfile',
  readOnly: true,
  summary: 'Shows the password of a user: there is none.',
  input: struct({ UserName: userName }),
  output: struct({ LoginProfile: required(struct({})) }),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    const { name } = await askedUser(asked)
    throw new NoSuchEntity(`Login Profile for User ${name} cannot be found.`)
  },
})

const deleteLoginProfile = iamAction({
  name: 'DeleteLoginProfile',
  readOnly: false,
  summary: 'Deletes the password of a user: there is none.',
  input: struct({ UserName: userName }),
  output: struct({}),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    const { name } = await askedUser(asked)
    throw new NoSuchEntity(`Login Profile for User ${name} cannot be found.`)
  },
})

const listMfaDevices = iamAction({
  name: 'ListMFADevices',
  readOnly: true,
  summary: 'Lists the MFA devices of a user: there are none.',
  input: struct({ UserName: userName, ...page }),
  output: struct({ MFADevices: none, ...pageEnd }),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    await askedUser(asked)
    return { MFADevices: [], IsTruncated: false }
  },
})

const listVirtualMfaDevices = iamAction({
  name: 'ListVirtualMFADevices',
  readOnly: true,
  summary: 'Lists the virtual MFA devices of the account: there are none.',
  input: struct({ AssignmentStatus: oneOf(['Assigned', 'Unassigned', 'Any']), ...page }),
  output: struct({ VirtualMFADevices: none, ...pageEnd }),
  needs: [],
  resource: () => '*',
  run: async () => ({ VirtualMFADevices: [], IsTruncated: false }),
})

const listSshPublicKeys = iamAction({
  name: 'ListSSHPublicKeys',
  readOnly: true,
  summary: 'Lists the SSH public keys of a user: there are none.',
  input: struct({ UserName: userName, ...page }),
  output: struct({ SSHPublicKeys: none, ...pageEnd }),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    await askedUser(asked)
    return { SSHPublicKeys: [], IsTruncated: false }
  },
})

const listSigningCertificates = iamAction({
  name: 'ListSigningCertificates',
  readOnly: true,
  summary: 'Lists the signing certificates of a user: there are none.',
  input: struct({ UserName: userName, ...page }),
  output: struct({ Certificates: none, ...pageEnd }),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    await askedUser(asked)
    return { Certificates: [], IsTruncated: false }
  },
})

const listServiceSpecificCredentials = iamAction({
  name: 'ListServiceSpecificCredentials',
  readOnly: true,
  summary: 'Lists the service-specific credentials of a user: there are none.',
  input: struct({ UserName: userName, ServiceName: string(), AllUsers: boolean, ...page }),
  output: struct({ ServiceSpecificCredentials: none, ...pageEnd }),
  needs: ['principals'],
  resource: onAskedUser,
  async run(asked) {
    await askedUser(asked)
    return { ServiceSpecificCredentials: [], IsTruncated: false }
  },
})

export const loginCredentialActions = [
  getLoginProfile,
  deleteLoginProfile,
  listMfaDevices,
  listVirtualMfaDevices,
  listSshPublicKeys,
  listSigningCertificates,
  listServiceSpecificCredentials,
] as const

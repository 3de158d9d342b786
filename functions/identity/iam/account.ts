import { NoSuchEntity } from '../../../lib/errors.ts'
import { accountDetails, detailKinds } from '../../../lib/identity/account-details.ts'
import { groups, roles, trustQuota, users } from '../../../lib/identity/holders.ts'
import { markerOf, pageOf } from '../../../lib/identity/pages.ts'
import { iamAction } from '../../../lib/operation.ts'
import type { Page, PageRequest } from '../../../lib/ports.ts'
import { list, struct, textMap } from '../../../lib/schema/collections.ts'
import {
  attachedPolicy,
  group,
  managedPolicy,
  page,
  pageEnd,
  policyVersion,
  role,
  user,
} from '../../../lib/schema/iam.ts'
import { oneOf, string } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

/** Of a list of which there are only pages. */
async function countOf(pageAfter: (page: PageRequest) => Promise<Page<{ readonly name: string }>>): Promise<number> {
  let count = 0
  let after: string | undefined
  for (let more = true; more; ) {
    const found = await pageAfter({ limit: 1000, ...(after !== undefined && { after }) })
    count += found.items.length
    after = found.items.at(-1)?.name.toLowerCase()
    more = found.more && after !== undefined
  }
  return count
}

const quotas = {
  AccessKeysPerUserQuota: 2,
  AssumeRolePolicySizeQuota: trustQuota,
  AttachedPoliciesPerGroupQuota: 10,
  AttachedPoliciesPerRoleQuota: 10,
  AttachedPoliciesPerUserQuota: 10,
  GroupPolicySizeQuota: groups.inlineQuota,
  GroupsPerUserQuota: 10,
  PolicySizeQuota: 6144,
  RolePolicySizeQuota: roles.inlineQuota,
  UserPolicySizeQuota: users.inlineQuota,
  VersionsPerPolicyQuota: 5,
}

const getAccountSummary = iamAction({
  name: 'GetAccountSummary',
  readOnly: true,
  summary: 'Counts what there is in the account, and says how much there may be.',
  input: struct({}),
  output: struct({ SummaryMap: textMap }),
  needs: ['principals'],
  async run({ place: { account }, principals }) {
    const [Users, Groups, Roles, Policies, providers] = await Promise.all([
      countOf((asked) => principals.users.list(account, asked)),
      countOf((asked) => principals.groups.list(account, asked)),
      countOf((asked) => principals.roles.list(account, asked)),
      countOf((asked) => principals.managedPolicies.list(account, asked)),
      principals.oidcProviders.list(account, { limit: 1000 }),
    ])
    const none = { AccountMFAEnabled: 0, InstanceProfiles: 0, MFADevices: 0, MFADevicesInUse: 0, ServerCertificates: 0 }
    const counts = { Users, Groups, Roles, Policies, Providers: providers.items.length, AccountAccessKeysPresent: 1 }
    const numbers = Object.entries({ ...counts, ...none, ...quotas })
    return { SummaryMap: Object.fromEntries(numbers.map(([name, number]) => [name, String(number)])) }
  },
})

const inline = list(struct({ PolicyName: required(string()), PolicyDocument: required(string()) }))
const attached = { AttachedManagedPolicies: list(attachedPolicy) }

const getAccountAuthorizationDetails = iamAction({
  name: 'GetAccountAuthorizationDetails',
  readOnly: true,
  summary: 'Lists all users, groups, roles and managed policies, with all that is attached to each.',
  input: struct({ Filter: list(oneOf(detailKinds)), ...page }),
  output: struct({
    UserDetailList: list(struct({ ...user.members, UserPolicyList: inline, GroupList: list(string()), ...attached })),
    GroupDetailList: list(struct({ ...group.members, GroupPolicyList: inline, ...attached })),
    RoleDetailList: list(
      struct({ ...role.members, InstanceProfileList: list(struct({})), RolePolicyList: inline, ...attached }),
    ),
    Policies: list(struct({ ...managedPolicy.members, PolicyVersionList: list(policyVersion) })),
    ...pageEnd,
  }),
  needs: ['principals'],
  async run({ input: { Filter = [], ...asked }, place: { account }, principals }) {
    const { limit, after } = pageOf(asked)
    const { found, end } = await accountDetails(Filter, { principals, account }, limit, after)
    return { ...found, ...markerOf(end) }
  },
})

const getAccountPasswordPolicy = iamAction({
  name: 'GetAccountPasswordPolicy',
  readOnly: true,
  summary: 'Shows the rules of passwords: nobody has one.',
  input: struct({}),
  output: struct({ PasswordPolicy: required(struct({})) }),
  needs: [],
  async run({ place }) {
    throw new NoSuchEntity(`The Password Policy with domain name ${place.account} cannot be found.`)
  },
})

export const accountActions = [getAccountSummary, getAccountAuthorizationDetails, getAccountPasswordPolicy] as const

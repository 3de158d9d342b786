import { DeleteConflict, EntityAlreadyExists } from '../../../lib/errors.ts'
import { foldedName, iamArn } from '../../../lib/identity/entities.ts'
import { idBytes, uniqueId } from '../../../lib/identity/ids.ts'
import { referencesTo, usesOf } from '../../../lib/identity/links.ts'
import {
  awsPolicies,
  demandOwnPolicy,
  demandPolicy,
  demandSoundPolicy,
  policyResource,
} from '../../../lib/identity/managed-policies.ts'
import { demandName, demandPath } from '../../../lib/identity/names.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { named } from '../../../lib/identity/principals.ts'
import { policyListed, policyShown } from '../../../lib/identity/shown.ts'
import { alsoTags, withTags } from '../../../lib/identity/tags.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import {
  arn,
  description,
  document,
  managedPolicy,
  page,
  pageEnd,
  path,
  pathPrefix,
  policyName,
  tags,
} from '../../../lib/schema/iam.ts'
import { boolean, oneOf, string } from '../../../lib/schema/scalars.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const byArn = struct({ PolicyArn: required(arn) })

const createPolicy = iamAction({
  name: 'CreatePolicy',
  readOnly: false,
  summary: 'Creates a managed policy.',
  input: struct({
    PolicyName: required(policyName),
    Path: withDefault(path, '/'),
    PolicyDocument: required(document),
    Description: description,
    Tags: tags,
  }),
  output: struct({ Policy: required(managedPolicy) }),
  needs: ['principals', 'hsm'],
  resource: ({ input, place }) => iamArn(place, 'policy', input.Path + input.PolicyName),
  also: alsoTags('iam:TagPolicy'),
  async run({ input, place, now, principals, hsm }) {
    const { PolicyName: name, Path, PolicyDocument: text, Description } = input
    demandPath('path', Path)
    demandName('policyName', name)
    demandSoundPolicy(text)
    if (await named(principals.managedPolicies, place.account, name, { fresh: true })) {
      throw new EntityAlreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`)
    }
    const made = {
      id: uniqueId('ANPA', await hsm.random(idBytes)),
      account: place.account,
      name,
      path: Path,
      arn: iamArn(place, 'policy', Path + name),
      createdAt: now,
      updatedAt: now,
      revision: 1,
      tags: withTags({}, input.Tags ?? []),
      ...(Description !== undefined && { description: Description }),
      versions: [{ number: 1, text, createdAt: now }],
      defaultVersion: 1,
      newestVersion: 1,
    }
    await principals.managedPolicies.create(made)
    return { Policy: policyShown(made, { attachments: 0, boundaries: 0 }) }
  },
})

const getPolicy = iamAction({
  name: 'GetPolicy',
  readOnly: true,
  summary: 'Shows a managed policy, without its documents.',
  input: byArn,
  output: struct({ Policy: required(managedPolicy) }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, principals }) {
    const policy = await demandPolicy(input.PolicyArn, place.account, principals)
    return { Policy: policyShown(policy, await usesOf(policy.id, principals, place.account)) }
  },
})

const deletePolicy = iamAction({
  name: 'DeletePolicy',
  readOnly: false,
  summary: 'Deletes a managed policy that nobody has and that has no version but its default.',
  input: byArn,
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, principals }) {
    const policy = await demandOwnPolicy(input.PolicyArn, place.account, principals)
    if ((await referencesTo(policy.id, principals)).length > 0) {
      throw new DeleteConflict('Cannot delete a policy attached to entities.')
    }
    if (policy.versions.length > 1) {
      throw new DeleteConflict(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
          'The default version is deleted with the policy.',
      )
    }
    await principals.managedPolicies.remove(policy)
    return {}
  },
})

const listPolicies = iamAction({
  name: 'ListPolicies',
  readOnly: true,
  summary: 'Lists managed policies, by path.',
  input: struct({
    Scope: withDefault(oneOf(['All', 'AWS', 'Local']), 'All'),
    OnlyAttached: withDefault(boolean, false),
    PathPrefix: pathPrefix,
    ...page,
  }),
  output: struct({ Policies: required(list(managedPolicy)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, place }) => iamArn(place, 'policy', input.PathPrefix),
  async run({ input, place, principals }) {
    const { Scope, OnlyAttached, PathPrefix } = input
    demandPath('pathPrefix', PathPrefix)
    const asked = pageOf(input)
    const own =
      Scope === 'AWS' ? { items: [], more: false } : await principals.managedPolicies.list(place.account, asked)
    // AWS's own come with the first page, and beside the account's.
    const aws = Scope === 'Local' || asked.after !== undefined ? [] : awsPolicies
    const shown = [...aws, ...own.items].filter((each) => each.path.startsWith(PathPrefix))
    const used = await Promise.all(
      shown.map(async (each) => ({ each, uses: await usesOf(each.id, principals, place.account) })),
    )
    const policies = used.filter(({ uses }) => !OnlyAttached || uses.attachments > 0)
    return {
      Policies: policies.map(({ each, uses }) => policyListed(each, uses)),
      ...endOf(own, ({ name }) => foldedName(name)),
    }
  },
})

const userIn = struct({ UserName: required(string()), UserId: required(string()) })
const roleIn = struct({ RoleName: required(string()), RoleId: required(string()) })
const groupIn = struct({ GroupName: required(string()), GroupId: required(string()) })

const listEntitiesForPolicy = iamAction({
  name: 'ListEntitiesForPolicy',
  readOnly: true,
  summary: 'Lists who has a managed policy.',
  input: struct({
    PolicyArn: required(arn),
    PolicyUsageFilter: withDefault(oneOf(['PermissionsPolicy', 'PermissionsBoundary']), 'PermissionsPolicy'),
    ...page,
  }),
  output: struct({
    PolicyUsers: required(list(userIn)),
    PolicyRoles: required(list(roleIn)),
    PolicyGroups: required(list(groupIn)),
    ...pageEnd,
  }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => policyResource(input.PolicyArn, asked),
  async run({ input, place, principals }) {
    const policy = await demandPolicy(input.PolicyArn, place.account, principals)
    const wanted = input.PolicyUsageFilter === 'PermissionsPolicy' ? 'attached' : 'boundary'
    const references = (await referencesTo(policy.id, principals)).filter(({ kind }) => kind === wanted)
    // AWS's own policies are everyone's, and who has them is each account's own.
    const own = references.flatMap(({ from }) => (from.account === place.account ? [from] : []))
    const found = slice(
      own.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      ({ id }) => id,
      pageOf(input),
    )
    const ofType = (prefix: string) => found.items.filter(({ id }) => id.startsWith(prefix))
    return {
      PolicyUsers: ofType('AIDA').map(({ name, id }) => ({ UserName: name, UserId: id })),
      PolicyRoles: ofType('AROA').map(({ name, id }) => ({ RoleName: name, RoleId: id })),
      PolicyGroups: ofType('AGPA').map(({ name, id }) => ({ GroupName: name, GroupId: id })),
      ...endOf(found, ({ id }) => id),
    }
  },
})

export const managedPolicyActions = [
  createPolicy,
  getPolicy,
  deletePolicy,
  listPolicies,
  listEntitiesForPolicy,
] as const

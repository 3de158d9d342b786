import type { Place } from '../../../lib/arn.ts'
import { demandNoPolicies, pageByPath } from '../../../lib/identity/alike.ts'
import { iamArn } from '../../../lib/identity/entities.ts'
import { demandFree, demandHolder, demandTrustLength, resourceOf, roles } from '../../../lib/identity/holders.ts'
import { idBytes, uniqueId } from '../../../lib/identity/ids.ts'
import { link } from '../../../lib/identity/links.ts'
import { demandPolicy } from '../../../lib/identity/managed-policies.ts'
import { demandPath } from '../../../lib/identity/names.ts'
import type { Directory, Principals } from '../../../lib/identity/ports.ts'
import { idsOf, isThere } from '../../../lib/identity/principals.ts'
import { roleListed, roleShown } from '../../../lib/identity/shown.ts'
import { alsoTags, withTags } from '../../../lib/identity/tags.ts'
import { iamAction } from '../../../lib/operation.ts'
import { parseTrustPolicy, principalsIn } from '../../../lib/policy/policies.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import {
  arn,
  description,
  document,
  maxSessionDuration,
  page,
  pageEnd,
  path,
  pathPrefix,
  role,
  roleName,
  tags,
} from '../../../lib/schema/iam.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const named = { RoleName: required(roleName) }

/** A trust policy, found to be sound, with the unique ids of whom it names, so that it never comes to mean another. */
async function trusted(text: string, directory: Directory, { oidcProviders }: Principals, { account }: Place) {
  const principals = principalsIn(parseTrustPolicy(text))
  const trustIds = await idsOf(principals, directory)
  const providers = new Set<string>()
  for (const { kind, text: provider } of principals) {
    if (kind !== 'FEDERATED') continue
    const url = provider.slice(provider.indexOf('/') + 1)
    if ((await oidcProviders.find(account, url, { fresh: true }))?.arn === provider) providers.add(provider)
  }
  parseTrustPolicy(text, {
    exists: (each) => (each.kind === 'FEDERATED' ? providers.has(each.text) : isThere(each, trustIds)),
  })
  demandTrustLength(text)
  return { trustPolicy: text, trustIds }
}

const createRole = iamAction({
  name: 'CreateRole',
  readOnly: false,
  summary: 'Creates a role, which those whom its trust policy names may assume.',
  input: struct({
    ...named,
    AssumeRolePolicyDocument: required(document),
    Path: withDefault(path, '/'),
    Description: description,
    MaxSessionDuration: withDefault(maxSessionDuration, 3600),
    PermissionsBoundary: arn,
    Tags: tags,
  }),
  output: struct({ Role: required(role) }),
  needs: ['principals', 'directory', 'hsm'],
  resource: ({ input, place }) => iamArn(place, 'role', input.Path + input.RoleName),
  also: alsoTags('iam:TagRole'),
  async run({ input, place, now, principals, directory, hsm }) {
    const { RoleName: name, Path, Description, PermissionsBoundary } = input
    demandPath('path', Path)
    await demandFree(roles, name, { principals, place })
    const boundary = PermissionsBoundary
      ? await demandPolicy(PermissionsBoundary, place.account, principals)
      : undefined
    const made = {
      id: uniqueId('AROA', await hsm.random(idBytes)),
      account: place.account,
      name,
      path: Path,
      arn: iamArn(place, 'role', Path + name),
      createdAt: now,
      revision: 1,
      tags: withTags({}, input.Tags ?? []),
      inline: {},
      attached: [],
      ...(await trusted(input.AssumeRolePolicyDocument, directory, principals, place)),
      ...(Description !== undefined && { description: Description }),
      maxSessionSeconds: input.MaxSessionDuration,
      ...(boundary && { boundary: { id: boundary.id, arn: boundary.arn } }),
    }
    const create = () => principals.roles.create(made)
    const note = boundary && { target: boundary.id, kind: 'boundary' as const, from: made.id, createdAt: now }
    await (note ? link(principals, note, create) : create())
    return { Role: roleShown(made) }
  },
})

const getRole = iamAction({
  name: 'GetRole',
  readOnly: true,
  summary: 'Shows a role.',
  input: struct(named),
  output: struct({ Role: required(role) }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals }) {
    return { Role: roleShown(await demandHolder(roles, input.RoleName, { principals, place })) }
  },
})

const updateRole = iamAction({
  name: 'UpdateRole',
  readOnly: false,
  summary: 'Changes how long sessions of a role may be, and its description.',
  input: struct({ ...named, Description: description, MaxSessionDuration: maxSessionDuration }),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(roles, input.RoleName, { principals, place })
    const { Description, MaxSessionDuration: maxSessionSeconds = found.maxSessionSeconds } = input
    const described = Description === undefined ? {} : { description: Description }
    await principals.roles.replace({ ...found, ...described, maxSessionSeconds })
    return {}
  },
})

const updateRoleDescription = iamAction({
  name: 'UpdateRoleDescription',
  readOnly: false,
  summary: "Changes a role's description.",
  input: struct({ ...named, Description: required(description) }),
  output: struct({ Role: required(role) }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(roles, input.RoleName, { principals, place })
    const changed = { ...found, description: input.Description }
    await principals.roles.replace(changed)
    return { Role: roleShown(changed) }
  },
})

const updateAssumeRolePolicy = iamAction({
  name: 'UpdateAssumeRolePolicy',
  readOnly: false,
  summary: 'Replaces the policy that says who may assume a role.',
  input: struct({ ...named, PolicyDocument: required(document) }),
  output: struct({}),
  needs: ['principals', 'directory'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals, directory }) {
    const found = await demandHolder(roles, input.RoleName, { principals, place })
    await principals.roles.replace({
      ...found,
      ...(await trusted(input.PolicyDocument, directory, principals, place)),
    })
    return {}
  },
})

const deleteRole = iamAction({
  name: 'DeleteRole',
  readOnly: false,
  summary: 'Deletes a role that has no policy left; its sessions end with it.',
  input: struct(named),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(roles, input.RoleName, { principals, place })
    demandNoPolicies(found)
    await principals.roles.remove(found)
    return {}
  },
})

const listRoles = iamAction({
  name: 'ListRoles',
  readOnly: true,
  summary: 'Lists roles, by path.',
  input: struct({ PathPrefix: pathPrefix, ...page }),
  output: struct({ Roles: required(list(role)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, place }) => iamArn(place, 'role', input.PathPrefix),
  async run({ input, place, principals }) {
    const { items, end } = await pageByPath(roles, input, { principals, place })
    return { Roles: items.map(roleListed), ...end }
  },
})

/** Tools ask before they delete a role. Here are no instances, so there is no profile of any. */
const listInstanceProfilesForRole = iamAction({
  name: 'ListInstanceProfilesForRole',
  readOnly: true,
  summary: 'Lists the instance profiles of a role: there are none.',
  input: struct({ ...named, ...page }),
  output: struct({ InstanceProfiles: required(list(struct({}))), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(roles, input.RoleName, asked),
  async run({ input, place, principals }) {
    await demandHolder(roles, input.RoleName, { principals, place })
    return { InstanceProfiles: [], IsTruncated: false }
  },
})

export const roleActions = [
  createRole,
  getRole,
  updateRole,
  updateRoleDescription,
  updateAssumeRolePolicy,
  deleteRole,
  listRoles,
  listInstanceProfilesForRole,
] as const

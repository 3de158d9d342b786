import { DeleteConflict, LimitExceeded, NoSuchEntity } from '../../../lib/errors.ts'
import { demandNoPolicies, pageByPath, rename } from '../../../lib/identity/alike.ts'
import { foldedName, iamArn, type User } from '../../../lib/identity/entities.ts'
import {
  demandFree,
  demandHolder,
  groups,
  renamedResourceOf,
  resourceOf,
  users,
} from '../../../lib/identity/holders.ts'
import { idBytes, uniqueId } from '../../../lib/identity/ids.ts'
import { link, referencesTo, unlink } from '../../../lib/identity/links.ts'
import { demandPath } from '../../../lib/identity/names.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { groupShown, userListed } from '../../../lib/identity/shown.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { group, groupName, page, pageEnd, path, pathPrefix, user, userName } from '../../../lib/schema/iam.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const atMost = 10
const named = { GroupName: required(groupName) }
const byName = ({ name }: { readonly name: string }): string => foldedName(name)

const createGroup = iamAction({
  name: 'CreateGroup',
  readOnly: false,
  summary: 'Creates a group: its users have its policies.',
  input: struct({ ...named, Path: withDefault(path, '/') }),
  output: struct({ Group: required(group) }),
  needs: ['principals', 'hsm'],
  resource: ({ input, place }) => iamArn(place, 'group', input.Path + input.GroupName),
  async run({ input, place, now, principals, hsm }) {
    const { GroupName: name, Path } = input
    demandPath('path', Path)
    await demandFree(groups, name, { principals, place })
    const made = {
      id: uniqueId('AGPA', await hsm.random(idBytes)),
      account: place.account,
      name,
      path: Path,
      arn: iamArn(place, 'group', Path + name),
      createdAt: now,
      revision: 1,
      tags: {},
      inline: {},
      attached: [],
    }
    await principals.groups.create(made)
    return { Group: groupShown(made) }
  },
})

const getGroup = iamAction({
  name: 'GetGroup',
  readOnly: true,
  summary: 'Shows a group and lists its users.',
  input: struct({ ...named, ...page }),
  output: struct({ Group: required(group), Users: required(list(user)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(groups, input.GroupName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(groups, input.GroupName, { principals, place })
    const references = await referencesTo(found.id, principals)
    const members = references.flatMap(({ from }) => ('accessKeys' in from ? [from] : []))
    const sorted = members.toSorted((a, b) => (byName(a) < byName(b) ? -1 : 1))
    const shown = slice<User>(sorted, byName, pageOf(input))
    return { Group: groupShown(found), Users: shown.items.map(userListed), ...endOf(shown, byName) }
  },
})

const updateGroup = iamAction({
  name: 'UpdateGroup',
  readOnly: false,
  summary: 'Gives a group another name or path.',
  input: struct({ ...named, NewGroupName: groupName, NewPath: path }),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input: { GroupName, NewGroupName: name, NewPath }, ...asked }) =>
    renamedResourceOf(groups, GroupName, asked, { name, path: NewPath }),
  async run({ input: { GroupName, NewGroupName: name, NewPath: path }, place, principals }) {
    await rename(groups, GroupName, { name, path }, { principals, place })
    return {}
  },
})

const deleteGroup = iamAction({
  name: 'DeleteGroup',
  readOnly: false,
  summary: 'Deletes a group that has no users and no policies left.',
  input: struct(named),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(groups, input.GroupName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(groups, input.GroupName, { principals, place })
    if ((await referencesTo(found.id, principals)).length > 0)
      throw new DeleteConflict('Cannot delete entity, must remove users from group first.')
    demandNoPolicies(found)
    await principals.groups.remove(found)
    return {}
  },
})

const listGroups = iamAction({
  name: 'ListGroups',
  readOnly: true,
  summary: 'Lists groups, by path.',
  input: struct({ PathPrefix: pathPrefix, ...page }),
  output: struct({ Groups: required(list(group)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, place }) => iamArn(place, 'group', input.PathPrefix),
  async run({ input, place, principals }) {
    const { items, end } = await pageByPath(groups, input, { principals, place })
    return { Groups: items.map(groupShown), ...end }
  },
})

const membership = struct({ ...named, UserName: required(userName) })

const addUserToGroup = iamAction({
  name: 'AddUserToGroup',
  readOnly: false,
  summary: 'Gives a user the policies of a group.',
  input: membership,
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(groups, input.GroupName, asked),
  async run({ input, place, now, principals }) {
    const { id } = await demandHolder(groups, input.GroupName, { principals, place })
    const member = await demandHolder(users, input.UserName, { principals, place })
    if (member.groups.includes(id)) return {}
    if (member.groups.length >= atMost) throw new LimitExceeded(`Cannot exceed quota for GroupsPerUser: ${atMost}`)
    await link(principals, { target: id, kind: 'member', from: member.id, createdAt: now }, () =>
      principals.users.replace({ ...member, groups: [...member.groups, id] }),
    )
    return {}
  },
})

const removeUserFromGroup = iamAction({
  name: 'RemoveUserFromGroup',
  readOnly: false,
  summary: 'Takes the policies of a group from a user.',
  input: membership,
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(groups, input.GroupName, asked),
  async run({ input, place, principals }) {
    const { id } = await demandHolder(groups, input.GroupName, { principals, place })
    const member = await demandHolder(users, input.UserName, { principals, place })
    if (!member.groups.includes(id)) {
      throw new NoSuchEntity(`The user with name ${input.UserName} cannot be found in group ${input.GroupName}.`)
    }
    await unlink(principals, { target: id, kind: 'member', from: member.id }, () =>
      principals.users.replace({ ...member, groups: member.groups.filter((each) => each !== id) }),
    )
    return {}
  },
})

const listGroupsForUser = iamAction({
  name: 'ListGroupsForUser',
  readOnly: true,
  summary: 'Lists the groups that a user is in.',
  input: struct({ UserName: required(userName), ...page }),
  output: struct({ Groups: required(list(group)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(users, input.UserName, asked),
  async run({ input, place, principals }) {
    const member = await demandHolder(users, input.UserName, { principals, place })
    const found = await Promise.all(member.groups.map((id) => principals.groups.find(id)))
    const sorted = found.flatMap((each) => (each ? [each] : [])).toSorted((a, b) => (byName(a) < byName(b) ? -1 : 1))
    const shown = slice(sorted, byName, pageOf(input))
    return { Groups: shown.items.map(groupShown), ...endOf(shown, byName) }
  },
})

export const groupActions = [
  createGroup,
  getGroup,
  updateGroup,
  deleteGroup,
  listGroups,
  addUserToGroup,
  removeUserFromGroup,
  listGroupsForUser,
] as const

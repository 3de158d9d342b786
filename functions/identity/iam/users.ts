import { DeleteConflict, ValidationError } from '../../../lib/errors.ts'
import { demandNoPolicies, pageByPath, rename } from '../../../lib/identity/alike.ts'
import { iamArn } from '../../../lib/identity/entities.ts'
import { demandFree, demandHolder, renamedResourceOf, resourceOf, users } from '../../../lib/identity/holders.ts'
import { idBytes, uniqueId } from '../../../lib/identity/ids.ts'
import { link } from '../../../lib/identity/links.ts'
import { demandPolicy } from '../../../lib/identity/managed-policies.ts'
import { demandPath } from '../../../lib/identity/names.ts'
import { userListed, userShown } from '../../../lib/identity/shown.ts'
import { alsoTags, withTags } from '../../../lib/identity/tags.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { arn, page, pageEnd, path, pathPrefix, tags, user, userName } from '../../../lib/schema/iam.ts'
import { required, withDefault } from '../../../lib/schema/shape.ts'

const createUser = iamAction({
  name: 'CreateUser',
  readOnly: false,
  summary: 'Creates a user.',
  input: struct({ UserName: required(userName), Path: withDefault(path, '/'), PermissionsBoundary: arn, Tags: tags }),
  output: struct({ User: required(user) }),
  needs: ['principals', 'hsm'],
  resource: ({ input, place }) => iamArn(place, 'user', input.Path + input.UserName),
  also: alsoTags('iam:TagUser'),
  async run({ input, place, now, principals, hsm }) {
    const { UserName: name, Path, PermissionsBoundary } = input
    demandPath('path', Path)
    await demandFree(users, name, { principals, place })
    const boundary = PermissionsBoundary
      ? await demandPolicy(PermissionsBoundary, place.account, principals)
      : undefined
    const made = {
      id: uniqueId('AIDA', await hsm.random(idBytes)),
      account: place.account,
      name,
      path: Path,
      arn: iamArn(place, 'user', Path + name),
      createdAt: now,
      revision: 1,
      tags: withTags({}, input.Tags ?? []),
      inline: {},
      attached: [],
      accessKeys: [],
      groups: [],
      ...(boundary && { boundary: { id: boundary.id, arn: boundary.arn } }),
    }
    const create = () => principals.users.create(made)
    const note = boundary && { target: boundary.id, kind: 'boundary' as const, from: made.id, createdAt: now }
    await (note ? link(principals, note, create) : create())
    return { User: userShown(made) }
  },
})

const getUser = iamAction({
  name: 'GetUser',
  readOnly: true,
  summary: 'Shows a user: the caller, unless another is named.',
  input: struct({ UserName: userName }),
  output: struct({ User: required(user) }),
  needs: ['principals'],
  resource: ({ input, caller, ...asked }) => {
    const { UserName = caller.type === 'User' ? caller.userName : undefined } = input
    return UserName === undefined ? caller.arn : resourceOf(users, UserName, asked)
  },
  async run({ input, caller, place, principals }) {
    if (input.UserName === undefined && caller.type === 'Root') {
      return { User: { Path: '/', UserId: caller.account, Arn: caller.arn, CreateDate: 0 } }
    }
    const name = input.UserName ?? (caller.type === 'User' ? caller.userName : undefined)
    if (name === undefined) throw new ValidationError('Must specify userName when calling with non-User credentials')
    return { User: userShown(await demandHolder(users, name, { principals, place })) }
  },
})

const updateUser = iamAction({
  name: 'UpdateUser',
  readOnly: false,
  summary: 'Gives a user another name or path; who it is, and what names it, stays.',
  input: struct({ UserName: required(userName), NewUserName: userName, NewPath: path }),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input: { UserName, NewUserName: name, NewPath }, ...asked }) =>
    renamedResourceOf(users, UserName, asked, { name, path: NewPath }),
  async run({ input: { UserName, NewUserName: name, NewPath: path }, place, principals }) {
    await rename(users, UserName, { name, path }, { principals, place })
    return {}
  },
})

const deleteUser = iamAction({
  name: 'DeleteUser',
  readOnly: false,
  summary: 'Deletes a user that has nothing left.',
  input: struct({ UserName: required(userName) }),
  output: struct({}),
  needs: ['principals'],
  resource: ({ input, ...asked }) => resourceOf(users, input.UserName, asked),
  async run({ input, place, principals }) {
    const found = await demandHolder(users, input.UserName, { principals, place })
    const { accessKeys, groups } = found
    if (accessKeys.length > 0) throw new DeleteConflict('Cannot delete entity, must delete access keys first.')
    if (groups.length > 0) throw new DeleteConflict('Cannot delete entity, must remove users from group first.')
    demandNoPolicies(found)
    await principals.users.remove(found)
    return {}
  },
})

const listUsers = iamAction({
  name: 'ListUsers',
  readOnly: true,
  summary: 'Lists users, by path.',
  input: struct({ PathPrefix: pathPrefix, ...page }),
  output: struct({ Users: required(list(user)), ...pageEnd }),
  needs: ['principals'],
  resource: ({ input, place }) => iamArn(place, 'user', input.PathPrefix),
  async run({ input, place, principals }) {
    const { items, end } = await pageByPath(users, input, { principals, place })
    return { Users: items.map(userListed), ...end }
  },
})

export const userActions = [createUser, getUser, updateUser, deleteUser, listUsers] as const

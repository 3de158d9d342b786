import { utf8, wipedAfter } from '../../../lib/bytes.ts'
import { LimitExceeded, NoSuchEntity } from '../../../lib/errors.ts'
import type { AccessKeyEntry, User } from '../../../lib/identity/entities.ts'
import { accessKeyId as newAccessKeyId } from '../../../lib/identity/ids.ts'
import { askedUser, onAskedUser } from '../../../lib/identity/own-user.ts'
import { endOf, pageOf } from '../../../lib/identity/pages.ts'
import { resourceTags } from '../../../lib/identity/resources.ts'
import { ownerOfSecret } from '../../../lib/identity/signing-keys.ts'
import { slice } from '../../../lib/keys/pages.ts'
import { iamAction } from '../../../lib/operation.ts'
import { list, struct } from '../../../lib/schema/collections.ts'
import { accessKeyId, accessKeyStatus, page, pageEnd, userName } from '../../../lib/schema/iam.ts'
import { string, timestamp } from '../../../lib/schema/scalars.ts'
import { required } from '../../../lib/schema/shape.ts'

const atMost = 2

/** @throws NoSuchEntity */
function demandKey({ accessKeys }: User, id: string): AccessKeyEntry {
  const found = accessKeys.find((each) => each.id === id)
  if (!found) throw new NoSuchEntity(`The Access Key with id ${id} cannot be found.`)
  return found
}

const listed = {
  UserName: required(userName),
  AccessKeyId: required(string()),
  Status: required(accessKeyStatus),
  CreateDate: required(timestamp),
}
const shown = ({ name }: User, { id, status, createdAt }: AccessKeyEntry) => ({
  UserName: name,
  AccessKeyId: id,
  Status: status,
  CreateDate: createdAt,
})

const createAccessKey = iamAction({
  name: 'CreateAccessKey',
  readOnly: false,
  summary: 'Makes an access key of a user; its secret is shown now and never again.',
  input: struct({ UserName: userName }),
  output: struct({
    AccessKey: required(struct({ ...listed, SecretAccessKey: required(string({ sensitive: true })) })),
  }),
  needs: ['principals', 'accessKeys', 'hsm'],
  resource: (asked) => onAskedUser(asked),
  async run({ input, caller, place, now, principals, accessKeys, hsm }) {
    const user = await askedUser({ input, caller, place, principals })
    if (user.accessKeys.length >= atMost) {
      throw new LimitExceeded(`Cannot exceed quota for AccessKeysPerUser: ${atMost}`)
    }
    const { account } = place
    const id = newAccessKeyId('AKIA', account, await hsm.random(5))
    const secret = await wipedAfter(await hsm.random(30), async (bytes) => Buffer.from(bytes).toString('base64'))
    const owner = ownerOfSecret({ account, id })
    const wrapped = await wipedAfter(utf8(`AWS4${secret}`), (key) => hsm.wrapSecret(owner, key))
    // Dead until its user's record lists it.
    await accessKeys.create({ id, account, createdAt: now, wrapped, userId: user.id })
    const entry = { id, status: 'Active', createdAt: now } as const
    await principals.users.replace({ ...user, accessKeys: [...user.accessKeys, entry] })
    return { AccessKey: { ...shown(user, entry), SecretAccessKey: secret } }
  },
})

const listAccessKeys = iamAction({
  name: 'ListAccessKeys',
  readOnly: true,
  summary: "Lists a user's access keys.",
  input: struct({ UserName: userName, ...page }),
  output: struct({ AccessKeyMetadata: required(list(struct(listed))), ...pageEnd }),
  needs: ['principals'],
  resource: (asked) => onAskedUser(asked),
  async run({ input, caller, place, principals }) {
    const user = await askedUser({ input, caller, place, principals })
    const keys = slice(user.accessKeys, ({ id }) => id, pageOf(input))
    return { AccessKeyMetadata: keys.items.map((each) => shown(user, each)), ...endOf(keys, ({ id }) => id) }
  },
})

const updateAccessKey = iamAction({
  name: 'UpdateAccessKey',
  readOnly: false,
  summary: 'Makes an access key inactive, or active again.',
  input: struct({ UserName: userName, AccessKeyId: required(accessKeyId), Status: required(accessKeyStatus) }),
  output: struct({}),
  needs: ['principals'],
  resource: (asked) => onAskedUser(asked),
  async run({ input, caller, place, principals }) {
    const user = await askedUser({ input, caller, place, principals })
    const { id } = demandKey(user, input.AccessKeyId)
    const accessKeys = user.accessKeys.map((each) => (each.id === id ? { ...each, status: input.Status } : each))
    await principals.users.replace({ ...user, accessKeys })
    return {}
  },
})

const deleteAccessKey = iamAction({
  name: 'DeleteAccessKey',
  readOnly: false,
  summary: 'Deletes an access key.',
  input: struct({ UserName: userName, AccessKeyId: required(accessKeyId) }),
  output: struct({}),
  needs: ['principals', 'accessKeys'],
  resource: (asked) => onAskedUser(asked),
  async run({ input, caller, place, principals, accessKeys }) {
    const user = await askedUser({ input, caller, place, principals })
    const { id } = demandKey(user, input.AccessKeyId)
    const stored = await accessKeys.find(id, { fresh: true })
    await principals.users.replace({ ...user, accessKeys: user.accessKeys.filter((each) => each.id !== id) })
    if (stored) await accessKeys.remove(stored)
    return {}
  },
})

const getAccessKeyLastUsed = iamAction({
  name: 'GetAccessKeyLastUsed',
  readOnly: true,
  summary: 'When, and for which service, an access key was last used.',
  input: struct({ AccessKeyId: required(accessKeyId) }),
  output: struct({
    UserName: userName,
    AccessKeyLastUsed: required(
      struct({ LastUsedDate: timestamp, ServiceName: required(string()), Region: required(string()) }),
    ),
  }),
  needs: ['principals', 'accessKeys', 'lastUsage'],
  async resource({ input, place, principals, accessKeys }) {
    const stored = await accessKeys.find(input.AccessKeyId)
    const user = stored?.userId === undefined ? undefined : await principals.users.find(stored.userId)
    const called = `access key ${input.AccessKeyId}`
    return user?.account === place.account
      ? { arns: [user.arn], called, context: resourceTags(user.tags) }
      : { arns: ['*'], called }
  },
  async run({ input, place, principals, accessKeys, lastUsage }) {
    const { AccessKeyId: id } = input
    const stored = await accessKeys.find(id, { fresh: true })
    const user = stored?.userId === undefined ? undefined : await principals.users.find(stored.userId, { fresh: true })
    if (user?.account !== place.account || !user.accessKeys.some((each) => each.id === id)) {
      throw new NoSuchEntity(`The Access Key with id ${id} cannot be found.`)
    }
    const use = await lastUsage.find(id)
    const never = { ServiceName: 'N/A', Region: 'N/A' }
    const last = use && {
      LastUsedDate: use.at,
      ServiceName: use.operation.split(':', 1)[0] ?? '',
      Region: place.region,
    }
    return { UserName: user.name, AccessKeyLastUsed: last ?? never }
  },
})

export const accessKeyActions = [
  createAccessKey,
  listAccessKeys,
  updateAccessKey,
  deleteAccessKey,
  getAccessKeyLastUsed,
] as const

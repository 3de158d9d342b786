/** Who a session makes of its bearer, by what is attached to its principal now. */
import { rootArn } from '../arn.ts'
import type { AttachedPolicy, Caller } from './caller.ts'
import type { Principals } from './ports.ts'
import { attachedPolicy, callerOf, policiesOf } from './principals.ts'
import type { Session, SessionOf } from './session.ts'
import { overlaid } from './tags.ts'

interface Served {
  readonly principals: Principals
  readonly partition: string
}

type Maker<T extends SessionOf['type']> = (
  session: Session,
  of: Extract<SessionOf, { type: T }>,
  at: Served,
) => Promise<Caller | undefined>

/** Of a user that the root user has federated: it is root's permissions that its session policy cuts down. */
const everything: AttachedPolicy = {
  name: 'root',
  text: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
}

export const stsArn = (at: { readonly partition: string; readonly account: string }, rest: string): string =>
  `arn:${at.partition}:sts::${at.account}:${rest}`

const rootCaller: Maker<'Root'> = async ({ account, accessKeyId }, _, { partition }) => ({
  type: 'Root',
  account,
  arn: rootArn({ partition, account }),
  principalId: account,
  accessKeyId,
})

const userCaller: Maker<'User'> = async ({ accessKeyId }, { userId }, { principals }) => {
  const user = await principals.users.find(userId)
  return user && callerOf(user, accessKeyId, principals)
}

const roleCaller: Maker<'AssumedRole'> = async (session, { roleId, name }, { partition, principals }) => {
  const role = await principals.roles.find(roleId)
  if (!role) return
  const { account, accessKeyId, tags } = session
  return {
    type: 'AssumedRole',
    roleArn: role.arn,
    account,
    arn: stsArn({ partition, account }, `assumed-role/${role.name}/${name}`),
    principalId: `${roleId}:${name}`,
    accessKeyId,
    tags: overlaid(role.tags, tags),
    policies: await policiesOf(role, principals),
  }
}

const federatedCaller: Maker<'FederatedUser'> = async (session, { name, userId }, { partition, principals }) => {
  const { account, accessKeyId, tags } = session
  const user = userId === undefined ? undefined : await principals.users.find(userId)
  if (userId !== undefined && !user) return
  return {
    type: 'FederatedUser',
    account,
    arn: stsArn({ partition, account }, `federated-user/${name}`),
    principalId: `${account}:${name}`,
    accessKeyId,
    tags: overlaid(user?.tags ?? {}, tags),
    policies: user ? await policiesOf(user, principals) : { identity: [everything] },
  }
}

const makers: { readonly [T in SessionOf['type']]: Maker<T> } = {
  Root: rootCaller,
  User: userCaller,
  AssumedRole: roleCaller,
  FederatedUser: federatedCaller,
}

/** Undefined when its principal is gone: whoever was made by the same name since is another. */
export async function sessionCaller(session: Session, at: Served): Promise<Caller | undefined> {
  const { of, policy, managedPolicies = [], issuedAt, sourceIdentity, provider, transitiveTags } = session
  const caller = await makers[of.type](session, of as never, at)
  if (!caller) return
  const own: readonly AttachedPolicy[] = [
    ...(policy === undefined ? [] : [{ name: 'session', text: policy }]),
    ...(await Promise.all(managedPolicies.map((reference) => attachedPolicy(reference, at.principals)))),
  ]
  return {
    ...caller,
    ...(caller.policies && { policies: { ...caller.policies, ...(own.length > 0 && { session: own }) } }),
    session: {
      issuedAt,
      ...(sourceIdentity !== undefined && { sourceIdentity }),
      ...(provider !== undefined && { federatedProvider: provider }),
      ...(transitiveTags && { transitiveTags }),
    },
  }
}

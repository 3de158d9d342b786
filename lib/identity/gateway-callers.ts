/**
 * Whom API Gateway's IAM authorizer has let through (kms-authz.md §9.7): a user or role of AWS's own IAM, who has no
 * identity here. What AWS's policies let it do is not known, so only key policies and grants that name it do.
 */
import { parseArn } from '../arn.ts'
import type { PolicyCaller } from '../policy/principals.ts'
import type { Caller } from './caller.ts'

const userId = /^AIDA[A-Z0-9]{12,124}$/
const sessionId = /^AROA[A-Z0-9]{12,124}:[\w+=,.@-]{2,64}$/

interface Said {
  readonly partition: string
  readonly account: string
  readonly arn: string
  readonly id: string
}

/** What the last part of an ARN says, and the unique id must agree with. */
const forms: readonly ((said: Said, service: string, resource: string) => PolicyCaller | undefined)[] = [
  ({ account, arn, id }, service, resource) =>
    service === 'iam' && resource === 'root' && id === account
      ? { type: 'Root', account, arn, principalId: account }
      : undefined,
  ({ account, arn, id }, service, resource) => {
    const name = /^user\/(?:[!-~]+\/)?([\w+=,.@-]{1,64})$/.exec(resource)?.[1]
    if (service !== 'iam' || name === undefined || !userId.test(id)) return
    return { type: 'User', account, arn, principalId: id, userName: name }
  },
  ({ partition, account, arn, id }, service, resource) => {
    const [, role, session] = /^assumed-role\/([\w+=,.@-]{1,64})\/([\w+=,.@-]{2,64})$/.exec(resource) ?? []
    if (service !== 'sts' || role === undefined || !sessionId.test(id) || !id.endsWith(`:${session}`)) return
    // The role's path is not told: a role that has one is known by its unique id alone.
    const roleArn = `arn:${partition}:iam::${account}:role/${role}`
    return { type: 'AssumedRole', account, arn, principalId: id, roleArn }
  },
  ({ account, arn, id }, service, resource) => {
    const name = /^federated-user\/([\w+=,.@-]{2,32})$/.exec(resource)?.[1]
    if (service !== 'sts' || name === undefined || id !== `${account}:${name}`) return
    return { type: 'FederatedUser', account, arn, principalId: id }
  },
]

/**
 * @param iam `requestContext.authorizer.iam` of an HTTP API's event
 * @returns undefined for what no authorizer says
 */
export function gatewayCaller(iam: unknown, partition: string): Caller | undefined {
  if (typeof iam !== 'object' || iam === null) return
  const { accessKey, accountId: account, userArn: arn, userId: id } = iam as Readonly<Record<string, unknown>>
  if (typeof accessKey !== 'string' || typeof account !== 'string') return
  if (typeof arn !== 'string' || typeof id !== 'string' || !/^\d{12}$/.test(account)) return
  const parts = parseArn(arn)
  if (parts?.partition !== partition || parts.region !== '' || parts.account !== account) return
  for (const form of forms) {
    const caller = form({ partition, account, arn, id }, parts.service, parts.resource)
    if (caller)
      return { ...caller, accessKeyId: accessKey, ...(caller.type !== 'Root' && { policies: { identity: [] } }) }
  }
  return
}

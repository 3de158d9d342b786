/** Managed policies: an account's own, in versions, and a few of those that AWS keeps for everyone. */
import { type Place, parseArn } from '../arn.ts'
import { LimitExceeded, NoSuchEntity } from '../errors.ts'
import { parseIdentityPolicy } from '../policy/policies.ts'
import type { Read } from '../ports.ts'
import type { ManagedPolicy, PolicyReference, PolicyVersion } from './entities.ts'
import type { Principals } from './ports.ts'
import { type On, resourceTags } from './resources.ts'

const awsPolicy = (
  name: string,
  id: string,
  description: string,
  Action: string | readonly string[],
): ManagedPolicy => {
  const document = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] }
  const createdAt = Date.UTC(2026, 0, 1)
  return {
    id,
    account: 'aws',
    name,
    path: '/',
    arn: `arn:aws:iam::aws:policy/${name}`,
    createdAt,
    updatedAt: createdAt,
    revision: 1,
    tags: {},
    description,
    versions: [{ number: 1, text: JSON.stringify(document, undefined, 2), createdAt }],
    defaultVersion: 1,
    newestVersion: 1,
  }
}

/** Those of AWS's own that mean something here. */
export const awsPolicies: readonly ManagedPolicy[] = [
  awsPolicy(
    'AWSKeyManagementServicePowerUser',
    'ANPAJNPP7PPPPMJRV2SA4',
    'Provides access to AWS Key Management Service (KMS).',
    [
      'kms:CreateAlias',
      'kms:CreateKey',
      'kms:DeleteAlias',
      'kms:Describe*',
      'kms:GenerateRandom',
      'kms:Get*',
      'kms:List*',
      'kms:TagResource',
      'kms:UntagResource',
      'iam:ListGroups',
      'iam:ListRoles',
      'iam:ListUsers',
    ],
  ),
  awsPolicy('AdministratorAccess', 'ANPAIWMBCKSKIEE64ZLYK', 'Provides full access to AWS services and resources.', '*'),
  awsPolicy('IAMFullAccess', 'ANPAI7XKCFMBPM3QQRRVQ', 'Provides full access to IAM.', 'iam:*'),
  awsPolicy('IAMReadOnlyAccess', 'ANPAJKSO7NDY4T57MWDSQ', 'Provides read only access to IAM.', [
    'iam:Get*',
    'iam:List*',
    'iam:SimulatePrincipalPolicy',
  ]),
]
const awsById = new Map(awsPolicies.map((policy) => [policy.id, policy]))
const awsByName = new Map(awsPolicies.map((policy) => [policy.name, policy]))

export const isAwsOwn = ({ account }: Pick<ManagedPolicy, 'account'>): boolean => account === 'aws'

/** Whoever refers to a policy, refers to it by its id. */
export const policyOf = async ({ id }: PolicyReference, at: Principals): Promise<ManagedPolicy | undefined> =>
  awsById.get(id) ?? at.managedPolicies.find(id)

/** The policy that an ARN names, which may be of another account. */
export async function findPolicy(text: string, at: Principals, read?: Read): Promise<ManagedPolicy | undefined> {
  const arn = parseArn(text)
  if (arn?.service !== 'iam' || arn.region !== '' || !arn.resource.startsWith('policy/')) return
  const name = arn.resource.slice(arn.resource.lastIndexOf('/') + 1)
  if (arn.account === 'aws') return arn.resource === `policy/${name}` ? awsByName.get(name) : undefined
  const id = await at.managedPolicies.idOf(arn.account, name, read)
  const found = id === undefined ? undefined : await at.managedPolicies.find(id, read)
  return found?.arn === text ? found : undefined
}

/**
 * The account's own policy, or one of AWS's.
 * @throws NoSuchEntity; another account's is as good as none
 */
export async function demandPolicy(text: string, account: string, at: Principals): Promise<ManagedPolicy> {
  const found = await findPolicy(text, at, { fresh: true })
  if (!found || (found.account !== account && !isAwsOwn(found))) throw new NoSuchEntity(`Policy ${text} was not found.`)
  return found
}

/** What policies are asked about, of an action on a policy: its ARN, and its tags. */
export async function policyResource(
  text: string,
  { principals, place }: { readonly principals: Principals; readonly place: Pick<Place, 'account'> },
): Promise<On> {
  const found = await findPolicy(text, principals, { fresh: true })
  const tags = found?.account === place.account ? found.tags : {}
  return { arns: [text], called: `policy ${text}`, context: resourceTags(tags) }
}

/** One of the account's own, which it may change. @throws NoSuchEntity */
export async function demandOwnPolicy(text: string, account: string, at: Principals): Promise<ManagedPolicy> {
  const policy = await demandPolicy(text, account, at)
  if (isAwsOwn(policy)) throw new NoSuchEntity(`Policy ${text} was not found.`)
  return policy
}

/** What a managed policy may say, and how much. @throws MalformedPolicyDocument, LimitExceeded */
export function demandSoundPolicy(text: string): void {
  parseIdentityPolicy(text)
  if (text.replace(/\s/g, '').length > 6144) throw new LimitExceeded('Cannot exceed quota for PolicySize: 6144')
}

export const versionId = (number: number): string => `v${number}`

/** @throws NoSuchEntity */
export function demandVersion(policy: ManagedPolicy, id: string): PolicyVersion {
  const found = policy.versions.find(({ number }) => versionId(number) === id)
  if (!found) throw new NoSuchEntity(`Policy ${policy.arn} version ${id} does not exist or is not attachable.`)
  return found
}

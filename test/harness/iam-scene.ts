/** The account in which the examples of IAM's and STS's actions play: who is there, under the names that they have. */
import * as iam from '@aws-sdk/client-iam'
import * as sts from '@aws-sdk/client-sts'
import { iamArn } from '../../lib/identity/entities.ts'
import { ownerOfSecret } from '../../lib/identity/signing-keys.ts'
import { aGroup, aManagedPolicy, aProvider, aRole, aUser } from './identities.ts'
import { TestIssuer } from './oidc.ts'
import { clientOf } from './sdk.ts'
import type { Credentials } from './sign.ts'
import { secretKey } from './soft-hsm.ts'
import { TestWorld } from './world.ts'

const account = '111122223333'
const arnOf = (type: Parameters<typeof iamArn>[1], name: string) =>
  iamArn({ partition: 'aws', account }, type, `/${name}`)

const statement = (Action: string | string[], more: object = {}) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*', ...more }] })
const ownKeys = statement('iam:*AccessKey*', { Resource: `arn:aws:iam::*:user/$\{aws:username}` })

/** Of the account's root user, and of Alice. */
export const rootKey = {
  accessKeyId: 'AKIAI44QH8DHBEXAMPLE',
  secretAccessKey: 'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY',
}
export const aliceKey = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
const limits = { id: 'ANPAJ2UCCR6DPCEXAMPLE', arn: arnOf('policy', 'Limits') }
const keyUsers = { id: 'ANPACKCEVSQ6C2EXAMPLE', arn: arnOf('policy', 'KeyUsers') }
const staff = 'AGPACKCEVSQ6C2EXAMPLE'

/** The account: a user, a role, a group and a policy that have everything, and one of each that has nothing. */
export async function people(world: TestWorld): Promise<void> {
  await world.addRoot(account, rootKey)
  const { users, roles, groups, managedPolicies, oidcProviders, links } = world.open.principals
  const createdAt = world.nowMs
  const at = { account, createdAt }
  const named = (type: 'user' | 'role' | 'group' | 'policy', name: string, id: string) => ({
    ...at,
    id,
    arn: arnOf(type, name),
  })
  const held = { attached: [keyUsers], boundary: limits }
  await managedPolicies.create(
    aManagedPolicy('KeyUsers', '', {
      ...named('policy', 'KeyUsers', keyUsers.id),
      description: 'Whoever encrypts and decrypts',
      tags: { Department: 'Payroll' },
      versions: [
        { number: 1, text: statement('kms:Encrypt'), createdAt },
        { number: 2, text: statement(['kms:Encrypt', 'kms:Decrypt']), createdAt },
      ],
      defaultVersion: 2,
      newestVersion: 2,
      updatedAt: createdAt,
    }),
  )
  await managedPolicies.create(
    aManagedPolicy('Limits', statement(['kms:*', 'sts:*']), {
      ...named('policy', 'Limits', limits.id),
      updatedAt: createdAt,
    }),
  )
  const unused = named('policy', 'Unused', 'ANPAIUNUSEDUNUSEXAMPL')
  await managedPolicies.create(aManagedPolicy('Unused', statement('kms:Sign'), { ...unused, updatedAt: createdAt }))
  await groups.create(
    aGroup('Staff', {
      ...named('group', 'Staff', staff),
      inline: { OwnAccessKeys: ownKeys },
      attached: [keyUsers],
    }),
  )
  await groups.create(aGroup('Empty', named('group', 'Empty', 'AGPAIEMPTYEMPTYEXAMPL')))
  const accessKeys = [{ id: aliceKey.accessKeyId, status: 'Active', createdAt }] as const
  const alice = aUser('Alice', {
    ...named('user', 'Alice', 'AIDACKCEVSQ6C2EXAMPLE'),
    ...held,
    accessKeys,
    groups: [staff],
    inline: { Roles: statement('sts:*') },
    tags: { Department: 'Payroll' },
  })
  await users.create(alice)
  await users.create(aUser('Bob', named('user', 'Bob', 'AIDAIBOBBOBBOBEXAMPLE')))
  const trust = (Principal: object, Action: string) => ({ Effect: 'Allow', Principal, Action })
  const provider = arnOf('oidc-provider', 'id.example.com')
  const deployer = aRole('Deployer', {
    ...named('role', 'Deployer', 'AROACLKWSDQRAOEXAMPLE'),
    ...held,
    description: 'Deploys',
    trustPolicy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        trust({ AWS: alice.arn }, 'sts:AssumeRole'),
        trust({ Federated: provider }, 'sts:AssumeRoleWithWebIdentity'),
      ],
    }),
    trustIds: { [alice.arn]: alice.id },
    inline: { Sign: statement('kms:Sign') },
    tags: { Department: 'Payroll' },
  })
  await roles.create(deployer)
  await roles.create(aRole('Unused', named('role', 'Unused', 'AROAIUNUSEDUNUEXAMPLE')))
  await oidcProviders.create(
    aProvider('id.example.com', {
      ...at,
      arn: provider,
      clientIds: ['app', 'app-2'],
      thumbprints: ['990f4193972f2becf12ddeda5237f9c952f20d9e'],
      tags: { Department: 'Payroll' },
    }),
  )
  for (const from of [alice.id, deployer.id]) {
    await links.put({ target: keyUsers.id, kind: 'attached', from, createdAt })
    await links.put({ target: limits.id, kind: 'boundary', from, createdAt })
  }
  await links.put({ target: keyUsers.id, kind: 'attached', from: staff, createdAt })
  await links.put({ target: staff, kind: 'member', from: alice.id, createdAt })
  const { accessKeyId: id, secretAccessKey } = aliceKey
  const wrapped = await world.hsm.wrapSecret(ownerOfSecret({ account, id }), secretKey(secretAccessKey))
  await world.open.accessKeys.create({ id, account, createdAt, wrapped, userId: alice.id })
}

type Members = Readonly<Record<string, unknown>>
interface Played {
  readonly request: Members
  readonly response?: Members
  readonly error?: { readonly name: string; readonly message: string }
}

/** As JSON has it: seconds for a time. */
const asJson = (value: unknown): unknown => {
  if (value instanceof Date) return value.getTime() / 1000
  if (Array.isArray(value)) return value.map(asJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => (each === undefined ? [] : [[name, asJson(each)]])),
  )
}

/** Does an action of IAM's or STS's in an account of its own, as root does it, or Alice where root may not. */
export async function play(service: string, action: string, request: Members): Promise<Omit<Played, 'request'>> {
  const world = await TestWorld.start()
  await people(world)
  const by: Credentials = service === 'sts' ? aliceKey : rootKey
  const sdk = (service === 'iam' ? iam : sts) as unknown as Readonly<Record<string, new (input: object) => never>>
  const Command = sdk[`${action}Command`]
  if (!Command) throw new Error(`${service} has no ${action}`)
  const Client = service === 'iam' ? iam.IAMClient : sts.STSClient
  const client: { send: (command: never) => Promise<unknown> } = new Client(clientOf(world, by))
  const issuer = action === 'AssumeRoleWithWebIdentity' ? await TestIssuer.start() : undefined
  try {
    const input = issuer ? { ...request, WebIdentityToken: await tokenOf(issuer, world) } : request
    const { $metadata, ...answer } = (await client.send(new Command(input))) as Members
    return { response: asJson(answer) as Members }
  } catch (error) {
    if (!(error instanceof iam.IAMServiceException)) throw error
    return { error: { name: error.name.replace(/Exception$/, ''), message: error.message } }
  } finally {
    issuer?.stop()
  }
}

/** Of the provider that the account trusts, whose keys are the issuer's. */
export async function tokenOf(issuer: TestIssuer, world: TestWorld): Promise<string> {
  const open = world.open.issuers
  Object.assign(open, { keysOf: async () => issuer.published, urlOf: (text: string) => text.replace('https://', '') })
  const claims = { iss: 'https://id.example.com', sub: 'repo:example/app' }
  return issuer.token(claims, Math.floor(world.nowMs / 1000))
}

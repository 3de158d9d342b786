import { randomBytes } from 'node:crypto'
import type { Group, ManagedPolicy, OidcProvider, Role, User } from '../../lib/identity/entities.ts'
import { iamArn } from '../../lib/identity/entities.ts'
import { accessKeyId, idBytes, uniqueId } from '../../lib/identity/ids.ts'
import { ownerOfSecret } from '../../lib/identity/signing-keys.ts'
import type { Credentials } from './sign.ts'
import { secretKey } from './soft-hsm.ts'
import { place } from './store.ts'
import { account, type TestWorld } from './world.ts'

const createdAt = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const anEntity = (
  prefix: 'AIDA' | 'AROA' | 'AGPA' | 'ANPA',
  type: 'user' | 'role' | 'group' | 'policy',
  name: string,
) => ({
  id: uniqueId(prefix, randomBytes(idBytes)),
  account: place.account,
  name,
  path: '/',
  arn: iamArn(place, type, `/${name}`),
  createdAt,
  revision: 1,
  tags: {},
})
const bare = { inline: {}, attached: [] }

export const aUser = (name: string, given: Partial<User> = {}): User => ({
  ...anEntity('AIDA', 'user', name),
  ...bare,
  accessKeys: [],
  groups: [],
  ...given,
})

export const aRole = (name: string, given: Partial<Role> = {}): Role => ({
  ...anEntity('AROA', 'role', name),
  ...bare,
  trustPolicy: '{"Version":"2012-10-17","Statement":[]}',
  trustIds: {},
  maxSessionSeconds: 3600,
  ...given,
})

export const aGroup = (name: string, given: Partial<Group> = {}): Group => ({
  ...anEntity('AGPA', 'group', name),
  ...bare,
  ...given,
})

export const aManagedPolicy = (name: string, text: string, given: Partial<ManagedPolicy> = {}): ManagedPolicy => ({
  ...anEntity('ANPA', 'policy', name),
  versions: [{ number: 1, text, createdAt }],
  defaultVersion: 1,
  newestVersion: 1,
  updatedAt: createdAt,
  ...given,
})

export const aProvider = (url: string, given: Partial<OidcProvider> = {}): OidcProvider => ({
  account: place.account,
  url,
  arn: iamArn(place, 'oidc-provider', `/${url}`),
  clientIds: ['app'],
  thumbprints: [],
  tags: {},
  createdAt,
  revision: 1,
  ...given,
})

/** A policy of one statement, on everything. */
export const policyText = (action: string | readonly string[], Effect = 'Allow'): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect, Action: action, Resource: '*' }] })

/** A user, of the world's account unless told otherwise, and an active access key of it. */
export async function addUser(world: TestWorld, name: string, given: Partial<User> = {}) {
  const { account: of = account } = given
  const id = accessKeyId('AKIA', of, randomBytes(5))
  const arn = iamArn({ partition: 'aws', account: of }, 'user', `/${name}`)
  const accessKeys = [{ id, status: 'Active', createdAt: 1 }] as const
  const user = aUser(name, { account: of, arn, accessKeys, ...given })
  const credentials: Credentials = { accessKeyId: id, secretAccessKey: randomBytes(30).toString('base64') }
  const wrapped = await world.hsm.wrapSecret(ownerOfSecret({ account: of, id }), secretKey(credentials.secretAccessKey))
  await world.open.accessKeys.create({ id, account: of, createdAt: 1, wrapped, userId: user.id })
  await world.open.principals.users.create(user)
  return { user, credentials }
}

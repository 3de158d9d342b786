import { randomBytes } from 'node:crypto'
import type { Group, ManagedPolicy, OidcProvider, Role, User } from '../../lib/identity/entities.ts'
import { iamArn } from '../../lib/identity/entities.ts'
import { idBytes, uniqueId } from '../../lib/identity/ids.ts'
import { place } from './store.ts'

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

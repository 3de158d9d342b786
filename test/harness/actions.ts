/** Every action of every service, with one valid call of each on one stage, and what must be known of it to tell what came of it. */
import { operations } from '../../functions/index.ts'
import type { AnyOperation } from '../../lib/operation.ts'
import { type IdentityStage, identityInputs, stageIdentities } from './identity-inputs.ts'
import { type Stage, stage, validInputs } from './inputs.ts'
import type { TestIssuer } from './oidc.ts'
import { asForm, queryApis } from './query.ts'
import type { TestWorld } from './world.ts'

const identityActions: readonly AnyOperation[] = queryApis.flatMap(({ actions }) => [...actions])
export const actions: readonly AnyOperation[] = [...operations, ...identityActions]

/** There is never anything that they ask for. */
export const neverThere: Readonly<Record<string, string>> = {
  DeleteLoginProfile: 'NoSuchEntity',
  GetAccountPasswordPolicy: 'NoSuchEntity',
  GetLoginProfile: 'NoSuchEntity',
}
export const changing = actions.filter(({ name, readOnly }) => !readOnly && !Object.hasOwn(neverThere, name))

export type Staged = Stage & { readonly identities: IdentityStage }

export const stageAll = async (world: TestWorld, issuer: TestIssuer): Promise<Staged> => ({
  ...(await stage(world)),
  identities: await stageIdentities(world, issuer),
})

export interface Outcome {
  readonly status: number
  readonly error?: string | undefined
}

/** STS gives sessions to users. */
const byUser = new Set(['AssumeRole', 'GetSessionToken', 'GetFederationToken'])

/** The valid call; without a member where none is named. */
export async function ask(world: TestWorld, name: string, { identities, ...staged }: Staged): Promise<Outcome> {
  if (identityActions.some((action) => action.name === name)) {
    const input = identityInputs[name]?.(identities) ?? {}
    return asForm(world, name, input, byUser.has(name) ? identities.credentials : undefined)
  }
  const { status, json } = await world.call(name, validInputs[name]?.(staged))
  return { status, error: json?.__type }
}

/** What must have happened for the valid call to change something. */
export const first: Readonly<Record<string, string>> = {
  CancelKeyDeletion: 'ScheduleKeyDeletion',
  DisableKeyRotation: 'EnableKeyRotation',
  EnableKey: 'DisableKey',
  ImportKeyMaterial: 'DeleteImportedKeyMaterial',
  UntagResource: 'TagResource',
}

const gone = [
  'AccessKey',
  'Group',
  'GroupPolicy',
  'Policy',
  'PolicyVersion',
  'Role',
  'RolePolicy',
  'User',
  'UserPolicy',
]
const made = ['Group', 'OpenIDConnectProvider', 'Policy', 'Role', 'User']

/** Whoever asks again for what has been done is told so, where AWS does. */
export const doneAlready: Readonly<Record<string, string>> = {
  ...Object.fromEntries(gone.map((kind) => [`Delete${kind}`, 'NoSuchEntity'])),
  ...Object.fromEntries(['Group', 'Role', 'User'].map((kind) => [`Detach${kind}Policy`, 'NoSuchEntity'])),
  ...Object.fromEntries(made.map((kind) => [`Create${kind}`, 'EntityAlreadyExists'])),
  CancelKeyDeletion: 'KMSInvalidStateException',
  CreateAlias: 'AlreadyExistsException',
  CreateCustomKeyStore: 'CustomKeyStoreNameInUseException',
  DeleteAlias: 'NotFoundException',
  DeleteCustomKeyStore: 'CustomKeyStoreNotFoundException',
  DisconnectCustomKeyStore: 'CustomKeyStoreInvalidStateException',
  RemoveUserFromGroup: 'NoSuchEntity',
  ReplicateKey: 'AlreadyExistsException',
  RetireGrant: 'InvalidGrantTokenException',
  RevokeGrant: 'NotFoundException',
  ScheduleKeyDeletion: 'KMSInvalidStateException',
  UpdateGroup: 'NoSuchEntity',
  UpdatePrimaryRegion: 'UnsupportedOperationException',
  UpdateUser: 'NoSuchEntity',
}

/** Done twice, they make two. */
export const addsOne = new Set([
  'CreateAccessKey',
  'CreateKey',
  'CreateKeyVersion',
  'CreatePolicyVersion',
  'RotateKeyOnDemand',
])

/** The valid call asks for what is so already, or for what is kept nowhere. */
export const sameInSight = new Set(['GetFederationToken', 'GetSessionToken', 'UpdateKeyVersion'])

/** What takes several steps, each in sight: a store that is CONNECTING, a replica that is Creating, material that is forgotten and then erased. */
export const inSteps = new Set([
  'ConnectCustomKeyStore',
  'DeleteImportedKeyMaterial',
  'ReplicateKey',
  'UpdatePrimaryRegion',
])

/** Committed, and until the schedule has told other Regions of it there is nothing to ask for again. */
export const untold: Readonly<Record<string, string>> = { UpdatePrimaryRegion: 'KMSInvalidStateException' }

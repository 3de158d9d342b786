import { DisabledException, KMSInvalidStateException, type KmsError } from '../errors.ts'
import type { Key, KeyState } from './key.ts'

type Refusal = (arn: string) => KmsError

/** How an operation meets each key state: a refusal, or nothing where it goes ahead (kms-api.md §2). */
export type StateRule = Readonly<Partial<Record<KeyState, Refusal>>>

const invalid =
  (what: string): Refusal =>
  (arn) =>
    new KMSInvalidStateException(`${arn} is ${what}.`)

const disabled: Refusal = (arn) => new DisabledException(`${arn} is disabled.`)
const creating = invalid('creating')
const updating = invalid('updating')
const pendingImport = invalid('pending import')
const notPendingDeletion = invalid('not pending deletion')
const pendingDeletion = {
  PendingDeletion: invalid('pending deletion'),
  PendingReplicaDeletion: invalid('pending replica deletion'),
} as const

/** The rows of AWS's key state table. */
export const states = {
  /** Cryptography now. */
  usable: {
    ...pendingDeletion,
    Disabled: disabled,
    PendingImport: pendingImport,
    Unavailable: invalid('unavailable'),
    Creating: creating,
  },
  /** ReplicateKey. */
  replicable: {
    ...pendingDeletion,
    Disabled: disabled,
    PendingImport: pendingImport,
    Creating: creating,
    Updating: updating,
  },
  /** CreateGrant: a grant may well be made while a key store is away. */
  grantable: { ...pendingDeletion, Disabled: disabled, PendingImport: pendingImport, Creating: creating },
  /** GetPublicKey. */
  published: { ...pendingDeletion, PendingImport: pendingImport, Creating: creating },
  /** Reading about the key, and its policy. */
  present: {},
  /** Aliases, tags, description. */
  changeable: pendingDeletion,
  /** EnableKey, DisableKey. */
  switchable: { ...pendingDeletion, PendingImport: pendingImport, Creating: creating, Updating: updating },
  /** ScheduleKeyDeletion. */
  deletable: { ...pendingDeletion, Updating: updating },
  /** GetParametersForImport. */
  importable: { ...pendingDeletion, Creating: creating, Updating: updating },
  /** ImportKeyMaterial. */
  importing: { ...pendingDeletion, Creating: creating },
  /** DeleteImportedKeyMaterial. */
  unloadable: { Creating: creating, Updating: updating },
  /** CancelKeyDeletion. */
  pendingDeletion: {
    Enabled: notPendingDeletion,
    Disabled: notPendingDeletion,
    PendingImport: notPendingDeletion,
    Unavailable: notPendingDeletion,
    Creating: notPendingDeletion,
    Updating: notPendingDeletion,
  },
} as const satisfies Record<string, StateRule>

/** @throws as the rule says for the state */
export function demandState({ arn, state }: Pick<Key, 'arn' | 'state'>, rule: StateRule): void {
  const refusal = rule[state]
  if (refusal) throw refusal(arn)
}

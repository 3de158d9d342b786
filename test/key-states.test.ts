/**
 * AWS's table of key states (kms-api.md §2.2) as it stands there, and not as our own rules have it: what each operation
 * answers for a key in each state, in a dry run too.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import { operations } from '../functions/index.ts'
import type { KeyState } from '../lib/keys/key.ts'
import type { AnyOperation } from '../lib/operation.ts'
import { type Stage, stage, validInputs } from './harness/inputs.ts'
import { account, TestWorld } from './harness/world.ts'

let world: TestWorld
let at: Stage
beforeEach(async () => {
  world = await TestWorld.start()
  at = await stage(world)
})

const refusals = {
  dis: ['DisabledException', 'is disabled.'],
  del: ['KMSInvalidStateException', 'is pending deletion.'],
  rep: ['KMSInvalidStateException', 'is pending replica deletion.'],
  not: ['KMSInvalidStateException', 'is not pending deletion.'],
  imp: ['KMSInvalidStateException', 'is pending import.'],
  una: ['KMSInvalidStateException', 'is unavailable.'],
  cre: ['KMSInvalidStateException', 'is creating.'],
  upd: ['KMSInvalidStateException', 'is updating.'],
} as const
/** `n/a` where AWS has no such case, or one that is not of the state but of the key's store. */
type Cell = keyof typeof refusals | 'ok' | 'n/a'
const columns = [
  'Disabled',
  'PendingDeletion',
  'PendingReplicaDeletion',
  'PendingImport',
  'Unavailable',
  'Creating',
  'Updating',
] as const satisfies readonly KeyState[]

/** Operations, then a cell for each column. */
const table: readonly (readonly [string, string])[] = [
  ['Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext', 'dis del rep imp una cre ok'],
  ['GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext', 'dis del rep imp n/a cre ok'],
  ['Sign Verify GenerateMac VerifyMac DeriveSharedSecret Encapsulate Decapsulate', 'dis del rep imp n/a cre ok'],
  ['CreateGrant', 'dis del rep imp ok cre ok'],
  ['GetPublicKey', 'ok del rep imp n/a cre ok'],
  [
    'DescribeKey GetKeyPolicy PutKeyPolicy ListAliases ListGrants ListKeyPolicies ListResourceTags RetireGrant RevokeGrant DeleteAlias GetKeyLastUsage',
    'ok ok ok ok ok ok ok',
  ],
  ['CreateAlias TagResource UntagResource UpdateKeyDescription', 'ok del rep ok ok ok ok'],
  ['EnableKey DisableKey', 'ok del rep imp ok cre upd'],
  ['ScheduleKeyDeletion', 'ok del rep ok ok ok upd'],
  ['CancelKeyDeletion', 'not ok ok not not not not'],
  ['EnableKeyRotation DisableKeyRotation RotateKeyOnDemand', 'dis del rep n/a n/a cre ok'],
  ['GetKeyRotationStatus ListKeyRotations', 'ok ok ok ok n/a ok ok'],
  ['GetParametersForImport', 'ok del rep ok n/a cre upd'],
  ['ImportKeyMaterial', 'ok del rep ok n/a cre ok'],
  ['DeleteImportedKeyMaterial', 'ok ok ok ok n/a cre upd'],
  ['ReplicateKey', 'dis del rep imp n/a cre upd'],
  ['UpdatePrimaryRegion', 'dis del rep imp n/a cre ok'],
]

const rows = table.flatMap(([names, cells]) =>
  names.split(' ').map((name) => [name, cells.split(' ') as Cell[]] as const),
)
const all: readonly AnyOperation[] = operations
const named = (name: string): AnyOperation => {
  const operation = all.find((each) => each.name === name)
  if (!operation) throw new Error(`there is no ${name}`)
  return operation
}
const inputOf = (name: string) => validInputs[name]?.(at) ?? {}

/** The key that the operation is about, by its member; of an alias, the key behind it. */
const membersOf = (name: string): readonly string[] => {
  const members = Object.entries(named(name).on as AnyOperation['on']).filter(([, rule]) => !rule.filter)
  return members.length > 0 ? members.map(([member]) => member) : ['the key']
}
const subjectOf = (name: string, member: string): string => {
  const value = inputOf(name)[member]
  return typeof value === 'string' && !value.startsWith('alias/') ? value : at.keyId
}

async function put(state: KeyState, id: string): Promise<void> {
  const key = await world.store.keys.find(id)
  if (!key) throw new Error('the stage has no key')
  await world.store.keys.replace({
    ...key,
    state,
    ...(state === 'PendingDeletion' && { deletion: { at: world.nowMs } }),
    ...(state === 'PendingReplicaDeletion' && { replicaDeletion: { windowInDays: 7 } }),
  })
}

test('every operation on a key has its row, but those that AWS has not', () => {
  const ours = ['CreateKeyVersion', 'ListKeyVersions', 'UpdateKeyVersion']
  const onKeys = all.filter(({ on }) => Object.keys(on).length > 0).map(({ name }) => name)
  const known = new Set([...rows.map(([name]) => name), 'UpdateAlias', ...ours])
  expect(onKeys.filter((name) => !known.has(name))).toEqual([])
})

describe.each(rows)('%s', (name, cells) => {
  const members = membersOf(name)
  for (const member of members) {
    for (const [index, state] of columns.entries()) {
      const cell = cells[index] ?? 'n/a'
      if (cell === 'n/a') continue
      const dry = 'DryRun' in named(name).input.members
      test(`on ${member} that is ${state}: ${cell}${dry ? ', in a dry run too' : ''}`, async () => {
        const id = subjectOf(name, member)
        await put(state, id)
        const [type, why] = cell === 'ok' ? [] : refusals[cell]
        const expected = type && [400, type, `arn:aws:kms:us-east-1:${account}:key/${id} ${why}`]
        if (dry) {
          const { status, json } = await world.call(name, { ...inputOf(name), DryRun: true })
          const would = [
            400,
            'DryRunOperationException',
            'The request would have succeeded, but the DryRun option is set.',
          ]
          expect([status, json.__type, json.message]).toEqual(expected ?? would)
        }
        const { status, json } = await world.call(name, inputOf(name))
        expect([status, json.__type, json.message]).toEqual(expected ?? [200, undefined, undefined])
      })
    }
  }
})

describe('UpdateAlias', () => {
  test.each(columns)('takes an alias from a key that is %s', async (state) => {
    await put(state, at.keyId)
    expect((await world.call('UpdateAlias', inputOf('UpdateAlias'))).status).toBe(200)
  })
  test.each(columns)('gives it to a key that is %s unless that is to be deleted', async (state) => {
    await put(state, at.otherKeyId)
    const { status, json } = await world.call('UpdateAlias', inputOf('UpdateAlias'))
    const pending = { PendingDeletion: refusals.del, PendingReplicaDeletion: refusals.rep }[state as string]
    const arn = `arn:aws:kms:us-east-1:${account}:key/${at.otherKeyId}`
    expect([status, json.__type, json.message]).toEqual(
      pending ? [400, pending[0], `${arn} ${pending[1]}`] : [200, undefined, undefined],
    )
  })
})

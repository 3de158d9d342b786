/**
 * What each operation demands, as derived from the operations, against a copy by hand of AWS's permission table
 * (kms-authz.md §5). Actions are `kms:` and the operation's name, or what stands after the colon. `K`: the key policy, or an identity policy
 * by delegation; `I`: identity policies alone; `G`: the grant, or an identity policy of its issuer's account. `X`: from another account too. How the key can be named: `id` key id or
 * key ARN; `any` an alias as well; `alias` an alias alone. `EC`: the encryption context's pairs and names; `RA`: what an
 * attested recipient supplies.
 */
import { readFileSync } from 'node:fs'
import * as kms from '@aws-sdk/client-kms'
import { describe, expect, it } from 'vitest'

const table = `
CancelKeyDeletion        | key   | K | - | id    |
ConnectCustomKeyStore    | *     | I | - |       |
CreateAlias              | alias | I | - |       |
CreateAlias              | key   | K | - | id    |
CreateCustomKeyStore     | *     | I | - |       |
CreateGrant              | key   | K | X | id    | EC, GrantConstraintType, GrantConstraintSourceArn, GranteePrincipal, GrantIsForAWSResource, GrantOperations, RetiringPrincipal
CreateKey, TagResource   | *     | I | - |       | BypassPolicyLockoutSafetyCheck, KeySpec, CustomerMasterKeySpec, KeyUsage, CustomerMasterKeyUsage, KeyOrigin, MultiRegion, MultiRegionKeyType, aws:RequestTag/*tag*, aws:TagKeys
Decapsulate              | key   | K | X | any   | RequestAlias
Decrypt                  | key   | K | X | any   | EncryptionAlgorithm, RequestAlias, EC, RA
DeleteAlias              | alias | I | - |       |
DeleteAlias              | key   | K | - | alias |
DeleteCustomKeyStore     | *     | I | - |       |
DeleteImportedKeyMaterial | key  | K | - | id    |
DeriveSharedSecret       | key   | K | X | any   | KeyAgreementAlgorithm, RequestAlias, RA
DescribeCustomKeyStores  | *     | I | - |       |
DescribeKey              | key   | K | X | any   | RequestAlias
DisableKey               | key   | K | - | id    | TrailingDaysWithoutKeyUsage
DisableKeyRotation       | key   | K | - | id    |
DisconnectCustomKeyStore | *     | I | - |       |
EnableKey                | key   | K | - | id    |
EnableKeyRotation        | key   | K | - | id    | RotationPeriodInDays
Encapsulate              | key   | K | X | any   | RequestAlias
Encrypt                  | key   | K | X | any   | EncryptionAlgorithm, RequestAlias, EC
GenerateDataKey          | key   | K | X | any   | EncryptionAlgorithm, RequestAlias, EC, RA
GenerateDataKeyPair      | key   | K | X | any   | DataKeyPairSpec, EncryptionAlgorithm, RequestAlias, EC, RA
GenerateDataKeyPairWithoutPlaintext | key | K | X | any | DataKeyPairSpec, EncryptionAlgorithm, RequestAlias, EC
GenerateDataKeyWithoutPlaintext | key | K | X | any | EncryptionAlgorithm, RequestAlias, EC
GenerateMac              | key   | K | X | any   | MacAlgorithm, RequestAlias
GenerateRandom           | *     | I | - |       | RA
GetKeyLastUsage          | key   | K | - | id    |
GetKeyPolicy             | key   | K | - | id    |
GetKeyRotationStatus     | key   | K | X | id    |
GetParametersForImport   | key   | K | - | id    | WrappingAlgorithm, WrappingKeySpec
GetPublicKey             | key   | K | X | any   | RequestAlias
ImportKeyMaterial        | key   | K | - | id    | ExpirationModel, ValidTo
ListAliases              | *     | I | - |       |
ListGrants               | key   | K | X | id    | GrantIsForAWSResource
ListKeyPolicies          | key   | K | - | id    |
ListKeyRotations         | key   | K | - | id    |
ListKeys                 | *     | I | - |       |
ListResourceTags         | key   | K | - | id    |
ListRetirableGrants      | *     | I | - |       |
PutKeyPolicy             | key   | K | - | id    | BypassPolicyLockoutSafetyCheck
ReEncrypt: ReEncryptFrom | key   | K | X | any   | EncryptionAlgorithm, RequestAlias, EC, ReEncryptOnSameKey
ReEncrypt: ReEncryptTo   | key   | K | X | any   | EncryptionAlgorithm, RequestAlias, EC, ReEncryptOnSameKey
ReplicateKey             | key   | K | - | id    | ReplicaRegion, BypassPolicyLockoutSafetyCheck, aws:RequestTag/*tag*, aws:TagKeys
ReplicateKey: CreateKey  | *     | I | - |       | ReplicaRegion, BypassPolicyLockoutSafetyCheck, aws:RequestTag/*tag*, aws:TagKeys
ReplicateKey: TagResource | *    | I | - |       | ReplicaRegion, BypassPolicyLockoutSafetyCheck, aws:RequestTag/*tag*, aws:TagKeys
RetireGrant              | grant | G | X |       | EC, GrantConstraintType, aws:ResourceAccount, aws:ResourceTag/*tag*
RevokeGrant              | key   | K | X | id    | GrantIsForAWSResource
RotateKeyOnDemand        | key   | K | - | id    |
ScheduleKeyDeletion      | key   | K | - | id    | TrailingDaysWithoutKeyUsage, ScheduleKeyDeletionPendingWindowInDays
Sign                     | key   | K | X | any   | MessageType, SigningAlgorithm, RequestAlias
TagResource              | key   | K | - | id    | aws:RequestTag/*tag*, aws:TagKeys
UntagResource            | key   | K | - | id    | aws:TagKeys
UpdateAlias              | alias | I | - |       |
UpdateAlias              | key   | K | - | alias |
UpdateAlias              | key   | K | - | id    |
UpdateCustomKeyStore     | *     | I | - |       |
UpdateKeyDescription     | key   | K | - | id    |
UpdatePrimaryRegion      | key   | K | - | id    | PrimaryRegion
UpdatePrimaryRegion      | key   | K | - |       | PrimaryRegion
Verify                   | key   | K | X | any   | MessageType, SigningAlgorithm, RequestAlias
VerifyMac                | key   | K | X | any   | MacAlgorithm, RequestAlias
`

const isTheirs = ({ operation }: { operation: string }): boolean => Object.hasOwn(kms, `${operation}Command`)

const families: Readonly<Record<string, readonly string[]>> = {
  EC: ['kms:EncryptionContext:*name*', 'kms:EncryptionContextKeys'],
  RA: ['kms:RecipientAttestation:*'],
}
const keysOf = (cell: string): readonly string[] =>
  cell
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .flatMap((each) => families[each] ?? [each.startsWith('aws:') ? each : `kms:${each}`])

interface Row {
  readonly actions: string
  readonly resource: string
  readonly policies: string
  readonly foreign: string
  readonly named: string
  readonly keys: readonly string[]
}

const expected = table
  .trim()
  .split('\n')
  .map((line): Row => {
    const [actions = '', resource = '', policies = '', foreign = '', named = '', keys = ''] = line
      .split('|')
      .map((cell) => cell.trim())
    return { actions, resource, policies, foreign, named, keys: keysOf(keys).toSorted() }
  })

const labelOf = (operation: string, actions: string): string =>
  actions.split(', ')[0] === operation ? actions : `${operation}: ${actions}`

const text = readFileSync(new URL('../infra/derived/actions.md', import.meta.url), 'utf8')
const derived = text
  .split('\n')
  .filter((line) => /^\| [A-Z]\w+ \| `/.test(line))
  .map((line): Row & { readonly operation: string } => {
    const cells = line.split('|').map((cell) => cell.trim())
    const [, operation = '', actions = '', resource = '', policies = '', foreign = '', by = '', , , keys = ''] = cells
    return {
      operation,
      actions: labelOf(operation, actions.replaceAll('`kms:', '').replaceAll('`', '')),
      resource: resource.replace(/^the /, '').replaceAll('`', '').split(/[ ']/)[0] ?? '',
      policies:
        policies === 'identity'
          ? 'I'
          : policies === 'key, identity'
            ? 'K'
            : policies === 'the grant, identity'
              ? 'G'
              : policies,
      foreign: foreign === 'yes' ? 'X' : '-',
      named: by.endsWith('alias ARN') ? 'any' : by.endsWith('key id, key ARN') ? 'id' : by,
      keys: keys
        .replaceAll('`', '')
        .split(', ')
        .filter((key) => key !== '')
        .toSorted(),
    }
  })

describe("an operation demands what AWS's demands", () => {
  const theirs = derived.filter(isTheirs)
  const sorted = (rows: readonly Row[]) =>
    rows.toSorted((a, b) => (`${a.resource}${a.named}` < `${b.resource}${b.named}` ? -1 : 1))

  it('finds the operations in the derived table', () => {
    expect(new Set(theirs.map(({ operation }) => operation)).size).toBeGreaterThanOrEqual(48)
  })

  it.each([...new Set(theirs.map(({ actions }) => actions))])('%s', (actions) => {
    const rows = theirs.filter((row) => row.actions === actions).map(({ operation: _, ...row }) => row)
    expect(sorted(rows)).toEqual(sorted(expected.filter((row) => row.actions === actions)))
  })
})

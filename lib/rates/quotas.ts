/** How often an account may call, a second: AWS's request quotas (kms-api.md §11), in the classes that share one. */
import { type KeySpec, keySpecs } from '../crypto/specs.ts'

export interface Quota {
  /** What shares it. */
  readonly name: string
  readonly perSecond: number
}

/** Symmetric cryptography where AWS grants more of it than in other Regions. */
const symmetricPerSecond: Readonly<Record<string, number>> = {
  'us-east-1': 100_000,
  'us-west-2': 100_000,
  'eu-west-1': 100_000,
  'us-east-2': 20_000,
  'ap-southeast-1': 20_000,
  'ap-southeast-2': 20_000,
  'ap-northeast-1': 20_000,
  'eu-central-1': 20_000,
  'eu-west-2': 20_000,
}

/** Each operation has its own, whatever its neighbours in the row do. */
const ownQuotas: readonly (readonly [perSecond: number, operations: readonly string[]])[] = [
  [2000, ['DescribeKey', 'GetPublicKey', 'ListResourceTags']],
  [1000, ['GetKeyPolicy', 'GetKeyRotationStatus']],
  [500, ['ListAliases', 'ListKeys']],
  // ListKeyVersions is ours: it reads what ListKeyRotations reads.
  [100, ['ListGrants', 'ListKeyPolicies', 'ListKeyRotations', 'ListKeyVersions', 'ListRetirableGrants']],
  [50, ['CreateGrant', 'RetireGrant', 'RevokeGrant']],
  [
    15,
    [
      'DeleteAlias',
      'DeleteImportedKeyMaterial',
      'EnableKeyRotation',
      'ImportKeyMaterial',
      'PutKeyPolicy',
      'ScheduleKeyDeletion',
    ],
  ],
  [10, ['TagResource']],
  // CloudTrail's own quota.
  [2, ['LookupEvents']],
  [1, ['GetParametersForImport']],
]

/** What no row names: AWS's commonest quota, and the safe answer for what is new. */
const anyOther = 5

/** The other services have one for all their actions. STS's is AWS's; of IAM AWS only says that there is one. */
const ofServices: Readonly<Record<string, number>> = { sts: 600, iam: 100 }

const own = new Map(
  ownQuotas.flatMap(([perSecond, names]) => names.map((name): [string, Quota] => [name, { name, perSecond }])),
)

/** Of a key pair that is made, by the beginning of its spec. */
const pairQuotas: readonly (readonly [spec: string, perSecond: number])[] = [
  ['ECC_', 100],
  ['SM2', 25],
  ['RSA_2048', 20],
  ['RSA_3072', 4],
  ['RSA_4096', 1],
]

/** Of a key that is used, by the beginning of its spec. ML-KEM's is not published: ML-DSA's stands in. */
const keyQuotas: readonly (readonly [spec: string, Quota])[] = [
  ['RSA_', { name: 'RSA', perSecond: 1000 }],
  ['ECC_', { name: 'ECC', perSecond: 1000 }],
  ['SM2', { name: 'ECC', perSecond: 1000 }],
  ['ML_DSA_', { name: 'ML-DSA', perSecond: 1000 }],
  ['ML_KEM_', { name: 'ML-KEM', perSecond: 1000 }],
]

const symmetric = (region: string): Quota => ({ name: 'symmetric', perSecond: symmetricPerSecond[region] ?? 10_000 })

interface Asked {
  readonly name: string
  /** As it is named in signatures. */
  readonly service: string
  /** A key is used for cryptography. */
  readonly cryptographic: boolean
}

/** What a request takes by its operation alone; undefined for one that uses a key, which then says it. */
export function quotaOf({ name, service, cryptographic }: Asked, region: string): Quota | undefined {
  const shared = ofServices[service]
  if (shared !== undefined) return { name: service, perSecond: shared }
  if (cryptographic) return undefined
  if (name === 'GenerateRandom') return symmetric(region)
  return own.get(name) ?? { name, perSecond: anyOther }
}

interface Used {
  readonly spec: KeySpec
  readonly keyStore?: { readonly id: string }
}

/** What a request takes by a key that it uses. */
export function quotaOfUse(key: Used, region: string): Quota | undefined {
  if (key.keyStore) return { name: `key store ${key.keyStore.id}`, perSecond: 1800 }
  if (keySpecs[key.spec].family !== 'asymmetric') return symmetric(region)
  return keyQuotas.find(([spec]) => key.spec.startsWith(spec))?.[1]
}

/** What a request for a key pair takes besides. @param spec of the pair; undefined when none is asked for */
export function quotaOfPair(spec: unknown): Quota | undefined {
  const row = pairQuotas.find(([name]) => String(spec).startsWith(name))
  return row && { name: `key pairs ${row[0]}`, perSecond: row[1] }
}

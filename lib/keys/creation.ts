import { keyArn, type Place } from '../arn.ts'
import {
  algorithmsOf,
  isImportable,
  isServed,
  type KeyOrigin,
  type KeySpec,
  type KeyUsage,
  keySpecs,
} from '../crypto/specs.ts'
import { UnsupportedOperationException, ValidationException } from '../errors.ts'
import { demandCustodyMembers } from './custody-members.ts'
import { isMultiRegionId } from './identifiers.ts'
import type { Key } from './key.ts'

interface CreationInput {
  readonly KeySpec?: string | undefined
  readonly CustomerMasterKeySpec?: string | undefined
  readonly KeyUsage?: KeyUsage | undefined
  readonly Origin: KeyOrigin
  readonly CustomKeyStoreId?: string | undefined
  readonly XksKeyId?: string | undefined
  readonly MultiRegion: boolean
}

const isKnown = (spec: string): spec is KeySpec => Object.hasOwn(keySpecs, spec)

/**
 * What kind of key an input asks for.
 * @throws ValidationException, UnsupportedOperationException with AWS's words (kms-api.md §1.3, §3)
 */
export function creatable(input: CreationInput): Pick<Key, 'spec' | 'usage' | 'origin'> {
  if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
    throw new ValidationException(
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    )
  }
  const spec = input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT'
  if (spec !== 'SYMMETRIC_DEFAULT' && input.KeyUsage === undefined) {
    throw new ValidationException(
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    )
  }
  const usage = input.KeyUsage ?? 'ENCRYPT_DECRYPT'
  if (!isKnown(spec) || !isServed(spec, usage)) {
    throw new UnsupportedOperationException(`KeySpec ${spec} is not supported in this Region`)
  }
  if (algorithmsOf(spec, usage).length === 0)
    throw new ValidationException(`KeyUsage ${usage} is not compatible with KeySpec ${spec}`)
  if (input.Origin === 'EXTERNAL' && !isImportable(spec)) {
    throw new ValidationException(`KeySpec ${spec} is not supported for Origin EXTERNAL`)
  }
  demandCustodyMembers(input, spec)
  if (input.MultiRegion && input.CustomKeyStoreId !== undefined) {
    throw new UnsupportedOperationException('Multi-Region keys are not supported in custom key stores.')
  }
  return { spec, usage, origin: input.Origin }
}

/** One id for a single Region, another for several: AWS's forms. */
export const newIds =
  ({ MultiRegion }: Pick<CreationInput, 'MultiRegion'>, uuid: () => string) =>
  (): string =>
    MultiRegion ? `mrk-${uuid().replaceAll('-', '')}` : uuid()

interface NewKey
  extends Pick<
    Key,
    'id' | 'keyStore' | 'spec' | 'usage' | 'origin' | 'description' | 'tags' | 'policy' | 'principalIds'
  > {
  readonly place: Place
  readonly now: number
}

/** A key of its id's form: one in several Regions begins as the primary key, with no replica. */
export function newKey({ place, now, ...given }: NewKey): Key {
  return {
    ...given,
    arn: keyArn(place, given.id),
    account: place.account,
    revision: 1,
    createdAt: now,
    state: given.origin === 'EXTERNAL' ? 'PendingImport' : 'Enabled',
    ...(isMultiRegionId(given.id) && { multiRegion: { primary: place.region, replicas: [], sequence: 1 } }),
  }
}

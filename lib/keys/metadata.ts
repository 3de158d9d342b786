import { algorithmsOf, type KeyUsage } from '../crypto/specs.ts'
import type { keyMetadata } from '../schema/members.ts'
import type { Of } from '../schema/shape.ts'
import { expirationOf } from './imports.ts'
import type { Key, KeyState } from './key.ts'
import { multiRegionMetadata } from './regions.ts'

/** The member of KeyMetadata that lists a key's algorithms; it has one. */
export const algorithmList = {
  ENCRYPT_DECRYPT: 'EncryptionAlgorithms',
  SIGN_VERIFY: 'SigningAlgorithms',
  GENERATE_VERIFY_MAC: 'MacAlgorithms',
  KEY_AGREEMENT: 'KeyAgreementAlgorithms',
  ENCAPSULATE_DECAPSULATE: 'EncapsulationAlgorithms',
} as const satisfies Record<KeyUsage, string>

/** What a key's custom key store makes of it. */
export interface Standing {
  readonly state: KeyState
  /** Of the store, where that is a cluster. */
  readonly clusterId?: string | undefined
}

/** What ReplicateKey says of a replica: until it is used it expires as its primary does. */
export const replicaMetadata = (primary: Key, replica: Key): Of<typeof keyMetadata> => ({
  ...metadataOf(replica),
  ...expirationOf(primary),
})

/**
 * What CreateKey and DescribeKey say of a key (kms-api.md §1.4).
 * @param standing where it is in a custom key store
 */
export function metadataOf(key: Key, { state, clusterId }: Standing = key): Of<typeof keyMetadata> {
  return {
    AWSAccountId: key.account,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: key.createdAt,
    Enabled: state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: state,
    DeletionDate: key.deletion?.at,
    Origin: key.origin,
    CustomKeyStoreId: key.keyStore?.id,
    CloudHsmClusterId: clusterId,
    XksKeyConfiguration: key.keyStore?.externalKeyId === undefined ? undefined : { Id: key.keyStore.externalKeyId },
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    [algorithmList[key.usage]]: algorithmsOf(key.spec, key.usage),
    ...multiRegionMetadata(key),
    ...expirationOf(key),
    CurrentKeyMaterialId:
      key.spec === 'SYMMETRIC_DEFAULT' && !key.keyStore && state !== 'Creating' ? key.currentMaterialId : undefined,
  }
}

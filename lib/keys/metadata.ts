import { keySpecs } from '../crypto/specs.ts'
import type { keyMetadata } from '../schema/members.ts'
import type { Of } from '../schema/shape.ts'
import type { Key } from './key.ts'

/** What CreateKey and DescribeKey say of a key (kms-api.md §1.4). */
export function metadataOf(key: Key): Of<typeof keyMetadata> {
  return {
    AWSAccountId: key.account,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: key.createdAt,
    Enabled: key.state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: key.state,
    DeletionDate: key.deletion?.at,
    Origin: key.origin,
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    EncryptionAlgorithms: keySpecs[key.spec].encryption,
    MultiRegion: false,
    CurrentKeyMaterialId: key.currentMaterialId,
  }
}

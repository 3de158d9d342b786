import { createAlias } from './aliases/create-alias.ts'
import { deleteAlias } from './aliases/delete-alias.ts'
import { listAliases } from './aliases/list-aliases.ts'
import { updateAlias } from './aliases/update-alias.ts'
import { lookupEvents } from './audit/lookup-events.ts'
import { decapsulate } from './cryptography/decapsulate.ts'
import { decrypt } from './cryptography/decrypt.ts'
import { deriveSharedSecret } from './cryptography/derive-shared-secret.ts'
import { encapsulate } from './cryptography/encapsulate.ts'
import { encrypt } from './cryptography/encrypt.ts'
import { generateDataKey } from './cryptography/generate-data-key.ts'
import { generateDataKeyPair } from './cryptography/generate-data-key-pair.ts'
import { generateDataKeyPairWithoutPlaintext } from './cryptography/generate-data-key-pair-without-plaintext.ts'
import { generateDataKeyWithoutPlaintext } from './cryptography/generate-data-key-without-plaintext.ts'
import { generateMac } from './cryptography/generate-mac.ts'
import { generateRandom } from './cryptography/generate-random.ts'
import { reEncrypt } from './cryptography/re-encrypt.ts'
import { sign } from './cryptography/sign.ts'
import { verify } from './cryptography/verify.ts'
import { verifyMac } from './cryptography/verify-mac.ts'
import { createGrant } from './grants/create-grant.ts'
import { listGrants } from './grants/list-grants.ts'
import { listRetirableGrants } from './grants/list-retirable-grants.ts'
import { retireGrant } from './grants/retire-grant.ts'
import { revokeGrant } from './grants/revoke-grant.ts'
import { cancelKeyDeletion } from './keys/cancel-key-deletion.ts'
import { createKey } from './keys/create-key.ts'
import { describeKey } from './keys/describe-key.ts'
import { disableKey } from './keys/disable-key.ts'
import { enableKey } from './keys/enable-key.ts'
import { getKeyLastUsage } from './keys/get-key-last-usage.ts'
import { getPublicKey } from './keys/get-public-key.ts'
import { listKeys } from './keys/list-keys.ts'
import { replicateKey } from './keys/replicate-key.ts'
import { scheduleKeyDeletion } from './keys/schedule-key-deletion.ts'
import { updateKeyDescription } from './keys/update-key-description.ts'
import { updatePrimaryRegion } from './keys/update-primary-region.ts'
import { deleteImportedKeyMaterial } from './material/delete-imported-key-material.ts'
import { getParametersForImport } from './material/get-parameters-for-import.ts'
import { importKeyMaterial } from './material/import-key-material.ts'
import { getKeyPolicy } from './policies/get-key-policy.ts'
import { listKeyPolicies } from './policies/list-key-policies.ts'
import { putKeyPolicy } from './policies/put-key-policy.ts'
import { disableKeyRotation } from './rotation/disable-key-rotation.ts'
import { enableKeyRotation } from './rotation/enable-key-rotation.ts'
import { getKeyRotationStatus } from './rotation/get-key-rotation-status.ts'
import { listKeyRotations } from './rotation/list-key-rotations.ts'
import { rotateKeyOnDemand } from './rotation/rotate-key-on-demand.ts'
import { connectCustomKeyStore } from './stores/connect-custom-key-store.ts'
import { createCustomKeyStore } from './stores/create-custom-key-store.ts'
import { deleteCustomKeyStore } from './stores/delete-custom-key-store.ts'
import { describeCustomKeyStores } from './stores/describe-custom-key-stores.ts'
import { disconnectCustomKeyStore } from './stores/disconnect-custom-key-store.ts'
import { updateCustomKeyStore } from './stores/update-custom-key-store.ts'
import { listResourceTags } from './tags/list-resource-tags.ts'
import { tagResource } from './tags/tag-resource.ts'
import { untagResource } from './tags/untag-resource.ts'
import { createKeyVersion } from './versions/create-key-version.ts'
import { listKeyVersions } from './versions/list-key-versions.ts'
import { updateKeyVersion } from './versions/update-key-version.ts'

/** The registry: every operation served. What must agree with it is derived from it. */
export const operations = [
  cancelKeyDeletion,
  connectCustomKeyStore,
  createAlias,
  createCustomKeyStore,
  createGrant,
  createKey,
  createKeyVersion,
  decapsulate,
  decrypt,
  deleteAlias,
  deleteCustomKeyStore,
  deleteImportedKeyMaterial,
  deriveSharedSecret,
  describeCustomKeyStores,
  describeKey,
  disableKey,
  disableKeyRotation,
  disconnectCustomKeyStore,
  enableKey,
  enableKeyRotation,
  encapsulate,
  encrypt,
  generateDataKey,
  generateDataKeyPair,
  generateDataKeyPairWithoutPlaintext,
  generateDataKeyWithoutPlaintext,
  generateMac,
  generateRandom,
  getKeyLastUsage,
  getKeyPolicy,
  getKeyRotationStatus,
  getParametersForImport,
  getPublicKey,
  importKeyMaterial,
  listAliases,
  listGrants,
  listKeyPolicies,
  listKeyRotations,
  listKeyVersions,
  listKeys,
  listResourceTags,
  listRetirableGrants,
  lookupEvents,
  putKeyPolicy,
  reEncrypt,
  replicateKey,
  retireGrant,
  revokeGrant,
  rotateKeyOnDemand,
  scheduleKeyDeletion,
  sign,
  tagResource,
  untagResource,
  updateAlias,
  updateCustomKeyStore,
  updateKeyDescription,
  updateKeyVersion,
  updatePrimaryRegion,
  verify,
  verifyMac,
] as const

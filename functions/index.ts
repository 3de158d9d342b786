import { cancelKeyDeletion } from './keys/cancel-key-deletion.ts'
import { createAlias } from './aliases/create-alias.ts'
import { createKey } from './keys/create-key.ts'
import { decrypt } from './cryptography/decrypt.ts'
import { deleteAlias } from './aliases/delete-alias.ts'
import { describeKey } from './keys/describe-key.ts'
import { disableKey } from './keys/disable-key.ts'
import { enableKey } from './keys/enable-key.ts'
import { encrypt } from './cryptography/encrypt.ts'
import { generateDataKeyWithoutPlaintext } from './cryptography/generate-data-key-without-plaintext.ts'
import { generateDataKey } from './cryptography/generate-data-key.ts'
import { generateRandom } from './cryptography/generate-random.ts'
import { getKeyPolicy } from './policies/get-key-policy.ts'
import { listAliases } from './aliases/list-aliases.ts'
import { listKeyPolicies } from './policies/list-key-policies.ts'
import { listKeys } from './keys/list-keys.ts'
import { listResourceTags } from './tags/list-resource-tags.ts'
import { putKeyPolicy } from './policies/put-key-policy.ts'
import { reEncrypt } from './cryptography/re-encrypt.ts'
import { scheduleKeyDeletion } from './keys/schedule-key-deletion.ts'
import { tagResource } from './tags/tag-resource.ts'
import { untagResource } from './tags/untag-resource.ts'
import { updateAlias } from './aliases/update-alias.ts'
import { updateKeyDescription } from './keys/update-key-description.ts'

/** The registry: every operation served. What must agree with it is derived from it. */
export const operations = [
  cancelKeyDeletion,
  createAlias,
  createKey,
  decrypt,
  deleteAlias,
  describeKey,
  disableKey,
  enableKey,
  encrypt,
  generateDataKey,
  generateDataKeyWithoutPlaintext,
  generateRandom,
  getKeyPolicy,
  listAliases,
  listKeyPolicies,
  listKeys,
  listResourceTags,
  putKeyPolicy,
  reEncrypt,
  scheduleKeyDeletion,
  tagResource,
  untagResource,
  updateAlias,
  updateKeyDescription,
] as const

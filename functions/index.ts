import { createAlias } from './aliases/create-alias.ts'
import { deleteAlias } from './aliases/delete-alias.ts'
import { listAliases } from './aliases/list-aliases.ts'
import { updateAlias } from './aliases/update-alias.ts'
import { decrypt } from './cryptography/decrypt.ts'
import { encrypt } from './cryptography/encrypt.ts'
import { generateDataKey } from './cryptography/generate-data-key.ts'
import { generateDataKeyWithoutPlaintext } from './cryptography/generate-data-key-without-plaintext.ts'
import { generateRandom } from './cryptography/generate-random.ts'
import { reEncrypt } from './cryptography/re-encrypt.ts'
import { cancelKeyDeletion } from './keys/cancel-key-deletion.ts'
import { createKey } from './keys/create-key.ts'
import { describeKey } from './keys/describe-key.ts'
import { disableKey } from './keys/disable-key.ts'
import { enableKey } from './keys/enable-key.ts'
import { listKeys } from './keys/list-keys.ts'
import { scheduleKeyDeletion } from './keys/schedule-key-deletion.ts'
import { updateKeyDescription } from './keys/update-key-description.ts'
import { getKeyPolicy } from './policies/get-key-policy.ts'
import { listKeyPolicies } from './policies/list-key-policies.ts'
import { putKeyPolicy } from './policies/put-key-policy.ts'
import { listResourceTags } from './tags/list-resource-tags.ts'
import { tagResource } from './tags/tag-resource.ts'
import { untagResource } from './tags/untag-resource.ts'

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

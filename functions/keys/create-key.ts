import { serve } from '../../lib/http/serve.ts'
import { creatable, newKey } from '../../lib/keys/creation.ts'
import { newMaterial } from '../../lib/keys/materials.ts'
import { metadataOf } from '../../lib/keys/metadata.ts'
import { policyFor } from '../../lib/keys/policies.ts'
import { withTags } from '../../lib/keys/tags.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  customKeyStoreId,
  description,
  keyMetadata,
  keyOrigin,
  keySpec,
  keyUsage,
  policy,
  tags,
  xksKeyId,
} from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const createKey = operation({
  name: 'CreateKey',
  readOnly: false,
  route: 'POST /keys',
  summary: 'Creates a key; its material is made in the HSM and stays there.',
  input: struct({
    Policy: policy,
    Description: description,
    KeyUsage: keyUsage,
    CustomerMasterKeySpec: keySpec,
    KeySpec: keySpec,
    Origin: withDefault(keyOrigin, 'AWS_KMS'),
    CustomKeyStoreId: customKeyStoreId,
    BypassPolicyLockoutSafetyCheck: withDefault(boolean, false),
    Tags: tags,
    MultiRegion: withDefault(boolean, false),
    XksKeyId: xksKeyId,
  }),
  output: struct({ KeyMetadata: required(keyMetadata) }),
  on: {},
  also: (input) => (input.Tags?.length ? ['kms:TagResource'] : []),
  needs: ['keyStore', 'hsm'],
  async run({ input, place, now, uuid, hsm, keyStore, permits }) {
    const key = newKey({
      id: uuid(),
      place,
      now,
      description: input.Description ?? '',
      tags: withTags({}, input.Tags ?? []),
      policy: policyFor(input, place, permits),
      ...creatable(input),
    })
    const material = await newMaterial(hsm, key, 1, now)
    const created = { ...key, currentMaterialId: material.id }
    await keyStore.create(created, material)
    return { KeyMetadata: metadataOf(created) }
  },
})

export const handler = serve(createKey)

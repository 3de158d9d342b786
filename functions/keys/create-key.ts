import { serve } from '../../lib/http/serve.ts'
import { creatable, newIds, newKey } from '../../lib/keys/creation.ts'
import { firstMaterial } from '../../lib/keys/materials.ts'
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
import { custodyOf } from '../../lib/stores/custody.ts'

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
  makes: ({ KeyMetadata }) => KeyMetadata.Arn,
  also: (input) => (input.Tags?.length ? ['kms:TagResource'] : []),
  needs: ['keyStore', 'hsm', 'keyStores', 'clusters', 'xks', 'directory'],
  async run({ input, place, now, uuid, permits, proxyCall, ...ports }) {
    const kind = creatable(input)
    const policy = await policyFor(input, place, permits, ports.directory)
    const custody = await custodyOf(input, place.account, newIds(input, uuid), ports, proxyCall)
    const key = newKey({
      id: custody.id,
      ...(custody.keyStore && { keyStore: custody.keyStore }),
      place,
      now,
      description: input.Description ?? '',
      tags: withTags({}, input.Tags ?? []),
      ...policy,
      ...kind,
    })
    const material = await firstMaterial(custody.hsm, key, now)
    const created = { ...key, ...(material && { currentMaterialId: material.id }) }
    await ports.keyStore.create(created, material)
    return { KeyMetadata: metadataOf(created, { state: created.state, clusterId: custody.clusterId }) }
  },
})

export const handler = serve(createKey)

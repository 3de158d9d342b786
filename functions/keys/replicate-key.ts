import { serve } from '../../lib/http/serve.ts'
import { replicaMetadata } from '../../lib/keys/metadata.ts'
import { demandReplicable, replicaOf } from '../../lib/keys/multi-region.ts'
import { policyFor } from '../../lib/keys/policies.ts'
import { states } from '../../lib/keys/states.ts'
import { withTags } from '../../lib/keys/tags.ts'
import { operation } from '../../lib/operation.ts'
import { demandCreation, replicate } from '../../lib/regions/replication.ts'
import { struct } from '../../lib/schema/collections.ts'
import { description, keyId, keyMetadata, policy, region, tags } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required, withDefault } from '../../lib/schema/shape.ts'

export const replicateKey = operation({
  name: 'ReplicateKey',
  readOnly: false,
  route: 'POST /keys/{KeyId}/replicas',
  summary: 'Makes a replica of a multi-Region primary key in another Region: same id, same material.',
  input: struct({
    KeyId: required(keyId),
    ReplicaRegion: required(region),
    Policy: policy,
    BypassPolicyLockoutSafetyCheck: withDefault(boolean, false),
    Description: description,
    Tags: tags,
  }),
  output: struct({ ReplicaKeyMetadata: keyMetadata, ReplicaPolicy: policy, ReplicaTags: tags }),
  on: { KeyId: { by: 'key', states: states.replicable } },
  further: { CreateKey: '`*` in the other Region', TagResource: '`*` in the other Region, with `Tags`' },
  needs: ['keyStore', 'materials', 'directory', 'peers'],
  async run({ input, keys: { KeyId: primary }, place, now, permits, demand, keyStore, materials, directory, peers }) {
    const { ReplicaRegion, Description = '', Tags = [] } = input
    demandReplicable(primary, ReplicaRegion, peers.regions)
    await demandCreation(demand, primary, input)
    const policy = await policyFor(input, place, permits, directory)
    const given = { ...policy, description: Description, tags: withTags({}, Tags) }
    const replica = replicaOf(primary, ReplicaRegion, given, now)
    await replicate({ keyStore, materials, peers }, primary, replica, now)
    return {
      ReplicaKeyMetadata: replicaMetadata(primary, replica),
      ReplicaPolicy: replica.policy,
      ReplicaTags: Tags.length > 0 ? Tags : undefined,
    }
  },
})

export const handler = serve(replicateKey)

import { serve } from '../../lib/http/serve.ts'
import { metadataOf } from '../../lib/keys/metadata.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantTokens, keyId, keyMetadata } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { standingOf } from '../../lib/stores/custody.ts'

export const describeKey = operation({
  name: 'DescribeKey',
  readOnly: true,
  route: 'GET /keys/{KeyId}',
  summary: 'Everything there is to know about a key, short of its material.',
  input: struct({ KeyId: required(keyId), GrantTokens: grantTokens }),
  output: struct({ KeyMetadata: required(keyMetadata) }),
  on: { KeyId: { by: 'any', states: states.present, foreign: true } },
  needs: ['keyStores'],
  async run({ keys, keyStores }) {
    return { KeyMetadata: metadataOf(keys.KeyId, await standingOf(keys.KeyId, keyStores)) }
  },
})

export const handler = serve(describeKey)

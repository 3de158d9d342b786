import { serve } from '../../lib/http/serve.ts'
import { metadataOf } from '../../lib/keys/metadata.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantTokens, keyId, keyMetadata } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const describeKey = operation({
  name: 'DescribeKey',
  readOnly: true,
  route: 'GET /keys/{KeyId}',
  summary: 'Everything there is to know about a key, short of its material.',
  input: struct({ KeyId: required(keyId), GrantTokens: grantTokens }),
  output: struct({ KeyMetadata: required(keyMetadata) }),
  on: { KeyId: { by: 'any', states: states.present, foreign: true } },
  needs: [],
  async run({ keys }) {
    return { KeyMetadata: metadataOf(keys.KeyId) }
  },
})

export const handler = serve(describeKey)

import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantId, grantToken } from '../../lib/schema/grants.ts'
import { dryRun, keyId } from '../../lib/schema/members.ts'

export const retireGrant = operation({
  name: 'RetireGrant',
  readOnly: false,
  route: 'POST /retire-grant',
  summary: 'Ends a grant, by somebody whom it lets do so: for when what it was for is done.',
  input: struct({ GrantToken: grantToken, KeyId: keyId, GrantId: grantId, DryRun: dryRun }),
  output: struct({}),
  on: {},
  onGrant: true,
  needs: ['keyStore', 'grants', 'grantTokens'],
  async run({ input, grant, grants }) {
    if (grant && !input.DryRun) await grants.remove(grant)
    return {}
  },
})

export const handler = serve(retireGrant)

import { existingGrant } from '../../lib/grants/finding.ts'
import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantId } from '../../lib/schema/grants.ts'
import { dryRun, keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const revokeGrant = operation({
  name: 'RevokeGrant',
  readOnly: false,
  route: 'DELETE /keys/{KeyId}/grants/{GrantId}',
  summary: 'Takes a grant back.',
  input: struct({ KeyId: required(keyId), GrantId: required(grantId), DryRun: dryRun }),
  output: struct({}),
  on: { KeyId: { by: 'key', states: states.present, foreign: true } },
  needs: ['grants'],
  async run({ input, keys, grants }) {
    const grant = await existingGrant(grants, keys.KeyId, input.GrantId)
    if (!input.DryRun) await grants.remove(grant)
    return {}
  },
})

export const handler = serve(revokeGrant)

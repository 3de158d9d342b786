import { demandGrantFits, demandGrantMembers, newGrant, storeGrant, unique } from '../../lib/grants/creation.ts'
import { serve } from '../../lib/http/serve.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import {
  constraints,
  grantId,
  grantName,
  grantToken,
  operationNames,
  principal,
  servicePrincipal,
} from '../../lib/schema/grants.ts'
import { dryRun, grantTokens, keyId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const createGrant = operation({
  name: 'CreateGrant',
  readOnly: false,
  route: 'POST /keys/{KeyId}/grants',
  summary: 'Lets somebody use a key, beside what policies allow.',
  input: struct({
    KeyId: required(keyId),
    GranteePrincipal: principal,
    RetiringPrincipal: principal,
    Operations: required(operationNames),
    Constraints: constraints,
    GrantTokens: grantTokens,
    Name: grantName,
    DryRun: dryRun,
    GranteeServicePrincipal: servicePrincipal,
    RetiringServicePrincipal: servicePrincipal,
  }),
  output: struct({ GrantToken: required(grantToken), GrantId: required(grantId) }),
  on: { KeyId: { by: 'key', states: states.grantable, foreign: true, fits: demandGrantFits } },
  demands: demandGrantMembers,
  needs: ['grants', 'grantTokens', 'directory'],
  async run({ input, keys, place, now, uuid, grants, grantTokens, directory }) {
    const grant = await newGrant(input, { key: keys.KeyId, place, now, uuid, directory })
    if (!input.DryRun) await storeGrant(grants, grant)
    return { GrantToken: await grantTokens.issue(grant, unique(uuid)), GrantId: grant.id }
  },
})

export const handler = serve(createGrant)

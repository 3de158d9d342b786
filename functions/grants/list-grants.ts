import { refuseServiceFilter } from '../../lib/grants/creation.ts'
import { entriesOf } from '../../lib/grants/entries.ts'
import { pageOfGrants } from '../../lib/grants/finding.ts'
import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging } from '../../lib/keys/pages.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantId, grantList, principal, servicePrincipal } from '../../lib/schema/grants.ts'
import { keyId, page } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const listGrants = operation({
  name: 'ListGrants',
  readOnly: true,
  route: 'GET /keys/{KeyId}/grants',
  summary: 'Lists the grants of a key.',
  input: struct({
    ...page,
    KeyId: required(keyId),
    GrantId: grantId,
    GranteePrincipal: principal,
    GranteeServicePrincipal: servicePrincipal,
  }),
  output: grantList,
  on: { KeyId: { by: 'key', states: states.present, foreign: true } },
  demands: refuseServiceFilter,
  needs: ['grants', 'directory'],
  async run({ input, keys, place, grants, directory }) {
    const wanted = pageOf(input, paging.grants)
    const { items, more } = await pageOfGrants(grants, keys.KeyId, input, wanted, place, directory)
    return {
      Grants: await entriesOf(items, place, directory),
      ...endOf(paging.grants, more, items.at(-1)?.id),
    }
  },
})

export const handler = serve(listGrants)

import { demandRetiringMember } from '../../lib/grants/creation.ts'
import { entriesOf } from '../../lib/grants/entries.ts'
import { retirableSortValue } from '../../lib/grants/grant.ts'
import { retiringPrincipal } from '../../lib/grants/principals.ts'
import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging } from '../../lib/keys/pages.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { grantList, principal, servicePrincipal } from '../../lib/schema/grants.ts'
import { page } from '../../lib/schema/members.ts'

export const listRetirableGrants = operation({
  name: 'ListRetirableGrants',
  readOnly: true,
  route: 'GET /retirable-grants',
  summary: 'Lists the grants, of whatever key, that somebody in the account may retire.',
  input: struct({ ...page, RetiringPrincipal: principal, RetiringServicePrincipal: servicePrincipal }),
  output: grantList,
  on: {},
  demands: demandRetiringMember,
  needs: ['grants', 'directory'],
  async run({ input, place, grants, directory }) {
    const wanted = pageOf(input, paging.retirableGrants)
    const bound = await retiringPrincipal(input.RetiringPrincipal ?? '', place, directory)
    const { items, more } = await grants.retirableBy(bound, wanted)
    const last = items.at(-1)
    return {
      Grants: await entriesOf(items, place, directory),
      ...endOf(paging.retirableGrants, more, last && retirableSortValue(last)),
    }
  },
})

export const handler = serve(listRetirableGrants)

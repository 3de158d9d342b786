import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging, slice } from '../../lib/keys/pages.ts'
import { states } from '../../lib/keys/states.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { keyId, page, pageEnd, policyName } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

export const listKeyPolicies = operation({
  name: 'ListKeyPolicies',
  readOnly: true,
  route: 'GET /keys/{KeyId}/policies',
  summary: 'The names of the policies of a key: there is one, `default`.',
  input: struct({ KeyId: required(keyId), ...page }),
  output: struct({ PolicyNames: required(list(policyName)), ...pageEnd }),
  on: { KeyId: { by: 'key', states: states.present } },
  needs: [],
  async run({ input }) {
    const { items, more } = slice(['default'], (name) => name, pageOf(input, paging.policies))
    return { PolicyNames: items, ...endOf(paging.policies, more, items.at(-1)) }
  },
})

export const handler = serve(listKeyPolicies)

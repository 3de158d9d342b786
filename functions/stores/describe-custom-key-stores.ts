import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { keyStoreEntries, keyStoreName } from '../../lib/schema/key-stores.ts'
import { customKeyStoreId, page, pageEnd } from '../../lib/schema/members.ts'
import { described, refuseIdAndName } from '../../lib/stores/finding.ts'

export const describeCustomKeyStores = operation({
  name: 'DescribeCustomKeyStores',
  readOnly: true,
  route: 'GET /custom-key-stores',
  summary: 'The custom key stores of the account, or one by id or name; never their secrets.',
  input: struct({ CustomKeyStoreId: customKeyStoreId, CustomKeyStoreName: keyStoreName, ...page }),
  output: struct({ CustomKeyStores: keyStoreEntries, ...pageEnd }),
  on: {},
  demands: refuseIdAndName,
  needs: ['keyStores'],
  async run({ input, place, keyStores }) {
    return described(await keyStores.of(place.account), input)
  },
})

export const handler = serve(describeCustomKeyStores)

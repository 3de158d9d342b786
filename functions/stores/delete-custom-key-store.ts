import { serve } from '../../lib/http/serve.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { customKeyStoreId } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'
import { demandDeletable } from '../../lib/stores/changes.ts'
import { storeToChange, withoutStore } from '../../lib/stores/finding.ts'

export const deleteCustomKeyStore = operation({
  name: 'DeleteCustomKeyStore',
  readOnly: false,
  route: 'DELETE /custom-key-stores/{CustomKeyStoreId}',
  summary: 'Forgets a custom key store that is disconnected and has no keys; what it stood for stays as it is.',
  input: struct({ CustomKeyStoreId: required(customKeyStoreId) }),
  output: struct({}),
  on: {},
  needs: ['keyStores', 'keyStore'],
  async run({ input, place: { account }, keyStores, keyStore }) {
    const { all, store } = await storeToChange(keyStores, account, input.CustomKeyStoreId)
    await demandDeletable(store, account, keyStore)
    await keyStores.replace(withoutStore(all, store))
    return {}
  },
})

export const handler = serve(deleteCustomKeyStore)

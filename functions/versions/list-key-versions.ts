import { serve } from '../../lib/http/serve.ts'
import { endOf, pageOf, paging, slice } from '../../lib/keys/pages.ts'
import { states } from '../../lib/keys/states.ts'
import { versionEntry, versionSortValue, versionsOf } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { list, struct } from '../../lib/schema/collections.ts'
import { keyId, keyVersion, page, pageEnd } from '../../lib/schema/members.ts'
import { required } from '../../lib/schema/shape.ts'

/** An extension: AWS KMS lists the material of symmetric keys only, as rotations. */
export const listKeyVersions = operation({
  name: 'ListKeyVersions',
  readOnly: true,
  route: 'GET /keys/{KeyId}/versions',
  summary: 'Every version of a key of any spec, oldest first, with its public key.',
  input: struct({ KeyId: required(keyId), ...page }),
  output: struct({ KeyId: required(keyId), KeyVersions: required(list(keyVersion)), ...pageEnd }),
  on: { KeyId: { by: 'key', states: states.present } },
  needs: ['materials'],
  async run({ input, keys: { KeyId: key }, materials }) {
    const versions = await versionsOf(materials, key)
    const { items, more } = slice(versions, versionSortValue, pageOf(input, paging.versions))
    const last = items.at(-1)
    return {
      KeyId: key.arn,
      KeyVersions: items.map((version) => versionEntry(key, version)),
      ...endOf(paging.versions, more, last && versionSortValue(last)),
    }
  },
})

export const handler = serve(listKeyVersions)

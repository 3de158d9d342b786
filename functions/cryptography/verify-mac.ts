import { equal } from '../../lib/bytes.ts'
import { KMSInvalidMacException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { macs } from '../../lib/keys/rules.ts'
import { firstOf, toldVersion, versionsToTry } from '../../lib/keys/versions.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { dryRun, grantTokens, keyId, keyVersionId, mac, macAlgorithm, message } from '../../lib/schema/members.ts'
import { boolean } from '../../lib/schema/scalars.ts'
import { required } from '../../lib/schema/shape.ts'

export const verifyMac = operation({
  name: 'VerifyMac',
  readOnly: true,
  route: 'POST /keys/{KeyId}/verify-mac',
  summary: 'Verifies an HMAC; one that is not right is an error, never an answer.',
  input: struct({
    Message: required(message),
    KeyId: required(keyId),
    MacAlgorithm: required(macAlgorithm),
    Mac: required(mac),
    GrantTokens: grantTokens,
    DryRun: dryRun,
    KeyVersionId: keyVersionId,
  }),
  output: struct({
    KeyId: required(keyId),
    MacValid: required(boolean),
    MacAlgorithm: required(macAlgorithm),
    KeyVersionId: keyVersionId,
  }),
  on: { KeyId: macs },
  needs: ['materials', 'hsm'],
  async run({ input, keys, materials, hsm, note }) {
    const { Message, Mac, MacAlgorithm, KeyVersionId } = input
    const maker = await firstOf(versionsToTry(materials, keys.KeyId, KeyVersionId), async (version) =>
      equal(await hsm.generateMac(version, Message), Mac),
    )
    if (!maker) throw new KMSInvalidMacException()
    note({ keyMaterialId: maker.id })
    return { KeyId: keys.KeyId.arn, MacValid: true, MacAlgorithm, ...toldVersion(keys.KeyId, maker) }
  },
})

export const handler = serve(verifyMac)

import { ValidationException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { ciphertext, customKeyStoreId, numberOfBytes, plaintext, recipient } from '../../lib/schema/members.ts'
import { randomSource } from '../../lib/stores/finding.ts'

export const generateRandom = operation({
  name: 'GenerateRandom',
  readOnly: true,
  route: 'POST /random',
  summary: "Random bytes from the HSM's generator.",
  input: struct({ NumberOfBytes: numberOfBytes, CustomKeyStoreId: customKeyStoreId, Recipient: recipient }),
  output: struct({ Plaintext: plaintext, CiphertextForRecipient: ciphertext }),
  on: {},
  demands(input) {
    if (input.NumberOfBytes === undefined) throw new ValidationException('NumberOfBytes is required.')
  },
  needs: ['hsm', 'keyStores', 'clusters'],
  async run({ input, hsm, keyStores, clusters, place, recipient: to }) {
    const source = await randomSource({ hsm, keyStores, clusters }, place.account, input.CustomKeyStoreId)
    return answerTo(to, hsm, 'Plaintext', await source.random(input.NumberOfBytes ?? 0))
  },
})

export const handler = serve(generateRandom)

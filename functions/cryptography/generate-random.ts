import { ValidationException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { answerTo } from '../../lib/keys/recipients.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { ciphertext, customKeyStoreId, numberOfBytes, plaintext, recipient } from '../../lib/schema/members.ts'
import { demandRandomOf } from '../../lib/stores/finding.ts'

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
  needs: ['hsm', 'keyStores'],
  async run({ input, hsm, keyStores, place, recipient: to }) {
    await demandRandomOf(keyStores, place.account, input.CustomKeyStoreId)
    return answerTo(to, hsm, 'Plaintext', await hsm.random(input.NumberOfBytes ?? 0))
  },
})

export const handler = serve(generateRandom)

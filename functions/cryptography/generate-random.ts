import { ValidationException } from '../../lib/errors.ts'
import { serve } from '../../lib/http/serve.ts'
import { refuseCustomKeyStore, refuseRecipient } from '../../lib/keys/demands.ts'
import { operation } from '../../lib/operation.ts'
import { struct } from '../../lib/schema/collections.ts'
import { ciphertext, customKeyStoreId, numberOfBytes, plaintext, recipient } from '../../lib/schema/members.ts'

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
    refuseCustomKeyStore(input)
    refuseRecipient(input)
  },
  needs: ['hsm'],
  async run({ input, hsm }) {
    return { Plaintext: await hsm.random(input.NumberOfBytes ?? 0) }
  },
})

export const handler = serve(generateRandom)

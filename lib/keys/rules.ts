import { states } from './states.ts'

const encryptsOrDecrypts = { by: 'any', usage: 'ENCRYPT_DECRYPT', states: states.usable, foreign: true } as const

/**
 * What encrypting and decrypting ask of a key.
 * @param side what the names of the algorithm's and the context's members begin with
 * @param ciphertext the member that holds a ciphertext, which names its key itself
 */
export const encryption = (side: '' | 'Source' | 'Destination', ciphertext?: string) => ({
  ...encryptsOrDecrypts,
  encryption: {
    algorithm: `${side}EncryptionAlgorithm`,
    context: `${side}EncryptionContext`,
    ...(ciphertext !== undefined && { ciphertext }),
  },
})

/** What making data keys asks of one: always SYMMETRIC_DEFAULT. */
export const dataKeys = { ...encryptsOrDecrypts, encryption: { context: 'EncryptionContext' } } as const

import type { KeyUsage } from '../crypto/specs.ts'
import {
  demandAlgorithm,
  demandEncryption,
  demandMessage,
  demandPublicKey,
  demandSymmetric,
  type Input,
} from './algorithms.ts'
import type { Key } from './key.ts'
import { refuseCustomStore } from './rotation.ts'
import { states } from './states.ts'

const usable = <U extends KeyUsage>(usage: U) => ({ by: 'any', usage, states: states.usable, foreign: true }) as const

/**
 * What encrypting and decrypting ask of a key.
 * @param side what the names of the algorithm's and the context's members begin with
 * @param ciphertext the member that holds a ciphertext, which names its key itself
 */
export const encryption = (side: '' | 'Source' | 'Destination', ciphertext?: string) => {
  const algorithm = `${side}EncryptionAlgorithm`
  const context = `${side}EncryptionContext`
  return {
    ...usable('ENCRYPT_DECRYPT'),
    encryption: { algorithm, context, ...(ciphertext !== undefined && { ciphertext }) },
    fits: (key: Key, input: Input) => demandEncryption(key, input[algorithm], input[context]),
  }
}

/** The two keys of ReEncrypt, each permitted by an action of its own. */
export const reEncryption = {
  SourceKeyId: { ...encryption('Source', 'CiphertextBlob'), action: 'kms:ReEncryptFrom' },
  DestinationKeyId: { ...encryption('Destination'), action: 'kms:ReEncryptTo' },
}

const madeUnder = (what: 'data key' | 'data key pair') => ({
  ...usable('ENCRYPT_DECRYPT'),
  encryption: { context: 'EncryptionContext' },
  fits: (key: Key) => demandSymmetric(key, what),
})

/** What making data keys, and pairs of them, asks of a key: always SYMMETRIC_DEFAULT. */
export const dataKeys = madeUnder('data key')
export const dataKeyPairs = { ...madeUnder('data key pair'), demands: refuseCustomStore }

/** Sign, Verify. */
export const signing = { ...usable('SIGN_VERIFY'), fits: demandMessage }

const using = (usage: KeyUsage, algorithm: string) => ({
  ...usable(usage),
  fits: (key: Key, input: Input) => demandAlgorithm(key, input[algorithm]),
})

/** GenerateMac, VerifyMac. */
export const macs = using('GENERATE_VERIFY_MAC', 'MacAlgorithm')
/** DeriveSharedSecret. */
export const agreement = using('KEY_AGREEMENT', 'KeyAgreementAlgorithm')
/** Encapsulate, Decapsulate. */
export const encapsulation = using('ENCAPSULATE_DECAPSULATE', 'EncapsulationAlgorithm')

/** GetPublicKey. */
export const publication = { by: 'any', states: states.published, foreign: true, fits: demandPublicKey } as const

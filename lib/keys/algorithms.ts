import { signingAlgorithms } from '../crypto/signing.ts'
import { algorithmsOf, keySpecs } from '../crypto/specs.ts'
import { InvalidKeyUsageException, UnsupportedOperationException, ValidationException } from '../errors.ts'
import type { MessageType } from '../ports.ts'
import type { Key } from './key.ts'

/** The input as the rule of a key sees it: of an operation that has the members which the rule is about. */
export type Input = Readonly<Record<string, unknown>>

/** @throws InvalidKeyUsageException where the key's spec has no such algorithm (kms-api.md §2.3) */
export function demandAlgorithm(key: Key, algorithm: unknown): void {
  if (!algorithmsOf(key.spec, key.usage).includes(String(algorithm))) {
    throw new InvalidKeyUsageException(`Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`)
  }
}

/** @throws InvalidKeyUsageException, ValidationException where a key cannot encrypt as asked (kms-api.md §4.3) */
export function demandEncryption(key: Key, algorithm: unknown, context: unknown): void {
  demandAlgorithm(key, algorithm)
  if (algorithm !== 'SYMMETRIC_DEFAULT' && Object.keys(context ?? {}).length > 0) {
    throw new ValidationException('EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.')
  }
}

/** @throws InvalidKeyUsageException where a data key would be encrypted under anything but a symmetric key */
export function demandSymmetric(key: Key, what: 'data key' | 'data key pair'): void {
  if (keySpecs[key.spec].family === 'asymmetric') {
    throw new InvalidKeyUsageException(`You cannot generate a ${what} with an asymmetric CMK`)
  }
}

/** @throws InvalidKeyUsageException, ValidationException, UnsupportedOperationException (kms-api.md §12.1) */
export function demandMessage(key: Key, input: Input): void {
  const algorithm = String(input.SigningAlgorithm)
  demandAlgorithm(key, algorithm)
  const type = input.MessageType as MessageType
  const form = signingAlgorithms[algorithm]?.[type]
  if (!form) {
    // AWS blames the algorithm where another one of the same key would take the message.
    const others = algorithmsOf(key.spec, key.usage).some((other) => signingAlgorithms[other]?.[type])
    const what = others ? `algorithm ${algorithm}` : `key spec ${key.spec}`
    throw new ValidationException(`Message type ${type} is incompatible with ${what}.`)
  }
  if (form.bytes !== undefined && (input.Message as Uint8Array).length !== form.bytes) {
    throw new ValidationException(`Digest is invalid length for algorithm ${algorithm}.`)
  }
  if (!form.verify) {
    throw new UnsupportedOperationException(`Message type ${type} is not supported for algorithm ${algorithm}.`)
  }
}

/** @throws UnsupportedOperationException without a message, for keys that have no public half */
export function demandPublicKey(key: Key): void {
  if (keySpecs[key.spec].family !== 'asymmetric') throw new UnsupportedOperationException()
}

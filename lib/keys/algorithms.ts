import { keySpecs } from '../crypto/specs.ts'
import { InvalidKeyUsageException, ValidationException } from '../errors.ts'
import type { Key } from './key.ts'

interface EncryptionMembers {
  readonly algorithm?: string
  readonly context: string
}

/** @throws InvalidKeyUsageException, ValidationException where a key cannot encrypt as the input says (kms-api.md §4.3) */
export function demandAlgorithm(key: Key, members: EncryptionMembers, input: Readonly<Record<string, unknown>>): void {
  const algorithm = members.algorithm === undefined ? 'SYMMETRIC_DEFAULT' : String(input[members.algorithm])
  const known: readonly string[] = keySpecs[key.spec].encryption
  if (!known.includes(algorithm)) {
    throw new InvalidKeyUsageException(`Algorithm ${algorithm} is incompatible with key spec ${key.spec}.`)
  }
  const context = input[members.context] as Readonly<Record<string, string>> | undefined
  if (algorithm !== 'SYMMETRIC_DEFAULT' && context && Object.keys(context).length > 0) {
    throw new ValidationException('EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.')
  }
}

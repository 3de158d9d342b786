/** What AWS demands of an input beyond its model, member against member. Each throws ValidationException. */
import { ValidationException } from '../errors.ts'

interface DryRunInput {
  readonly CiphertextBlob?: Uint8Array | undefined
  readonly DryRun?: boolean | undefined
  readonly DryRunModifiers?: readonly string[] | undefined
}

/** A ciphertext may be left out only of a dry run that says so (kms-api.md §1.3). */
export function demandCiphertext(input: DryRunInput): void {
  const ignored = input.DryRunModifiers?.includes('IGNORE_CIPHERTEXT') ?? false
  if (input.DryRunModifiers && !input.DryRun) {
    throw new ValidationException('DryRunModifiers can only be specified when DryRun is true')
  }
  if (input.CiphertextBlob === undefined && !ignored) {
    throw new ValidationException(
      "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
    )
  }
}

interface DataKeyInput {
  readonly KeySpec?: string | undefined
  readonly NumberOfBytes?: number | undefined
}

const bytesOf: Readonly<Record<string, number>> = { AES_128: 16, AES_256: 32 }

/** How many bytes a data key has: by its spec or by number, one of the two. */
export function dataKeyLength(input: DataKeyInput): number {
  if ((input.KeySpec === undefined) === (input.NumberOfBytes === undefined)) {
    throw new ValidationException('Please specify either number of bytes or key spec.')
  }
  return input.NumberOfBytes ?? bytesOf[input.KeySpec ?? ''] ?? 0
}

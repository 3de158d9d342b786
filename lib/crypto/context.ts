import { concat, lengthPrefixed, utf8 } from '../bytes.ts'
import { ValidationException } from '../errors.ts'

/** Additional authenticated data chosen by the caller: public, exact, case-sensitive, in no particular order. */
export type EncryptionContext = Readonly<Record<string, string>>

/** kms-api.md §13 item 9: no confirmed figure; 8192 bytes of names and values are commonly cited. */
const maxBytes = 8192

const byteOrder = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

/**
 * One byte string for one context, whatever the order of its pairs: each name and value length-prefixed, sorted
 * by the names' UTF-8 bytes. No context and an empty one are the same: zero bytes.
 *
 * @throws ValidationException when names and values are more than 8192 bytes together
 */
export function canonicalContext(context: EncryptionContext): Uint8Array {
  const pairs = Object.entries(context).map(([name, value]) => [utf8(name), utf8(value)] as const)
  const size = pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (size > maxBytes) throw new ValidationException(`EncryptionContext is larger than ${maxBytes} bytes.`)
  pairs.sort(([a], [b]) => byteOrder(a, b))
  return concat(...pairs.flat().map(lengthPrefixed))
}

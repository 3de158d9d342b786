/** Whole numbers and bytes, for what is public: nothing here takes the same time for every value. */
import { fromHex, hex } from '../bytes.ts'

export const numberOf = (bytes: Uint8Array): bigint => (bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`))

/** Big-endian. @param length at least what the number needs */
export const bytesOf = (number: bigint, length: number): Uint8Array =>
  fromHex(number.toString(16).padStart(2 * length, '0'))

/** The remainder that is not negative. */
export const modulo = (number: bigint, modulus: bigint): bigint => {
  const rest = number % modulus
  return rest < 0n ? rest + modulus : rest
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = modulo(base, modulus)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** @param modulus a prime that does not divide the number */
export const inverse = (number: bigint, modulus: bigint): bigint => power(number, modulus - 2n, modulus)

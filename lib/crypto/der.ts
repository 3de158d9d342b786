/** The DER that public keys and signatures are made of (X.690), written; reading is left to node:crypto. */
import { concat } from '../bytes.ts'

function lengthOf(count: number): readonly number[] {
  if (count < 0x80) return [count]
  return count < 0x100 ? [0x81, count] : [0x82, count >> 8, count & 0xff]
}

/** @param parts the content, under 64 KB in all */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts)
  return concat(Uint8Array.of(tag, ...lengthOf(content.length)), content)
}

export const sequence = (...members: readonly Uint8Array[]): Uint8Array => tagged(0x30, ...members)
export const octetString = (content: Uint8Array): Uint8Array => tagged(0x04, content)
/** Of whole bytes. */
export const bitString = (content: Uint8Array): Uint8Array => tagged(0x03, Uint8Array.of(0), content)
export const nothing: Uint8Array = Uint8Array.of(0x05, 0)

/** @param magnitude of a number that is not negative, big-endian, with any zeros before it */
export function integer(magnitude: Uint8Array): Uint8Array {
  const first = magnitude.findIndex((byte) => byte !== 0)
  const significant = first === -1 ? Uint8Array.of(0) : magnitude.subarray(first)
  const sign = (significant[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array()
  return tagged(0x02, sign, significant)
}

/** @param dotted `1.2.840.10045.2.1` */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const base128 = (arc: number): readonly number[] => {
    const digits = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left & 0x7f))
    return digits
  }
  return tagged(0x06, Uint8Array.from([40 * first + second, ...rest].flatMap(base128)))
}

/** ECDSA's r ‖ s, each half of the bytes, as the SEQUENCE that X.509 and AWS use. */
export function ecdsaSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

export const rsaPublicKey = (modulus: Uint8Array, exponent: Uint8Array): Uint8Array =>
  sequence(
    sequence(objectIdentifier('1.2.840.113549.1.1.1'), nothing),
    bitString(sequence(integer(modulus), integer(exponent))),
  )

/** @param point 0x04 ‖ X ‖ Y */
export const ecPublicKey = (curve: string, point: Uint8Array): Uint8Array =>
  sequence(sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier(curve)), bitString(point))

/** `[number] EXPLICIT` */
export const explicit = (number: number, content: Uint8Array): Uint8Array => tagged(0xa0 + number, content)

export const set = (...members: readonly Uint8Array[]): Uint8Array => tagged(0x31, ...members)

/** `[number] IMPLICIT`, of a primitive type. */
export const implicit = (number: number, content: Uint8Array): Uint8Array => tagged(0x80 + number, content)

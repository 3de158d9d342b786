/** Byte strings are `Uint8Array` everywhere; text exists at the wire and in records only. */
import { timingSafeEqual } from 'node:crypto'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** The text of UTF-8 bytes. Throws TypeError when they are not well-formed UTF-8. */
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Big-endian 32-bit length, then the bytes: a list of these can be read back in one way only. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + bytes.length)
  new DataView(out.buffer).setUint32(0, bytes.length)
  out.set(bytes, 4)
  return out
}

/** Equality in time that depends on the lengths alone. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b)

/** Uses secret bytes that nobody gets, and wipes them whatever happens. */
export async function wipedAfter<T>(secret: Uint8Array, use: (secret: Uint8Array) => Promise<T>): Promise<T> {
  try {
    return await use(secret)
  } finally {
    secret.fill(0)
  }
}

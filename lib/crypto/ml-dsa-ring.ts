/**
 * The ring that ML-DSA computes in (FIPS 204 §2.3, §7.3, §7.5): polynomials of 256 coefficients modulo q. Arithmetic is
 * multiplications, additions and masks on whole numbers below 2^53, without a branch or a division that a secret decides.
 */
import { createHash } from 'node:crypto'

export const q = 8380417
const inverseOfQ = 1 / q
export type Polynomial = Int32Array
export type Vector = readonly Polynomial[]

export const zero = (): Polynomial => new Int32Array(256)

/** @param value at least -q, below 2q */
const settled = (value: number): number => {
  const below = value - q
  const lifted = below + (q & (below >> 31))
  return lifted + (q & (lifted >> 31))
}

/** @param value at least 0, below 2^53 */
export const reduced = (value: number): number => settled(value - Math.floor(value * inverseOfQ) * q)

/** The representative from -(q-1)/2 to (q-1)/2 of a coefficient from 0 to q-1. */
export const centred = (value: number): number => value - (q & (((q - 1) / 2 - value) >> 31))

const at = (values: Int32Array, index: number): number => values[index] ?? 0

function powerOf1753(exponent: number): number {
  let result = 1
  for (let left = 0; left < exponent; left++) result = reduced(result * 1753)
  return result
}
const reversed = (index: number): number =>
  Number.parseInt(index.toString(2).padStart(8, '0').split('').reverse().join(''), 2)
const zetas = Int32Array.from({ length: 256 }, (_, index) => powerOf1753(reversed(index)))
const inverseOf256 = 8347681

export function ntt(polynomial: Polynomial): Polynomial {
  const w = polynomial.map((each) => settled(each))
  let m = 0
  for (let length = 128; length >= 1; length >>= 1) {
    for (let start = 0; start < 256; start += 2 * length) {
      const z = at(zetas, ++m)
      for (let j = start; j < start + length; j++) {
        const t = reduced(z * at(w, j + length))
        const u = at(w, j)
        w[j + length] = settled(u - t)
        w[j] = settled(u + t)
      }
    }
  }
  return w
}

export function inverseNtt(polynomial: Polynomial): Polynomial {
  const w = Int32Array.from(polynomial)
  let m = 256
  for (let length = 1; length < 256; length <<= 1) {
    for (let start = 0; start < 256; start += 2 * length) {
      const z = q - at(zetas, --m)
      for (let j = start; j < start + length; j++) {
        const t = at(w, j)
        const u = at(w, j + length)
        w[j] = settled(t + u)
        w[j + length] = reduced(z * settled(t - u))
      }
    }
  }
  for (let j = 0; j < 256; j++) w[j] = reduced(at(w, j) * inverseOf256)
  return w
}

export const sum = (a: Polynomial, b: Polynomial): Polynomial => a.map((each, index) => settled(each + at(b, index)))
export const difference = (a: Polynomial, b: Polynomial): Polynomial =>
  a.map((each, index) => settled(each - at(b, index)))
/** Of two in NTT form. */
export const product = (a: Polynomial, b: Polynomial): Polynomial =>
  a.map((each, index) => reduced(each * at(b, index)))

/** A matrix and a vector, both in NTT form. */
export const applied = (matrix: readonly Vector[], vector: Vector): Vector =>
  matrix.map((row) => row.map((each, index) => product(each, vector[index] ?? zero())).reduce(sum))

const xof = (name: 'shake128' | 'shake256', outputLength: number, ...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash(name, { outputLength })
  for (const part of parts) hash.update(part)
  return hash.digest()
}
/** H of FIPS 204. */
export const hashed = (length: number, ...parts: readonly Uint8Array[]): Buffer => xof('shake256', length, ...parts)

/** Takes from an endless stream until there is enough: asked again for twice as much, it begins the same. */
function drawn<T>(stream: (length: number) => Buffer, take: (bytes: Buffer) => T | undefined, length: number): T {
  const bytes = stream(length)
  try {
    return take(bytes) ?? drawn(stream, take, 2 * length)
  } finally {
    bytes.fill(0)
  }
}

/** ExpandA: public, in NTT form. */
export function expandedMatrix(rho: Uint8Array, rows: number, columns: number): readonly Vector[] {
  const entry = (row: number, column: number): Polynomial =>
    drawn(
      (length) => xof('shake128', length, rho, Uint8Array.of(column, row)),
      (bytes) => {
        const made = zero()
        let count = 0
        for (let i = 0; i + 3 <= bytes.length && count < 256; i += 3) {
          const value = bytes.readUIntLE(i, 3) & 0x7fffff
          if (value < q) made[count++] = value
        }
        return count === 256 ? made : undefined
      },
      1024,
    )
  return Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) => entry(row, column)))
}

/** RejBoundedPoly: which candidates are refused is seen from outside, not what the taken ones are. */
export const boundedPolynomial = (seed: Uint8Array, nonce: number, eta: number): Polynomial =>
  drawn(
    (length) => hashed(length, seed, Uint8Array.of(nonce & 0xff, nonce >> 8)),
    (bytes) => {
      const made = zero()
      let count = 0
      for (const nibble of Array.from(bytes).flatMap((byte) => [byte & 15, byte >> 4])) {
        if (count === 256) break
        if (eta === 2 && nibble < 15) made[count++] = settled(2 - (nibble - 5 * ((nibble * 205) >> 10)))
        if (eta === 4 && nibble < 9) made[count++] = settled(4 - nibble)
      }
      return count === 256 ? made : undefined
    },
    512,
  )

/** SampleInBall: tau coefficients of 1 or -1, the rest 0. */
export const challengePolynomial = (seed: Uint8Array, tau: number): Polynomial =>
  drawn(
    (length) => hashed(length, seed),
    (bytes) => {
      const made = zero()
      let next = 8
      for (let i = 256 - tau; i < 256; i++) {
        while (next < bytes.length && (bytes[next] ?? 0) > i) next++
        const j = bytes[next++]
        if (j === undefined) return undefined
        const bit = i + tau - 256
        made[i] = at(made, j)
        made[j] = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1 ? q - 1 : 1
      }
      return made
    },
    512,
  )

/** Values below 2^bits, little-endian, one after the other. */
export function packed(values: Int32Array, bits: number): Uint8Array {
  const out = new Uint8Array((values.length * bits) / 8)
  values.forEach((value, index) => {
    for (let bit = 0; bit < bits; bit++) {
      const place = index * bits + bit
      out[place >> 3] = (out[place >> 3] ?? 0) | (((value >> bit) & 1) << (place & 7))
    }
  })
  return out
}

export function unpacked(bytes: Uint8Array, bits: number): Int32Array {
  const out = zero()
  for (let place = 0; place < 256 * bits; place++) {
    const index = Math.floor(place / bits)
    out[index] = at(out, index) | ((((bytes[place >> 3] ?? 0) >> (place & 7)) & 1) << (place % bits))
  }
  return out
}

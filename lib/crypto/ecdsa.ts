/**
 * ECDSA over a digest (FIPS 186-5 §6.4.2): node:crypto verifies messages only, and hashes them itself. All of it is
 * public, so it need not take constant time; an untrusted signature cannot make it take long either.
 */
import type { KeyObject } from 'node:crypto'
import { type Curve, curves } from './curves.ts'
import { ecdsaSignature } from './der.ts'
import { bytesOf, inverse, modulo, numberOf } from './numbers.ts'

/** Jacobian coordinates: (X/Z², Y/Z³); Z is zero at infinity. */
type Point = readonly [x: bigint, y: bigint, z: bigint]

const infinity: Point = [1n, 1n, 0n]

function doubled([x, y, z]: Point, { p, a }: Curve): Point {
  if (z === 0n || y === 0n) return infinity
  const yy = (y * y) % p
  const s = (4n * x * yy) % p
  const zz = (z * z) % p
  const m = (3n * x * x + a * zz * zz) % p
  const x3 = modulo(m * m - 2n * s, p)
  return [x3, modulo(m * (s - x3) - 8n * yy * yy, p), (2n * y * z) % p]
}

function sum(one: Point, other: Point, curve: Curve): Point {
  if (one[2] === 0n) return other
  if (other[2] === 0n) return one
  const { p } = curve
  const [x1, y1, z1] = one
  const [x2, y2, z2] = other
  const zz1 = (z1 * z1) % p
  const zz2 = (z2 * z2) % p
  const u1 = (x1 * zz2) % p
  const s1 = (y1 * zz2 * z2) % p
  const h = modulo(x2 * zz1 - u1, p)
  const r = modulo(y2 * zz1 * z1 - s1, p)
  if (h === 0n) return r === 0n ? doubled(one, curve) : infinity
  const hh = (h * h) % p
  const hhh = (h * hh) % p
  const v = (u1 * hh) % p
  const x3 = modulo(r * r - hhh - 2n * v, p)
  return [x3, modulo(r * (v - x3) - s1 * hhh, p), (z1 * z2 * h) % p]
}

/** a·G + b·Q, both at once. */
function combined(a: bigint, b: bigint, point: Point, curve: Curve): Point {
  const generator: Point = [curve.x, curve.y, 1n]
  const both = sum(generator, point, curve)
  let result = infinity
  for (let bit = BigInt(8 * curve.bytes - 1); bit >= 0n; bit--) {
    result = doubled(result, curve)
    const ofA = (a >> bit) & 1n
    const ofB = (b >> bit) & 1n
    if (ofA && ofB) result = sum(result, both, curve)
    else if (ofA) result = sum(result, generator, curve)
    else if (ofB) result = sum(result, point, curve)
  }
  return result
}

/** The two numbers of a DER signature, taken only as DER itself would write them. */
function parsed(signature: Uint8Array, curve: Curve): readonly [r: bigint, s: bigint] | undefined {
  const content = signature[1] === 0x81 ? 3 : 2
  const lengthOfR = signature[content + 1] ?? 0
  const lengthOfS = signature[content + 3 + lengthOfR] ?? 0
  const r = numberOf(signature.subarray(content + 2, content + 2 + lengthOfR))
  const s = numberOf(signature.subarray(content + 4 + lengthOfR, content + 4 + lengthOfR + lengthOfS))
  if (r === 0n || s === 0n || r >= curve.order || s >= curve.order) return undefined
  const raw = new Uint8Array(2 * curve.bytes)
  raw.set(bytesOf(r, curve.bytes))
  raw.set(bytesOf(s, curve.bytes), curve.bytes)
  return Buffer.from(ecdsaSignature(raw)).equals(signature) ? [r, s] : undefined
}

/** @param digest no longer than the curve's order, as every algorithm of ours has it */
export function verifyEcdsaDigest(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  const curve = Object.values<Curve>(curves).find(({ name }) => name === namedCurve)
  const numbers = curve && parsed(signature, curve)
  if (!numbers) return false
  const [r, s] = numbers
  const { order, p } = curve
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point: Point = [numberOf(Buffer.from(x, 'base64url')), numberOf(Buffer.from(y, 'base64url')), 1n]
  const w = inverse(s, order)
  const [xr, , zr] = combined((numberOf(digest) * w) % order, (r * w) % order, point, curve)
  if (zr === 0n) return false
  return modulo((xr * inverse((zr * zr) % p, p)) % p, order) === r
}

/**
 * Ed25519ph (RFC 8032 §5.1), which node:crypto has not. Verifying touches public numbers only. Signing multiplies no
 * point by a secret here: OpenSSL's X25519 does, in constant time, and the rest is found from its public answers. What
 * is left, two products modulo the order, is blinded; JavaScript's numbers cannot be wiped, and wait to be collected.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { concat, fromHex, utf8 } from '../bytes.ts'
import { inverse, modulo, power } from './numbers.ts'

const p = 2n ** 255n - 19n
const order = 2n ** 252n + 27742317777372353535851937790883648493n
const d = modulo(-121665n * inverse(121666n, p), p)
const rootOfMinusOne = power(2n, (p - 1n) / 4n, p)
const inverseOfEight = inverse(8n, order)

/** dom2(1, ""): Ed25519ph without a context. */
const domain = concat(utf8('SigEd25519 no Ed25519 collisions'), Uint8Array.of(1, 0))
const publicKeyBytes = 32
const x25519Prefix = fromHex('302e020100300506032b656e04220420')
const ed25519Prefix = fromHex('302e020100300506032b657004220420')

function numberOf(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let number = 0n
  for (let at = bytes.length - 8; at >= 0; at -= 8) number = (number << 64n) | view.getBigUint64(at, true)
  return number
}

function bytesOf(number: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < 4; at++) view.setBigUint64(8 * at, BigInt.asUintN(64, number >> BigInt(64 * at)), true)
  return bytes
}

const hashOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The 32 bytes of the public key of an X25519 or Ed25519 private key, after its PKCS #8 prefix. */
function publicKeyOf(prefix: Uint8Array, secret: Uint8Array): Uint8Array {
  const key = Buffer.from(concat(prefix, secret).buffer)
  try {
    const spki = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
    return spki.export({ format: 'der', type: 'spki' }).subarray(-publicKeyBytes)
  } finally {
    key.fill(0)
  }
}

interface Affine {
  readonly x: bigint
  readonly y: bigint
}

const encoded = ({ x, y }: Affine): Uint8Array => bytesOf(y | ((x & 1n) << 255n))

/** @returns undefined for bytes that are no point of the curve */
function decoded(bytes: Uint8Array): Affine | undefined {
  const number = numberOf(bytes)
  const y = BigInt.asUintN(255, number)
  if (y >= p) return undefined
  const u = modulo(y * y - 1n, p)
  const v = modulo(d * y * y + 1n, p)
  const candidate = power(u * inverse(v, p), (p + 3n) / 8n, p)
  const root = [candidate, (candidate * rootOfMinusOne) % p].find((x) => modulo(v * x * x - u, p) === 0n)
  const odd = number >> 255n
  if (root === undefined || (root === 0n && odd === 1n)) return undefined
  return { x: (root & 1n) === odd ? root : p - root, y }
}

const baseY = (4n * inverse(5n, p)) % p
const base = decoded(bytesOf(baseY)) ?? { x: 0n, y: 1n }

/** Extended coordinates (RFC 8032 §5.1.4). */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint]
const extended = ({ x, y }: Affine): Point => [x, y, 1n, (x * y) % p]

function sum([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = modulo((y1 - x1) * (y2 - x2), p)
  const b = ((y1 + x1) * (y2 + x2)) % p
  const c = (2n * t1 * t2 * d) % p
  const e = b - a
  const f = 2n * z1 * z2 - c
  const g = 2n * z1 * z2 + c
  const h = b + a
  return [modulo(e * f, p), modulo(g * h, p), modulo(f * g, p), modulo(e * h, p)]
}

/** For public numbers only. */
function product(scalar: bigint, point: Point): Point {
  let result: Point = [0n, 1n, 1n, 0n]
  let power = point
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) result = sum(result, power)
    power = sum(power, power)
  }
  return result
}

/**
 * @param publicKey 32 bytes
 * @param prehash SHA-512 of the message
 */
export function verifyEd25519ph(publicKey: Uint8Array, prehash: Uint8Array, signature: Uint8Array): boolean {
  const point = publicKey.length === publicKeyBytes ? decoded(publicKey) : undefined
  if (!point || signature.length !== 64) return false
  const [commitment, response] = [signature.subarray(0, 32), numberOf(signature.subarray(32))]
  if (response >= order) return false
  const challenge = numberOf(hashOf(domain, commitment, publicKey, prehash)) % order
  const minusPoint = extended({ x: modulo(-point.x, p), y: point.y })
  const [x, y, z] = sum(product(response, extended(base)), product(challenge, minusPoint))
  const byZ = inverse(z, p)
  return Buffer.from(encoded({ x: (x * byZ) % p, y: (y * byZ) % p })).equals(commitment)
}

/** u of ±scalar·B on Curve25519. X25519 multiplies by 8·k with bit 254 set: of k and -k one has it set, or 2^-127. */
function montgomeryU(scalar: bigint): bigint {
  const eighth = (scalar * inverseOfEight) % order
  const clamped = [order - eighth, eighth][Number((eighth >> 251n) & 1n)] ?? 0n
  const secret = bytesOf(8n * clamped)
  try {
    return numberOf(publicKeyOf(x25519Prefix, secret))
  } finally {
    secret.fill(0)
  }
}

const montgomeryA = 486662n
const baseU = 9n
/** A root of u³ + A·u² + u at B; which of the two does not matter, as `scale` is made from the same. */
const baseV = 0x20ae19a1b8a086b4e01edd2c7748d14c923d4d7e6d7c61b229e9c5a27eced3d9n
const scale = (base.x * baseV * inverse(baseU, p)) % p

/** scalar·B, from u of it and of its successor (Okeya and Sakurai's recovery of v). */
function multipleOfBase(scalar: bigint): Affine {
  const u = montgomeryU(scalar)
  const next = montgomeryU(scalar + 1n)
  const across = (u * baseU + 1n) * (u + baseU + 2n * montgomeryA) - 2n * montgomeryA
  const v = modulo((across - (u - baseU) ** 2n * next) * inverse(2n * baseV, p), p)
  return { x: (scale * u * inverse(v, p)) % p, y: modulo((u - 1n) * inverse(u + 1n, p), p) }
}

/**
 * @param seed the 32 bytes of an Ed25519 private key
 * @param prehash SHA-512 of the message
 * @param blind random bytes, a multiple of 8; the signature does not depend on them
 */
export function signEd25519ph(seed: Uint8Array, prehash: Uint8Array, blind: Uint8Array): Uint8Array {
  const publicKey = publicKeyOf(ed25519Prefix, seed)
  const expanded = hashOf(seed)
  const half = expanded.subarray(0, 32)
  half[0] = (half[0] ?? 0) & 0xf8
  half[31] = ((half[31] ?? 0) & 0x7f) | 0x40
  const mask = order * numberOf(blind)
  try {
    const nonce = numberOf(hashOf(domain, expanded.subarray(32), prehash)) % order
    const commitment = encoded(multipleOfBase(nonce))
    const challenge = numberOf(hashOf(domain, commitment, publicKey, prehash)) % order
    const response = (nonce + mask + challenge * (numberOf(half) + mask)) % order
    return concat(commitment, bytesOf(response))
  } finally {
    expanded.fill(0)
  }
}

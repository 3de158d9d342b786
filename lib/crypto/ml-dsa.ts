/**
 * ML-DSA over mu, the 64 bytes that stand for key, context and message (FIPS 204 §6.2, §6.3 and its external-mu variant):
 * node:crypto makes mu itself and takes none, and signs everything else. A library was weighed: those there are divide and
 * branch by secrets, and would bring packages of their own inside the trust boundary of a key. Signing works on secrets as
 * long as it runs and wipes what it can reach: numbers on their way from one array to the next wait to be collected. How
 * often it begins anew shows in its time, and tells nothing (FIPS 204 §6.2).
 */
import { concat, equal } from '../bytes.ts'
import {
  applied,
  boundedPolynomial,
  centred,
  challengePolynomial,
  difference,
  expandedMatrix,
  hashed,
  inverseNtt,
  ntt,
  type Polynomial,
  packed,
  product,
  q,
  reduced,
  sum,
  unpacked,
  type Vector,
  zero,
} from './ml-dsa-ring.ts'

interface ParameterSet {
  readonly k: number
  readonly l: number
  readonly eta: number
  readonly tau: number
  /** Exponent of gamma1. */
  readonly gamma1Bits: number
  readonly gamma2: number
  readonly omega: number
  /** Of the commitment hash: lambda / 4. */
  readonly hashBytes: number
}

const parameterSets: Readonly<Record<string, ParameterSet>> = {
  ML_DSA_44: { k: 4, l: 4, eta: 2, tau: 39, gamma1Bits: 17, gamma2: (q - 1) / 88, omega: 80, hashBytes: 32 },
  ML_DSA_65: { k: 6, l: 5, eta: 4, tau: 49, gamma1Bits: 19, gamma2: (q - 1) / 32, omega: 55, hashBytes: 48 },
  ML_DSA_87: { k: 8, l: 7, eta: 2, tau: 60, gamma1Bits: 19, gamma2: (q - 1) / 32, omega: 75, hashBytes: 64 },
}

function parametersOf(spec: string): ParameterSet {
  const found = parameterSets[spec]
  if (!found) throw new TypeError(`not a parameter set of ML-DSA: ${spec}`)
  return found
}

const droppedBits = 13
const t1Bits = 10

/** Decompose: value = high · 2·gamma2 + low. */
function decomposed(value: number, gamma2: number): readonly [high: number, low: number] {
  const whole = Math.floor((value + gamma2 - 1) * (1 / (2 * gamma2)))
  // At the very top the high part wraps around to 0, and the low part takes one less.
  const wrapped = -Number(whole === (q - 1) / (2 * gamma2))
  return [whole & ~wrapped, value - whole * 2 * gamma2 - (1 & wrapped)]
}
const highOf = (polynomial: Polynomial, gamma2: number): Polynomial =>
  polynomial.map((each) => decomposed(each, gamma2)[0])

const commitmentOf = (mu: Uint8Array, high: Vector, { gamma2, hashBytes }: ParameterSet): Uint8Array => {
  const bits = ((q - 1) / (2 * gamma2) - 1).toString(2).length
  return hashed(hashBytes, mu, ...high.map((each) => packed(each, bits)))
}

/** The largest absolute value is found by looking at every one. */
const exceeds = (vector: Vector, bound: number, value: (coefficient: number) => number = centred): boolean => {
  let within = -1
  for (const polynomial of vector) for (const each of polynomial) within &= (Math.abs(value(each)) - bound) >> 31
  return within === 0
}

function hintBytes(hints: Vector, { k, omega }: ParameterSet): Uint8Array {
  const out = new Uint8Array(omega + k)
  let count = 0
  hints.forEach((hint, row) => {
    hint.forEach((bit, index) => {
      if (bit) out[count++] = index
    })
    out[omega + row] = count
  })
  return out
}

/** @returns undefined for anything but what `hintBytes` writes */
function hintsOf(bytes: Uint8Array, set: ParameterSet): Vector | undefined {
  const hints: Polynomial[] = []
  let count = 0
  for (let row = 0; row < set.k; row++) {
    const hint = zero()
    for (const end = Math.min(bytes[set.omega + row] ?? 0, set.omega); count < end; count++) hint[bytes[count] ?? 0] = 1
    hints.push(hint)
  }
  return equal(hintBytes(hints, set), bytes) ? hints : undefined
}

/** @param mu 64 bytes */
export function verifyMlDsaMu(spec: string, publicKey: Uint8Array, mu: Uint8Array, signature: Uint8Array): boolean {
  const set = parametersOf(spec)
  const { k, l, tau, eta, gamma1Bits, gamma2, omega, hashBytes } = set
  const zBytes = 32 * (gamma1Bits + 1)
  if (signature.length !== hashBytes + l * zBytes + omega + k) return false
  const commitment = signature.subarray(0, hashBytes)
  const gamma1 = 1 << gamma1Bits
  const z = Array.from({ length: l }, (_, index) => {
    const bytes = signature.subarray(hashBytes + index * zBytes, hashBytes + (index + 1) * zBytes)
    return unpacked(bytes, gamma1Bits + 1).map((each) => reduced(gamma1 - each + q))
  })
  const hints = hintsOf(signature.subarray(hashBytes + l * zBytes), set)
  if (!hints || exceeds(z, gamma1 - tau * eta)) return false
  const challenge = ntt(challengePolynomial(commitment, tau))
  const az = applied(expandedMatrix(publicKey.subarray(0, 32), k, l), z.map(ntt))
  const modulus = (q - 1) / (2 * gamma2)
  const high = az.map((row, index) => {
    const t1 = unpacked(publicKey.subarray(32 + 320 * index, 32 + 320 * (index + 1)), t1Bits)
    const scaled = ntt(t1.map((each) => reduced(each * 2 ** droppedBits)))
    return inverseNtt(difference(row, product(challenge, scaled))).map((each, place) => {
      const [part, low] = decomposed(each, gamma2)
      if (!hints[index]?.[place]) return part
      return (part + (low > 0 ? 1 : modulus - 1)) % modulus
    })
  })
  return equal(commitmentOf(mu, high, set), commitment)
}

interface PrivateKey {
  readonly matrix: readonly Vector[]
  readonly s1: Vector
  readonly s2: Vector
  readonly t0: Vector
  readonly key: Uint8Array
}

/** KeyGen_internal, and skDecode's NTT forms. */
function expanded(seed: Uint8Array, { k, l, eta }: ParameterSet): PrivateKey {
  const hash = hashed(128, seed, Uint8Array.of(k, l))
  const matrix = expandedMatrix(hash.subarray(0, 32), k, l)
  const secret = (nonce: number): Polynomial => boundedPolynomial(hash.subarray(32, 96), nonce, eta)
  const plain1 = Array.from({ length: l }, (_, index) => secret(index))
  const plain2 = Array.from({ length: k }, (_, index) => secret(l + index))
  const s1 = plain1.map(ntt)
  const s2 = plain2.map(ntt)
  const t = applied(matrix, s1).map((row, index) => sum(inverseNtt(row), plain2[index] ?? zero()))
  const half = 1 << (droppedBits - 1)
  const t0 = t.map((row) => row.map((each) => reduced(each - (((each + half - 1) >> droppedBits) << droppedBits) + q)))
  const key = Uint8Array.from(hash.subarray(96))
  const forms = { matrix, s1, s2, t0: t0.map(ntt), key }
  for (const each of [hash, ...plain1, ...plain2, ...t, ...t0]) each.fill(0)
  return forms
}

/**
 * @param seed the 32 bytes that the key is made from
 * @param mu 64 bytes
 * @param random 32 bytes, for a signature that is another each time
 */
export function signMlDsaMu(spec: string, seed: Uint8Array, mu: Uint8Array, random: Uint8Array): Uint8Array {
  const set = parametersOf(spec)
  // INVARIANT: the procedure has checked the length.
  if (mu.length !== 64 || seed.length !== 32 || random.length !== 32) throw new TypeError('not what ML-DSA signs')
  const { l, tau, eta, gamma1Bits, gamma2, omega } = set
  const { matrix, s1, s2, t0, key } = expanded(seed, set)
  const gamma1 = 1 << gamma1Bits
  const maskSeed = hashed(64, key, random, mu)
  const wiped: (Uint8Array | Polynomial)[] = [key, maskSeed, ...s1, ...s2, ...t0]
  const kept = <T extends Vector>(vector: T): T => {
    wiped.push(...vector)
    return vector
  }
  try {
    for (let kappa = 0; ; kappa += l) {
      const y = kept(
        Array.from({ length: l }, (_, index) => {
          const nonce = Uint8Array.of((kappa + index) & 0xff, (kappa + index) >> 8)
          const bytes = hashed(32 * (gamma1Bits + 1), maskSeed, nonce)
          const masks = unpacked(bytes, gamma1Bits + 1)
          wiped.push(bytes, masks)
          return masks.map((each) => reduced(gamma1 - each + q))
        }),
      )
      const w = kept(applied(matrix, kept(y.map(ntt))).map(inverseNtt))
      const commitment = commitmentOf(mu, kept(w.map((each) => highOf(each, gamma2))), set)
      const challenge = ntt(challengePolynomial(commitment, tau))
      const times = (vector: Vector): Vector => kept(vector.map((each) => inverseNtt(product(challenge, each))))
      const plus = (one: Vector, other: Vector) => kept(one.map((each, index) => sum(each, other[index] ?? zero())))
      const z = plus(y, times(s1))
      const cs2 = times(s2)
      const rest = kept(w.map((each, index) => difference(each, cs2[index] ?? zero())))
      const low = (each: number): number => decomposed(each, gamma2)[1]
      if (exceeds(z, gamma1 - tau * eta) || exceeds(rest, gamma2 - tau * eta, low)) continue
      const ct0 = times(t0)
      const hints = plus(rest, ct0).map((each, row) =>
        each.map((value, index) =>
          Number(decomposed(value, gamma2)[0] !== decomposed(rest[row]?.[index] ?? 0, gamma2)[0]),
        ),
      )
      const count = hints.flatMap((each) => Array.from(each)).reduce((total, bit) => total + bit, 0)
      if (exceeds(ct0, gamma2) || count > omega) continue
      const packedZ = z.map((each) =>
        packed(
          each.map((value) => gamma1 - centred(value)),
          gamma1Bits + 1,
        ),
      )
      return concat(commitment, ...packedZ, hintBytes(hints, set))
    }
  } finally {
    for (const each of wiped) each.fill(0)
  }
}

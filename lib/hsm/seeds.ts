import { createHash, createPrivateKey, createPublicKey, decapsulate, type PrivateKeyInput, sign } from 'node:crypto'
import { concat, fromHex } from '../bytes.ts'
import { sm2Curve } from '../crypto/curves.ts'
import { signEd25519ph } from '../crypto/ed25519ph.ts'
import { signMlDsaMu } from '../crypto/ml-dsa.ts'
import { bytesOf } from '../crypto/numbers.ts'
import { signSm2 } from '../crypto/sm2.ts'
import type { KeySpec } from '../crypto/specs.ts'
import { KMSInternalException } from '../errors.ts'
import type { MessageType } from '../ports.ts'

/** A spec whose private key is a seed, which node:crypto uses where the token cannot. */
export interface SeedKind {
  readonly seedBytes: number
  /** PKCS #8 (RFC 8410; the seed-only form of RFC 9881 and RFC 9935) up to the seed, which ends it. */
  readonly prefix: Uint8Array
  /** Of seeds that are numbers, big-endian: they are more than zero, and less than this. */
  readonly below?: Uint8Array
}

export const seedKinds = {
  ECC_NIST_EDWARDS25519: { seedBytes: 32, prefix: fromHex('302e020100300506032b657004220420') },
  // From 1 to the order less 2 (GB/T 32918.1).
  SM2: {
    seedBytes: 32,
    prefix: fromHex('3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420'),
    below: bytesOf(sm2Curve.order - 1n, 32),
  },
  ML_DSA_44: { seedBytes: 32, prefix: fromHex('3034020100300b060960864801650304031104228020') },
  ML_DSA_65: { seedBytes: 32, prefix: fromHex('3034020100300b060960864801650304031204228020') },
  ML_DSA_87: { seedBytes: 32, prefix: fromHex('3034020100300b060960864801650304031304228020') },
  ML_KEM_512: { seedBytes: 64, prefix: fromHex('3054020100300b060960864801650304040104428040') },
  ML_KEM_768: { seedBytes: 64, prefix: fromHex('3054020100300b060960864801650304040204428040') },
  ML_KEM_1024: { seedBytes: 64, prefix: fromHex('3054020100300b060960864801650304040304428040') },
} as const satisfies Record<string, SeedKind>

/**
 * The key as node:crypto takes it for one call: what OpenSSL makes of it is freed with the call, where a KeyObject would
 * stay in memory until it is collected.
 */
function withKey<T>({ prefix }: SeedKind, seed: Uint8Array, use: (key: PrivateKeyInput) => T): T {
  const key = Buffer.from(concat(prefix, seed).buffer)
  try {
    return use({ key, format: 'der', type: 'pkcs8' })
  } finally {
    key.fill(0)
  }
}

/** SPKI DER. */
export const publicKeyOf = (kind: SeedKind, seed: Uint8Array): Uint8Array =>
  withKey(
    kind,
    seed,
    (key) => new Uint8Array(createPublicKey(createPrivateKey(key)).export({ format: 'der', type: 'spki' })),
  )

/** Whether random bytes can be a seed of the kind: all but one in 2^32 can. */
export const isSeed = ({ below }: SeedKind, seed: Uint8Array): boolean =>
  below === undefined || (Buffer.compare(seed, below) < 0 && seed.some((byte) => byte !== 0))

export interface SeedMessage {
  readonly type: MessageType
  readonly message: Uint8Array
  readonly spec: KeySpec
  /** 32 random bytes, for algorithms that blind their numbers or sign another way each time. */
  readonly random: Uint8Array
}
type SeedSigner = (kind: SeedKind, seed: Uint8Array, asked: SeedMessage) => Uint8Array

/** INVARIANT: the procedure has checked the type: another kind of message must not be signed for this one. */
function demandType({ type }: SeedMessage, ...types: readonly MessageType[]): void {
  if (!types.includes(type)) throw new KMSInternalException('Not a message to sign')
}

const signWhole: SeedSigner = (kind, seed, asked) => {
  demandType(asked, 'RAW')
  return withKey(kind, seed, (key) => new Uint8Array(sign(null, asked.message, key)))
}

export const seedSigners: Readonly<Record<string, SeedSigner>> = {
  ED25519_SHA_512: signWhole,
  // AWS takes the digest for the message: Ed25519ph hashes it again (kms-api.md §12.1).
  ED25519_PH_SHA_512: (_kind, seed, asked) => {
    demandType(asked, 'DIGEST')
    return signEd25519ph(seed, createHash('sha512').update(asked.message).digest(), asked.random)
  },
  SM2DSA: (kind, seed, asked) => {
    demandType(asked, 'RAW')
    const spki = publicKeyOf(kind, seed)
    return withKey(kind, seed, (key) => signSm2(key, spki, asked.message))
  },
  // node:crypto offers no way to sign mu itself.
  ML_DSA_SHAKE_256: (kind, seed, asked) =>
    asked.type === 'EXTERNAL_MU'
      ? signMlDsaMu(asked.spec, seed, asked.message, asked.random)
      : signWhole(kind, seed, asked),
}

/** @param ciphertext of the parameter set's length; any content gives a secret */
export const decapsulated = (kind: SeedKind, seed: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  withKey(kind, seed, (key) => new Uint8Array(decapsulate(key, ciphertext)))

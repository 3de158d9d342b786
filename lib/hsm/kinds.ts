/**
 * What key material of each spec is to the token: how it is made, and as what its blob is opened. Each purpose has a
 * handle of its own that allows its mechanisms alone: a wrong one, which would crash SoftHSM, is refused by the token
 * itself (hsm.md §1), and a key opened for signing never decrypts.
 */
import { type Curve, curves } from '../crypto/curves.ts'
import { ecPublicKey, objectIdentifier, rsaPublicKey } from '../crypto/der.ts'
import type { KeySpec } from '../crypto/specs.ts'
import { KMSInternalException } from '../errors.ts'
import { attribute, keyType, mechanism, objectClass } from './constants.ts'
import { bufferOf, type Handle, mechanismList, type Template, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import { type SeedKind, seedKinds } from './seeds.ts'
import type { Session } from './session.ts'
import { type Use, uses } from './uses.ts'

export type Purpose = 'unwrapping' | 'wrapping' | 'mac' | 'signing' | 'decrypting' | 'deriving'

interface Opened {
  readonly template: Template
  readonly mechanisms: readonly number[]
}

export interface PairGeneration {
  readonly mechanism: number
  readonly publicKey: Template
  /** Too slow for the main thread. */
  readonly slow: boolean
  /** SPKI DER of the public half. */
  readonly spki: (session: Session, publicKey: Handle) => Uint8Array
}

export interface Kind {
  readonly secret?: { readonly mechanism: number; readonly template: Template }
  readonly pair?: PairGeneration
  readonly seed?: SeedKind
  /** Of the modulus, of a coordinate of the curve, or of the MAC. */
  readonly bytes?: number
  readonly opened: Readonly<Partial<Record<Purpose, Opened>>>
}

/** Extractable for the moment between its making and its wrapping under the root; never otherwise. */
export const newborn = { token: false, private: true, sensitive: true, extractable: true } as const
/** What a root's unwrap template asks for, to the letter: the token refuses a template that says less. */
const locked = { token: false, private: true, sensitive: true, extractable: false } as const

function openedSecret(type: number, allowed: readonly Use[], mechanisms: readonly number[]): Opened {
  const allowedMechanisms = mechanismList(...mechanisms)
  const attributes = { ...locked, class: objectClass.secretKey, keyType: type, ...uses(...allowed), allowedMechanisms }
  return { mechanisms, template: template(attributes) }
}

function openedPrivate(type: number, allowed: Use, mechanisms: readonly number[]): Opened {
  const { decrypt, sign, unwrap, derive } = uses(allowed)
  const allowedMechanisms = mechanismList(...mechanisms)
  const may = { decrypt, sign, unwrap, derive, allowedMechanisms }
  return { mechanisms, template: template({ ...locked, class: objectClass.privateKey, keyType: type, ...may }) }
}

/** Public halves are read and destroyed. */
const publicHalf = { token: false, private: false, verify: true } as const
const rsaExponent = Buffer.from('010001', 'hex')

const rsa = (bits: number): Kind => ({
  bytes: bits / 8,
  pair: {
    mechanism: mechanism.rsaKeyPairGeneration,
    publicKey: template({ ...publicHalf, modulusBits: bits, publicExponent: rsaExponent }),
    slow: true,
    spki: (session, publicKey) =>
      rsaPublicKey(session.read(publicKey, attribute.modulus), session.read(publicKey, attribute.publicExponent)),
  },
  opened: {
    signing: openedPrivate(keyType.rsa, 'sign', [mechanism.rsaPkcs, mechanism.rsaPss]),
    decrypting: openedPrivate(keyType.rsa, 'decrypt', [mechanism.rsaOaep, mechanism.rsaX509]),
  },
})

/** CKA_EC_POINT is an OCTET STRING around the point. */
function pointOf(ecPoint: Uint8Array, bytes: number): Uint8Array {
  const point = ecPoint.subarray(-(1 + 2 * bytes))
  // INVARIANT: the token made a key on the curve it was asked for.
  if (point.length !== 1 + 2 * bytes || point[0] !== 4) throw new KMSInternalException('Not an uncompressed point')
  return point
}

const ec = ({ oid, bytes }: Curve, more: Kind['opened'] = {}): Kind => ({
  bytes,
  pair: {
    mechanism: mechanism.ecKeyPairGeneration,
    publicKey: template({ ...publicHalf, ecParams: bufferOf(objectIdentifier(oid)) }),
    slow: false,
    spki: (session, publicKey) => ecPublicKey(oid, pointOf(session.read(publicKey, attribute.ecPoint), bytes)),
  },
  opened: {
    signing: openedPrivate(keyType.ec, 'sign', [mechanism.ecdsa]),
    ...more,
  },
})

const forAgreement = { deriving: openedPrivate(keyType.ec, 'derive', [mechanism.ecdh1Derive]) }

const hmac = (bytes: number, number: number): Kind => ({
  bytes,
  secret: {
    mechanism: mechanism.genericSecretKeyGeneration,
    template: template({ ...newborn, valueLength: bytes }),
  },
  opened: { mac: openedSecret(keyType.genericSecret, ['sign'], [number]) },
})

const seed = (kind: SeedKind): Kind => ({ seed: kind, opened: {} })

/** Of access keys: the secret comes from outside. */
export const secretKind: Kind = {
  opened: { mac: openedSecret(keyType.genericSecret, ['sign'], [mechanism.hmacSha256]) },
}

/** Of import keys, by wrapping key spec: what is wrapped for them is opened in the token, or as a block outside. */
const importKind = (bits: number): Kind => {
  const { bytes, pair, opened } = rsa(bits)
  const { decrypting } = opened
  const unwrapping = openedPrivate(keyType.rsa, 'unwrap', [mechanism.rsaOaep])
  return { ...(bytes && { bytes }), ...(pair && { pair }), opened: { ...(decrypting && { decrypting }), unwrapping } }
}
export const importKinds: Readonly<Record<string, Kind>> = {
  RSA_2048: importKind(2048),
  RSA_3072: importKind(3072),
  RSA_4096: importKind(4096),
}

/** By key spec. What a blob is opened as follows from its owner, which its binding proves: never from who asks. */
export const kindsOf = (profile: Profile): Readonly<Record<KeySpec, Kind>> => ({
  SYMMETRIC_DEFAULT: {
    secret: { mechanism: mechanism.aesKeyGeneration, template: template({ ...newborn, valueLength: 32 }) },
    opened: { wrapping: openedSecret(keyType.aes, ['wrap', 'unwrap'], [profile.keyWrap]) },
  },
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: ec(curves.ECC_NIST_P256, forAgreement),
  ECC_NIST_P384: ec(curves.ECC_NIST_P384, forAgreement),
  ECC_NIST_P521: ec(curves.ECC_NIST_P521, forAgreement),
  ECC_SECG_P256K1: ec(curves.ECC_SECG_P256K1),
  ECC_NIST_EDWARDS25519: seed(seedKinds.ECC_NIST_EDWARDS25519),
  HMAC_224: hmac(28, mechanism.hmacSha224),
  HMAC_256: hmac(32, mechanism.hmacSha256),
  HMAC_384: hmac(48, mechanism.hmacSha384),
  HMAC_512: hmac(64, mechanism.hmacSha512),
  SM2: seed(seedKinds.SM2),
  ML_DSA_44: seed(seedKinds.ML_DSA_44),
  ML_DSA_65: seed(seedKinds.ML_DSA_65),
  ML_DSA_87: seed(seedKinds.ML_DSA_87),
  ML_KEM_512: seed(seedKinds.ML_KEM_512),
  ML_KEM_768: seed(seedKinds.ML_KEM_768),
  ML_KEM_1024: seed(seedKinds.ML_KEM_1024),
})

/** What a token must have for a kind. */
export const mechanismsOf = ({ secret, pair, opened }: Kind): readonly number[] => [
  ...(secret ? [secret.mechanism] : []),
  ...(pair ? [pair.mechanism] : []),
  ...Object.values(opened).flatMap(({ mechanisms }) => mechanisms),
]

import { createPublicKey, ECDH, hash, verify } from 'node:crypto'
import { concat, equal } from '../bytes.ts'
import { type Curve, curves } from '../crypto/curves.ts'
import { ecPublicKey, objectIdentifier, rsaPublicKey } from '../crypto/der.ts'
import { bytesOf } from '../crypto/numbers.ts'
import { sharedSecret } from './asymmetric.ts'
import { attribute } from './constants.ts'
import { idOf, invalidMaterial } from './import-formats.ts'
import type { Kind } from './kinds.ts'
import { bufferOf, ecdh, type Handle } from './pkcs11.ts'
import type { Session } from './session.ts'
import { signingAlgorithms } from './signing.ts'

/** What follows from imported material. */
export interface Described {
  readonly materialId: string
  readonly publicKey?: Uint8Array
}

/** The public half of a private key that came from outside, found through what the token does with it. @throws InvalidCiphertextException for another spec's */
export function describePair(session: Session, handle: Handle, spec: string, kind: Kind): Described {
  const publicKey = spec.startsWith('RSA')
    ? rsaPublicKeyOf(session, handle, kind)
    : ecPublicKeyOf(session, handle, spec)
  return { materialId: idOf('', publicKey), publicKey }
}

function rsaPublicKeyOf(session: Session, handle: Handle, { bytes = 0 }: Kind): Uint8Array {
  const modulus = session.read(handle, attribute.modulus)
  if (modulus.length !== bytes || (modulus[0] ?? 0) < 0x80) throw invalidMaterial()
  const publicKey = rsaPublicKey(modulus, session.read(handle, attribute.publicExponent))
  if (!isPair(session, handle, publicKey, 'RSA', bytes)) throw invalidMaterial()
  return publicKey
}

/** The token has no public half of a private key that it unwrapped: ECDH with the generator gives its x, a signature its y. */
function ecPublicKeyOf(session: Session, handle: Handle, spec: string): Uint8Array {
  const curve: Curve | undefined = curves[spec as keyof typeof curves]
  if (!curve || !equal(session.read(handle, attribute.ecParams), objectIdentifier(curve.oid))) throw invalidMaterial()
  const generator = concat(Uint8Array.of(4), bytesOf(curve.x, curve.bytes), bytesOf(curve.y, curve.bytes))
  const x = sharedX(session, handle, generator, curve.bytes)
  for (const parity of [2, 3]) {
    const point = ECDH.convertKey(concat(Uint8Array.of(parity), x), curve.name, undefined, undefined, 'uncompressed')
    const publicKey = ecPublicKey(curve.oid, new Uint8Array(point as Buffer))
    if (isPair(session, handle, publicKey, spec, curve.bytes)) return publicKey
  }
  throw invalidMaterial()
}

/**
 * Whether what the private half signs, the public half verifies.
 * @param bytes of the modulus, or of a coordinate of the curve
 */
export function isPair(session: Session, handle: Handle, publicKey: Uint8Array, spec: string, bytes: number): boolean {
  const row = signingAlgorithms[spec.startsWith('RSA') ? 'RSASSA_PKCS1_V1_5_SHA_256' : 'ECDSA_SHA_256']
  const message = session.random(32)
  const digest = hash('sha256', message, 'buffer')
  const raw = row && session.sign(row.mechanism, handle, row.toSign(digest), row.parts * bytes)
  const key = createPublicKey({ key: bufferOf(publicKey), format: 'der', type: 'spki' })
  return raw !== undefined && verify('sha256', message, key, row?.signature(raw) ?? raw)
}

function sharedX(session: Session, handle: Handle, peer: Uint8Array, bytes: number): Uint8Array {
  const shared = session.derive(ecdh(peer), handle, sharedSecret(bytes))
  try {
    const value = session.read(shared, attribute.value)
    return concat(new Uint8Array(bytes - value.length), value)
  } finally {
    session.destroy(shared)
  }
}

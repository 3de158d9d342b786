import { createPublicKey } from 'node:crypto'
import { equal } from '../bytes.ts'
import { ValidationException } from '../errors.ts'
import { type Curve, curves } from './curves.ts'
import { ecPublicKey } from './der.ts'
import type { KeySpec } from './specs.ts'

const uncompressed = 4

/**
 * The point of somebody else's public key, 0x04 ‖ X ‖ Y, found to be on the curve: a point off it could tell the secret.
 * Only the one DER encoding of the named curve and an uncompressed point is taken.
 * @throws ValidationException without a message, for anything but a public key on the spec's curve
 */
export function peerPoint(spki: Uint8Array, spec: KeySpec): Uint8Array {
  const curve = (curves as Readonly<Partial<Record<KeySpec, Curve>>>)[spec]
  if (!curve) throw new ValidationException()
  const pointBytes = 1 + 2 * curve.bytes
  const point = spki.subarray(-pointBytes)
  const encoded = ecPublicKey(curve.oid, point)
  if (point.length !== pointBytes || point[0] !== uncompressed || !equal(encoded, spki)) throw new ValidationException()
  try {
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new ValidationException(undefined, { cause })
  }
  return point
}

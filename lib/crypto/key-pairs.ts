/** Key pairs for use outside, as GenerateDataKeyPair answers them: PKCS#8 and SPKI, in the forms that AWS writes. */
import { createECDH, createPrivateKey, createPublicKey, generateKeyPair as generateInBackground } from 'node:crypto'
import { promisify } from 'node:util'
import { concat } from '../bytes.ts'
import { UnsupportedOperationException } from '../errors.ts'
import { type Curve, curves, sm2Curve } from './curves.ts'
import { bitString, ecPublicKey, explicit, integer, objectIdentifier, octetString, sequence } from './der.ts'
import { numberOf } from './numbers.ts'

/** From the HSM's generator. */
type Random = (length: number) => Promise<Uint8Array>

export interface KeyPair {
  /** PKCS#8, in DER. The caller wipes it. */
  readonly privateKey: Uint8Array
  /** SPKI, in DER. */
  readonly publicKey: Uint8Array
}

type Generation = (random: Random) => Promise<KeyPair>

const generateRsa = promisify(generateInBackground)

/** Primes come from this runtime's generator: the HSM does not give away those it makes. */
const rsa =
  (modulusLength: number): Generation =>
  async () => {
    const { privateKey, publicKey } = await generateRsa('rsa', {
      modulusLength,
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    })
    return { privateKey, publicKey }
  }

/** A scalar from 1 to the order less 1, each as likely: others are drawn again. */
async function scalar({ bytes, order }: Curve, random: Random): Promise<Uint8Array> {
  const excess = 8 * bytes - order.toString(2).length
  for (;;) {
    const drawn = await random(bytes)
    drawn[0] = (drawn[0] ?? 0) & (0xff >> excess)
    const number = numberOf(drawn)
    if (number > 0n && number < order) return drawn
  }
}

/** RFC 5915 with both optional parts, as AWS writes it. */
const elliptic =
  (curve: Curve): Generation =>
  async (random) => {
    const secret = await scalar(curve, random)
    const agreement = createECDH(curve.name)
    agreement.setPrivateKey(secret)
    const point = agreement.getPublicKey()
    const oid = objectIdentifier(curve.oid)
    const after = [explicit(0, oid), explicit(1, bitString(point))]
    const version = (number: number) => integer(Uint8Array.of(number))
    const privateKey = sequence(
      version(0),
      sequence(objectIdentifier('1.2.840.10045.2.1'), oid),
      octetString(sequence(version(1), octetString(new Uint8Array(curve.bytes)), ...after)),
    )
    // Written where it belongs, rather than copied through every structure around it, so that one wipe is enough.
    privateKey.set(secret, privateKey.length - concat(...after).length - curve.bytes)
    secret.fill(0)
    return { privateKey, publicKey: ecPublicKey(curve.oid, point) }
  }

/** Key types whose PKCS#8 is a fixed text and then a seed. */
const seeded =
  (before: string, seedBytes: number): Generation =>
  async (random) => {
    const seed = await random(seedBytes)
    const privateKey = concat(Buffer.from(before, 'hex'), seed)
    seed.fill(0)
    const opened = createPrivateKey({ key: Buffer.from(privateKey.buffer), format: 'der', type: 'pkcs8' })
    return { privateKey, publicKey: createPublicKey(opened).export({ format: 'der', type: 'spki' }) }
  }

const keyPairSpecs: Readonly<Record<string, Generation>> = {
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: elliptic(curves.ECC_NIST_P256),
  ECC_NIST_P384: elliptic(curves.ECC_NIST_P384),
  ECC_NIST_P521: elliptic(curves.ECC_NIST_P521),
  ECC_SECG_P256K1: elliptic(curves.ECC_SECG_P256K1),
  SM2: elliptic(sm2Curve),
  ECC_NIST_EDWARDS25519: seeded('302e020100300506032b657004220420', 32),
  ML_KEM_512: seeded('3054020100300b060960864801650304040104428040', 64),
  ML_KEM_768: seeded('3054020100300b060960864801650304040204428040', 64),
  ML_KEM_1024: seeded('3054020100300b060960864801650304040304428040', 64),
}

/** @throws UnsupportedOperationException for a spec that is not served */
export async function generateKeyPair(spec: string, random: Random): Promise<KeyPair> {
  const generation = keyPairSpecs[spec]
  if (!generation) throw new UnsupportedOperationException(`KeyPairSpec ${spec} is not supported in this Region`)
  return generation(random)
}

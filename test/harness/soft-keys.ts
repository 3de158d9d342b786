/** Key material and private-key operations with node:crypto: what an HSM would keep to itself, for tests. */
import {
  constants,
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  generateKeyPairSync,
  privateDecrypt,
  privateEncrypt,
  randomBytes,
  sign,
} from 'node:crypto'
import { concat } from '../../lib/bytes.ts'
import { curves } from '../../lib/crypto/curves.ts'
import { ecdsaSignature, nothing, objectIdentifier, octetString, sequence } from '../../lib/crypto/der.ts'
import { signEd25519ph } from '../../lib/crypto/ed25519ph.ts'
import { signMlDsaMu } from '../../lib/crypto/ml-dsa.ts'
import { bytesOf, inverse, modulo, numberOf } from '../../lib/crypto/numbers.ts'
import { signSm2 } from '../../lib/crypto/sm2.ts'
import type { KeySpec } from '../../lib/crypto/specs.ts'
import { InvalidCiphertextException } from '../../lib/errors.ts'
import { seedKinds } from '../../lib/hsm/seeds.ts'
import type { MessageType } from '../../lib/ports.ts'

const bytes = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer)

interface Made {
  /** Bytes of a symmetric key, or PKCS#8. */
  readonly secret: Uint8Array
  readonly publicKey?: Uint8Array
}

/** Node's types have an overload for each kind of key; the options are the kind's own. */
const pair = (type: string, options: object = {}): Made => {
  const { privateKey, publicKey } = generateKeyPairSync(type as 'ed25519', options)
  return {
    secret: bytes(privateKey.export({ format: 'der', type: 'pkcs8' })),
    publicKey: bytes(publicKey.export({ format: 'der', type: 'spki' })),
  }
}

/** RSA keys take long to make: one of each size does for a whole process. */
const rsaKeys = new Map<number, Made>()
const rsa = (modulusLength: number) => (): Made => {
  const made = rsaKeys.get(modulusLength) ?? pair('rsa', { modulusLength })
  rsaKeys.set(modulusLength, made)
  return made
}
const random = (length: number) => (): Made => ({ secret: bytes(randomBytes(length)) })
const elliptic = (namedCurve: string) => (): Made => pair('ec', { namedCurve })
const plain = (type: string) => (): Made => pair(type)

/** PKCS#8 of random bytes, all but one in 2^32 of which are a private key. */
const sm2 = (): Made => {
  const secret = concat(seedKinds.SM2.prefix, randomBytes(seedKinds.SM2.seedBytes))
  return { secret, publicKey: bytes(createPublicKey(opened(secret)).export({ format: 'der', type: 'spki' })) }
}

export const makers: Readonly<Record<KeySpec, () => Made>> = {
  SYMMETRIC_DEFAULT: random(32),
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: elliptic('prime256v1'),
  ECC_NIST_P384: elliptic('secp384r1'),
  ECC_NIST_P521: elliptic('secp521r1'),
  ECC_SECG_P256K1: elliptic('secp256k1'),
  ECC_NIST_EDWARDS25519: plain('ed25519'),
  HMAC_224: random(28),
  HMAC_256: random(32),
  HMAC_384: random(48),
  HMAC_512: random(64),
  SM2: sm2,
  ML_DSA_44: plain('ml-dsa-44'),
  ML_DSA_65: plain('ml-dsa-65'),
  ML_DSA_87: plain('ml-dsa-87'),
  ML_KEM_512: plain('ml-kem-512'),
  ML_KEM_768: plain('ml-kem-768'),
  ML_KEM_1024: plain('ml-kem-1024'),
}

const opened = (pkcs8: Uint8Array) => createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
const hashOf = (algorithm: string): string => `sha${algorithm.slice(-3)}`

const digestOids: Readonly<Record<string, string>> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

function signPkcs1Digest(pkcs8: Uint8Array, hash: string, digest: Uint8Array): Uint8Array {
  const info = sequence(sequence(objectIdentifier(digestOids[hash] ?? ''), nothing), octetString(digest))
  return privateEncrypt({ key: opened(pkcs8), padding: constants.RSA_PKCS1_PADDING }, info)
}

/** EMSA-PSS-ENCODE (RFC 8017 §9.1.1), then the bare private-key operation. */
function signPssDigest(pkcs8: Uint8Array, hash: string, digest: Uint8Array): Uint8Array {
  const key = opened(pkcs8)
  const length = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8
  const salt = randomBytes(digest.length)
  const proof = createHash(hash)
    .update(concat(new Uint8Array(8), digest, salt))
    .digest()
  const block = concat(new Uint8Array(length - 2 * digest.length - 2), Uint8Array.of(1), salt)
  for (let at = 0; at < block.length; at += digest.length) {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(at / digest.length)
    const mask = createHash(hash).update(proof).update(counter).digest()
    for (let i = 0; i < mask.length && at + i < block.length; i++) block[at + i] = (block[at + i] ?? 0) ^ (mask[i] ?? 0)
  }
  block[0] = (block[0] ?? 0) & 0x7f
  return privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, concat(block, proof, Uint8Array.of(0xbc)))
}

function signEcdsaDigest(pkcs8: Uint8Array, digest: Uint8Array): Uint8Array {
  const key = opened(pkcs8)
  const curve = Object.values(curves).find(({ name }) => name === key.asymmetricKeyDetails?.namedCurve)
  if (!curve) throw new Error('not a key on a known curve')
  const secret = numberOf(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const nonce = createECDH(curve.name)
  nonce.generateKeys()
  const r = numberOf(nonce.getPublicKey().subarray(1, 1 + curve.bytes)) % curve.order
  const s = modulo((numberOf(digest) + r * secret) * inverse(numberOf(nonce.getPrivateKey()), curve.order), curve.order)
  return ecdsaSignature(concat(bytesOf(r, curve.bytes), bytesOf(s, curve.bytes)))
}

export function signWith(pkcs8: Uint8Array, algorithm: string, type: MessageType, message: Uint8Array): Uint8Array {
  const pss = algorithm.startsWith('RSASSA_PSS')
  if (algorithm === 'ED25519_PH_SHA_512') {
    return signEd25519ph(pkcs8.subarray(-32), createHash('sha512').update(message).digest(), randomBytes(16))
  }
  if (algorithm === 'SM2DSA') {
    const spki = createPublicKey(opened(pkcs8)).export({ format: 'der', type: 'spki' })
    return signSm2({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }, spki, message)
  }
  if (type === 'EXTERNAL_MU') {
    const { asymmetricKeyType: name = '' } = opened(pkcs8)
    const seed = Buffer.from(String({ ...opened(pkcs8).export({ format: 'jwk' }) }.priv), 'base64url')
    return signMlDsaMu(name.toUpperCase().replaceAll('-', '_'), seed, message, randomBytes(32))
  }
  if (type === 'DIGEST') {
    if (algorithm.startsWith('ECDSA')) return signEcdsaDigest(pkcs8, message)
    return bytes((pss ? signPssDigest : signPkcs1Digest)(pkcs8, hashOf(algorithm), message))
  }
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  const hash = /^(?:RSA|ECDSA)/.test(algorithm) ? hashOf(algorithm) : null
  return bytes(sign(hash, message, { key: opened(pkcs8), ...(pss && padding) }))
}

export function decryptWith(pkcs8: Uint8Array, algorithm: string, ciphertext: Uint8Array): Uint8Array {
  const oaepHash = algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256'
  try {
    return bytes(
      privateDecrypt({ key: opened(pkcs8), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, ciphertext),
    )
  } catch {
    throw new InvalidCiphertextException()
  }
}

export function deriveWith(pkcs8: Uint8Array, peer: Uint8Array): Uint8Array {
  const key = opened(pkcs8)
  const agreement = createECDH(key.asymmetricKeyDetails?.namedCurve ?? '')
  agreement.setPrivateKey(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  return bytes(agreement.computeSecret(peer))
}

export const decapsulateWith = (pkcs8: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  bytes(decapsulate(opened(pkcs8), ciphertext))

import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { base64 } from './world.ts'

const kwpIv = Buffer.from('a65959a6', 'hex')

/** Wraps key material as AWS's guides have it: OpenSSL's OAEP, and id-aes256-wrap-pad. @param publicKey base64, SPKI */
export function wrapFor(publicKey: string, algorithm: string, material: Uint8Array): string {
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
  const oaepHash = algorithm.endsWith('256') ? 'sha256' : 'sha1'
  const oaep = (bytes: Uint8Array) => publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, bytes)
  if (!algorithm.startsWith('RSA_AES')) return base64(oaep(material))
  const ephemeral = randomBytes(32)
  const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, kwpIv)
  return base64(Buffer.concat([oaep(ephemeral), cipher.update(material), cipher.final()]))
}

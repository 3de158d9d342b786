import { constants, createCipheriv, hash, type KeyObject, publicEncrypt } from 'node:crypto'
import { concat } from '../bytes.ts'
import { explicit, implicit, integer, nothing, objectIdentifier, octetString, sequence, set } from './der.ts'

const oid = {
  data: '1.2.840.113549.1.7.1',
  envelopedData: '1.2.840.113549.1.7.3',
  rsaesOaep: '1.2.840.113549.1.1.7',
  mgf1: '1.2.840.113549.1.1.8',
  sha256: '2.16.840.1.101.3.4.2.1',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const

const version2 = integer(Uint8Array.of(2))
const sha256 = sequence(objectIdentifier(oid.sha256), nothing)
const oaepSha256 = sequence(
  objectIdentifier(oid.rsaesOaep),
  sequence(explicit(0, sha256), explicit(1, sequence(objectIdentifier(oid.mgf1), sha256))),
)

/**
 * CMS EnvelopedData (RFC 5652) for one recipient known by its RSA key alone: the content under AES-256-CBC, the content
 * key under RSAES-OAEP with SHA-256. What AWS calls CiphertextForRecipient (kms-api.md §10.7).
 *
 * @param contentKey 32 random bytes, which the caller wipes
 * @param iv 16 random bytes
 */
export function envelopedData(
  content: Uint8Array,
  recipient: KeyObject,
  contentKey: Uint8Array,
  iv: Uint8Array,
): Uint8Array {
  const spki = recipient.export({ format: 'der', type: 'spki' })
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const sealedKey = publicEncrypt({ key: recipient, padding, oaepHash: 'sha256' }, contentKey)
  const cipher = createCipheriv('aes-256-cbc', contentKey, iv)
  const sealed = concat(cipher.update(content), cipher.final())
  // The recipient has one key and needs no name for it; the identifier is of its whole public key.
  const identifier = implicit(0, hash('sha1', spki, 'buffer'))
  const recipientInfo = sequence(version2, identifier, oaepSha256, octetString(sealedKey))
  const encryption = sequence(objectIdentifier(oid.aes256Cbc), octetString(iv))
  const encryptedContent = sequence(objectIdentifier(oid.data), encryption, implicit(0, sealed))
  const enveloped = sequence(version2, set(recipientInfo), encryptedContent)
  return sequence(objectIdentifier(oid.envelopedData), explicit(0, enveloped))
}

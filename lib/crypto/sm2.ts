/**
 * SM2 signatures with SM3 (GB/T 32918.2) under the identity that AWS has, 1234567812345678. OpenSSL signs and verifies,
 * in constant time; node:crypto names it no identity, but hashes what it is given, so the hash of identity and public key
 * that the standard puts before the message is put there here. Of SM2 this runtime has nothing else: no encryption, no
 * key agreement, no signature of a digest.
 */
import { createHash, createSign, createVerify, type KeyObject, type PrivateKeyInput } from 'node:crypto'
import { concat, utf8 } from '../bytes.ts'
import { sm2Curve } from './curves.ts'
import { bytesOf, modulo } from './numbers.ts'

const { bytes, p, a, b, x, y } = sm2Curve
const identity = utf8('1234567812345678')
const ofCurve = concat(...[modulo(a, p), b, x, y].map((number) => bytesOf(number, bytes)))

/** ZA. @param spki whose last 64 bytes are the point */
const signerHash = (spki: Uint8Array): Uint8Array =>
  createHash('sm3')
    .update(bytesOf(BigInt(8 * identity.length), 2))
    .update(identity)
    .update(ofCurve)
    .update(spki.subarray(-2 * bytes))
    .digest()

/** @param spki of the same key, in DER. @returns DER */
export const signSm2 = (key: PrivateKeyInput, spki: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(createSign('sm3').update(signerHash(spki)).update(message).sign(key))

export const verifySm2 = (key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean =>
  createVerify('sm3')
    .update(signerHash(key.export({ format: 'der', type: 'spki' })))
    .update(message)
    .verify(key, signature)

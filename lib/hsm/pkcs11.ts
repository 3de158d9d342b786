/**
 * The one file that touches pkcs11js. Its calls are synchronous, but for the slow ones of RSA: nothing else of this
 * process runs until the HSM has answered, so no deadline can be kept here: a hung HSM hangs the process, and another one
 * has to end it, which is isolated.ts on a host and the function's time-out on Lambda. That is the price of calls 5 times
 * faster than pkcs11js's asynchronous ones (hsm.md §5).
 */
import pkcs11js from 'pkcs11js'
import { attribute, mechanism, mgf1, noKeyDerivation, oaepSourceData } from './constants.ts'
import { Pkcs11Failure } from './failures.ts'

export type Mechanism = pkcs11js.Mechanism
export type KeyPair = pkcs11js.KeyPair
export type Pkcs11 = pkcs11js.PKCS11
export type Handle = pkcs11js.Handle
export type Template = readonly pkcs11js.Attribute[]

/** Some of pkcs11js's errors have the code in a member, others only in their text. */
function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && typeof error.code === 'number' && error.code !== 0) return error.code
  const code = /CKR_\w+:(\d+)/.exec(error.message)?.[1]
  return code === undefined ? undefined : Number(code)
}

/** Runs one PKCS #11 call. @throws Pkcs11Failure naming it; what is no answer of the token (a TypeError) as it is */
export function call<T>(name: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw failureOf(name, error)
  }
}

const failureOf = (name: string, error: unknown): unknown => {
  const code = codeOf(error)
  return code === undefined ? error : new Pkcs11Failure(name, code)
}

/** What calls on other threads are reading and writing: pkcs11js does not keep it from being collected (hsm.md §1). */
const inFlight = new Set<readonly Buffer[]>()

/** `call` on a thread of libuv's pool. @param buffers all that the call is given, kept until it has answered */
export async function callAside<T>(name: string, buffers: readonly Buffer[], body: () => Promise<T>): Promise<T> {
  inFlight.add(buffers)
  try {
    return await body()
  } catch (error) {
    throw failureOf(name, error)
  } finally {
    inFlight.delete(buffers)
  }
}

type AttributeValue = boolean | number | string | Buffer

/**
 * An attribute whose type is undefined, or whose value is a bigint, aborts the process inside pkcs11js (hsm.md §1):
 * every template is made here.
 */
export function template(values: { readonly [name in keyof typeof attribute]?: AttributeValue }): Template {
  return Object.entries(values).map(([name, value]) => {
    const type: number | undefined = attribute[name as keyof typeof attribute]
    const known = ['boolean', 'number', 'string'].includes(typeof value) || Buffer.isBuffer(value)
    if (type === undefined || !known) throw new TypeError(`No PKCS #11 attribute can be made of ${name}`)
    return { type, value }
  })
}

export function mechanismList(...mechanisms: readonly number[]): Buffer {
  const list = Buffer.alloc(8 * mechanisms.length)
  for (const [at, number] of mechanisms.entries()) list.writeBigUInt64LE(BigInt(number), 8 * at)
  return list
}

/** AES-GCM with a 96-bit IV and a 128-bit tag. */
export function gcm(iv: Uint8Array, additionalData: Uint8Array): pkcs11js.Mechanism {
  const parameter: pkcs11js.AesGCM = {
    type: pkcs11js.CK_PARAMS_AES_GCM_v240,
    iv: bufferOf(iv),
    ivBits: 96,
    aad: bufferOf(additionalData),
    tagBits: 128,
  }
  return { mechanism: mechanism.aesGcm, parameter }
}

export type Hash = 'sha256' | 'sha384' | 'sha512'

/** RSASSA-PSS of a digest: MGF1 with the same hash, salt as long as it. */
export function pss(hash: Hash): Mechanism {
  const hashBytes = { sha256: 32, sha384: 48, sha512: 64 }
  const parameter: pkcs11js.RsaPSS = {
    type: pkcs11js.CK_PARAMS_RSA_PSS,
    hashAlg: mechanism[hash],
    mgf: mgf1[hash],
    saltLen: hashBytes[hash],
  }
  return { mechanism: mechanism.rsaPss, parameter }
}

/** RSAES-OAEP with SHA-1 for both of its hashes, which is all that SoftHSM has. */
export function oaepSha1(): Mechanism {
  const parameter: pkcs11js.RsaOAEP = {
    type: pkcs11js.CK_PARAMS_RSA_OAEP,
    hashAlg: mechanism.sha1,
    mgf: mgf1.sha1,
    source: oaepSourceData,
  }
  return { mechanism: mechanism.rsaOaep, parameter }
}

export function ecdh(peer: Uint8Array): Mechanism {
  const parameter: pkcs11js.ECDH1 = {
    type: pkcs11js.CK_PARAMS_EC_DH,
    kdf: noKeyDerivation,
    publicData: bufferOf(peer),
  }
  return { mechanism: mechanism.ecdh1Derive, parameter }
}

/** The same memory, as the type that pkcs11js asks for. */
export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function loadLibrary(path: string): Pkcs11 {
  const pkcs11 = new pkcs11js.PKCS11()
  pkcs11.load(path)
  return pkcs11
}

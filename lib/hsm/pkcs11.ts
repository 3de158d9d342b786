/**
 * The one file that touches pkcs11js. Its calls are synchronous: nothing else of this process runs until the HSM has
 * answered, so no deadline can be kept here — a hung HSM hangs the process, and the Lambda's or the supervisor's own
 * timeout has to end it. That is the price of calls 5 times faster than pkcs11js's asynchronous ones (hsm.md §5).
 */
import pkcs11js from 'pkcs11js'
import { attribute, mechanism, returnCode } from './constants.ts'

export type Pkcs11 = pkcs11js.PKCS11
export type Handle = pkcs11js.Handle
export type Template = readonly pkcs11js.Attribute[]

/** A call that the token answered with something other than CKR_OK. Carries no argument of the call. */
export class Pkcs11Failure extends Error {
  override readonly name = 'Pkcs11Failure'
  readonly call: string
  readonly code: number

  constructor(call: string, code: number) {
    super(`${call} answered 0x${code.toString(16)}`)
    this.call = call
    this.code = code
  }
}

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
    const code = codeOf(error)
    throw code === undefined ? error : new Pkcs11Failure(name, code)
  }
}

export const answered = (error: unknown, ...codes: readonly number[]): boolean =>
  error instanceof Pkcs11Failure && codes.includes(error.code)

/** The token, its sessions or our handles are gone: opening anew may help. */
export const isLost = (error: unknown): boolean =>
  answered(
    error,
    returnCode.slotIdInvalid,
    returnCode.deviceError,
    returnCode.deviceMemory,
    returnCode.deviceRemoved,
    returnCode.keyHandleInvalid,
    returnCode.objectHandleInvalid,
    returnCode.sessionClosed,
    returnCode.sessionHandleInvalid,
    returnCode.tokenNotPresent,
    returnCode.tokenNotRecognized,
    returnCode.unwrappingKeyHandleInvalid,
    returnCode.userNotLoggedIn,
    returnCode.wrappingKeyHandleInvalid,
    returnCode.notInitialized,
  )

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

/** The same memory, as the type that pkcs11js asks for. */
export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function loadLibrary(path: string): Pkcs11 {
  const pkcs11 = new pkcs11js.PKCS11()
  pkcs11.load(path)
  return pkcs11
}

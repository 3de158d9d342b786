/** What goes wrong with a token, for whoever hears of it: also for a process that has no PKCS #11 module in it. */
import { KMSInternalException, KmsError } from '../errors.ts'
import { returnCode } from './constants.ts'

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

/** The token is not there, at least not for this process. */
export class TokenNotFound extends Error {
  override readonly name = 'TokenNotFound'
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

/** How a caller of the port hears of it. */
export const failureOf = (error: unknown): KmsError =>
  error instanceof KmsError ? error : new KMSInternalException(undefined, { cause: error })

/** Answers after which another login would only bring the PIN nearer to being locked. */
export const isRefusal = (error: unknown): boolean => answered(error, returnCode.pinIncorrect, returnCode.pinLocked)

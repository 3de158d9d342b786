import { mechanism, returnCode } from './constants.ts'
import type { Session } from './session.ts'

/** How a vendor's token differs: rows of data, chosen once at the start. */
export interface Profile {
  /** Starts of the manufacturer names that C_GetInfo gives. */
  readonly manufacturers: readonly string[]
  /** AES key wrap with padding (RFC 5649), as this vendor numbers it. */
  readonly keyWrap: number
  /** The number that it has where the token lacks that one. */
  readonly keyWrapElse?: number
  /** Who chooses the IV of AES-GCM. */
  readonly gcmIv: 'caller' | 'token'
  /** C_CopyObject makes a session copy of a token object that keeps its locks, and is faster to use. */
  readonly copiesObjects: boolean
  /** C_SetAttributeValue can take CKA_EXTRACTABLE from a session object. */
  readonly locksInPlace: boolean
  /**
   * What C_Decrypt and C_UnwrapKey answer when the bytes they were given are wrong. Where a fault of the token has the same
   * code, messages.ts and asymmetric.ts tell them apart.
   */
  readonly damagedBytes: readonly number[]
  /** What C_GenerateKeyPair answers for a curve that the token has not: no list of a token's curves can be asked for. */
  readonly unknownCurve: readonly number[]
}

const damagedBytes = [
  returnCode.encryptedDataInvalid,
  returnCode.encryptedDataLengthRange,
  returnCode.aeadDecryptFailed,
  returnCode.signatureInvalid,
  returnCode.wrappedKeyInvalid,
  returnCode.wrappedKeyLengthRange,
] as const

const unknownCurve = [
  returnCode.attributeValueInvalid,
  returnCode.mechanismParamInvalid,
  returnCode.domainParamsInvalid,
  returnCode.curveNotSupported,
] as const

export const profiles = {
  softhsm: {
    manufacturers: ['SoftHSM'],
    keyWrap: mechanism.aesKeyWrapPad,
    gcmIv: 'caller',
    copiesObjects: true,
    locksInPlace: true,
    damagedBytes: [...damagedBytes, returnCode.generalError],
    unknownCurve: [],
  },
  // From AWS's documentation of Client SDK 5, not run: no C_CopyObject, no C_SetAttributeValue, IVs made by the HSM.
  cloudhsm: {
    manufacturers: ['Marvell', 'Cavium', 'CloudHSM', 'AWS'],
    keyWrap: mechanism.cloudHsmAesKeyWrapZeroPad,
    gcmIv: 'token',
    copiesObjects: false,
    locksInPlace: false,
    damagedBytes,
    unknownCurve,
  },
  generic: {
    manufacturers: [],
    keyWrap: mechanism.aesKeyWrapKwp,
    keyWrapElse: mechanism.aesKeyWrapPad,
    gcmIv: 'caller',
    copiesObjects: false,
    locksInPlace: false,
    // Kryoptic says CKR_DEVICE_ERROR of a wrong OAEP block.
    damagedBytes: [...damagedBytes, returnCode.generalError, returnCode.functionFailed, returnCode.deviceError],
    // And CKR_GENERAL_ERROR of a curve.
    unknownCurve: [...unknownCurve, returnCode.generalError],
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles

const needed = {
  aesGcm: mechanism.aesGcm,
  aesKeyGeneration: mechanism.aesKeyGeneration,
  hmacSha256: mechanism.hmacSha256,
} as const

/** The row with the number of the key wrap that this token has. */
export function fitted(row: Profile, mechanisms: readonly number[]): Profile {
  const { keyWrap, keyWrapElse = keyWrap } = row
  return mechanisms.includes(keyWrap) ? row : { ...row, keyWrap: keyWrapElse }
}

/**
 * The profile asked for, or the one that fits the module's manufacturer.
 *
 * @throws Error when the token lacks what Keystead cannot do without
 */
export function chooseProfile(session: Session, name?: ProfileName): Profile {
  const { manufacturer, mechanisms } = session
  const fits = (profile: Profile) => profile.manufacturers.some((start) => manufacturer.startsWith(start))
  // What only a software token is trusted to be told, or to be helped with, hangs on this name.
  if (name === 'softhsm' && !fits(profiles.softhsm)) {
    throw new Error(`The module is of ${manufacturer}, not SoftHSM: choose another profile`)
  }
  const row = name ? profiles[name] : (Object.values(profiles).find(fits) ?? profiles.generic)
  const profile = fitted(row, mechanisms)
  const wanted = { aesKeyWrapPad: profile.keyWrap, ...needed }
  const missing = Object.entries(wanted).filter(([, number]) => !mechanisms.includes(number))
  if (missing.length > 0) {
    const list = missing.map(([name, number]) => `${name} (0x${number.toString(16)})`).join(', ')
    throw new Error(`The token has no ${list}`)
  }
  if (profile.gcmIv === 'token') {
    throw new Error('The token chooses the IVs of AES-GCM itself: ciphertext version 1 needs a token that takes them.')
  }
  return profile
}

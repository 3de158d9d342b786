/** The numbers of PKCS #11 that Keystead uses. By name, so that a misspelt one does not compile. */
export const attribute = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  sign: 0x108,
  verify: 0x10a,
  derive: 0x10c,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  ecParams: 0x180,
  ecPoint: 0x181,
  valueLength: 0x161,
  extractable: 0x162,
  unwrapTemplate: 0x40000212,
  allowedMechanisms: 0x40000600,
} as const

export const objectClass = { publicKey: 2, privateKey: 3, secretKey: 4 } as const

export const keyType = { rsa: 0x0, ec: 0x3, genericSecret: 0x10, aes: 0x1f } as const

export const mechanism = {
  rsaKeyPairGeneration: 0x0,
  rsaPkcs: 0x1,
  rsaX509: 0x3,
  rsaOaep: 0x9,
  rsaPss: 0xd,
  sha1: 0x220,
  sha256: 0x250,
  hmacSha256: 0x251,
  hmacSha224: 0x256,
  sha384: 0x260,
  hmacSha384: 0x261,
  sha512: 0x270,
  hmacSha512: 0x271,
  genericSecretKeyGeneration: 0x350,
  ecKeyPairGeneration: 0x1040,
  ecdsa: 0x1041,
  ecdh1Derive: 0x1050,
  aesKeyGeneration: 0x1080,
  aesGcm: 0x1087,
  /** Means RFC 5649 in SoftHSM; since PKCS #11 v3.0 that is 0x210b, because not every module had meant it. */
  aesKeyWrapPad: 0x210a,
  aesKeyWrapKwp: 0x210b,
  /** CKM_CLOUDHSM_AES_KEY_WRAP_ZERO_PAD: RFC 5649 under a vendor's number. */
  cloudHsmAesKeyWrapZeroPad: 0x8000216f,
} as const

export const sessionFlag = { readWrite: 2, serial: 4 } as const
export const userType = { securityOfficer: 0, user: 1 } as const
export const osLockingOk = 2
/** CKG_MGF1_… by the hash. */
export const mgf1 = { sha1: 1, sha256: 2, sha384: 3, sha512: 4 } as const
/** CKD_NULL: the shared value as it is. */
export const noKeyDerivation = 1
export const oaepSourceData = 1

export const returnCode = {
  slotIdInvalid: 0x3,
  generalError: 0x5,
  functionFailed: 0x6,
  attributeSensitive: 0x11,
  attributeValueInvalid: 0x13,
  deviceError: 0x30,
  deviceMemory: 0x31,
  deviceRemoved: 0x32,
  encryptedDataInvalid: 0x40,
  encryptedDataLengthRange: 0x41,
  aeadDecryptFailed: 0x42,
  keyHandleInvalid: 0x60,
  keySizeRange: 0x62,
  keyFunctionNotPermitted: 0x68,
  keyUnextractable: 0x6a,
  mechanismInvalid: 0x70,
  mechanismParamInvalid: 0x71,
  objectHandleInvalid: 0x82,
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLengthRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  sessionClosed: 0xb0,
  sessionHandleInvalid: 0xb3,
  signatureInvalid: 0xc0,
  templateInconsistent: 0xd1,
  tokenNotPresent: 0xe0,
  tokenNotRecognized: 0xe1,
  unwrappingKeyHandleInvalid: 0xf0,
  userAlreadyLoggedIn: 0x100,
  userNotLoggedIn: 0x101,
  userPinNotInitialized: 0x102,
  userAnotherAlreadyLoggedIn: 0x104,
  wrappedKeyInvalid: 0x110,
  wrappedKeyLengthRange: 0x112,
  wrappingKeyHandleInvalid: 0x113,
  domainParamsInvalid: 0x130,
  curveNotSupported: 0x140,
  notInitialized: 0x190,
  alreadyInitialized: 0x191,
} as const

import { keyType, mechanism, objectClass } from './constants.ts'
import { type Handle, mechanismList, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'
import { uses } from './uses.ts'

const common = {
  token: false,
  private: true,
  sensitive: true,
  allowedMechanisms: mechanismList(mechanism.aesGcm),
} as const

const newborn = template({ ...common, ...uses('encrypt', 'decrypt'), extractable: true, valueLength: 32 })
const opened = { ...common, class: objectClass.secretKey, keyType: keyType.aes, extractable: false } as const
const forReading = template({ ...opened, ...uses('decrypt') })
const forSending = template({ ...opened, ...uses('encrypt', 'decrypt') })
const extractableNoMore = template({ extractable: false })

/** A new AES-256 message key, no longer extractable, and the same wrapped by its key material. */
export function makeMessageKey(
  session: Session,
  profile: Profile,
  material: Handle,
): { handle: Handle; wrapped: Uint8Array } {
  const handle = session.generate(mechanism.aesKeyGeneration, newborn)
  try {
    const wrapped = session.wrap(profile.keyWrap, material, handle)
    if (profile.locksInPlace) {
      session.change(handle, extractableNoMore)
      return { handle, wrapped }
    }
    const reopened = session.unwrap(profile.keyWrap, material, wrapped, forSending)
    session.destroy(handle)
    return { handle: reopened, wrapped }
  } catch (error) {
    session.destroy(handle)
    throw error
  }
}

/** A message key that came with a ciphertext: it decrypts, and nothing else. */
export const openMessageKey = (session: Session, profile: Profile, material: Handle, wrapped: Uint8Array): Handle =>
  session.unwrap(profile.keyWrap, material, wrapped, forReading)

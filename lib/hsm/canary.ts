import { equal, utf8 } from '../bytes.ts'
import { mechanism, returnCode } from './constants.ts'
import { Pkcs11Failure } from './failures.ts'
import { makeMessageKey, openMessageKey } from './message-key.ts'
import { type Handle, mechanismList, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'
import { uses } from './uses.ts'

const plaintext = utf8('alive')
const iv = new Uint8Array(12)
const none = new Uint8Array()

/**
 * A message known to be good. SoftHSM says CKR_GENERAL_ERROR for a wrong tag and for a fault of its own alike; a token
 * that still opens this one was not to blame.
 */
export class Canary {
  readonly #session: Session
  readonly #profile: Profile
  readonly #wrappingKey: Handle
  readonly #messageKey: Handle
  readonly #wrapped: Uint8Array
  readonly #body: Uint8Array

  constructor(session: Session, profile: Profile) {
    this.#session = session
    this.#profile = profile
    this.#wrappingKey = session.generate(
      mechanism.aesKeyGeneration,
      template({
        token: false,
        private: true,
        sensitive: true,
        extractable: false,
        valueLength: 32,
        ...uses('wrap', 'unwrap'),
        allowedMechanisms: mechanismList(profile.keyWrap),
      }),
    )
    const { handle, wrapped } = makeMessageKey(session, profile, this.#wrappingKey)
    this.#messageKey = handle
    this.#wrapped = wrapped
    this.#body = session.encrypt(handle, iv, none, plaintext)
  }

  /** @throws Pkcs11Failure of a lost device when the token does not decrypt rightly */
  assertDecrypts(): void {
    this.#prove(() => equal(this.#session.decrypt(this.#messageKey, iv, none, this.#body), plaintext))
  }

  /** @throws Pkcs11Failure of a lost device when the token does not unwrap rightly */
  assertUnwraps(): void {
    this.#prove(() => {
      const handle = openMessageKey(this.#session, this.#profile, this.#wrappingKey, this.#wrapped)
      try {
        return equal(this.#session.decrypt(handle, iv, none, this.#body), plaintext)
      } finally {
        this.#session.destroy(handle)
      }
    })
  }

  #prove(proof: () => boolean): void {
    let proven: boolean
    try {
      proven = proof()
    } catch (error) {
      if (!(error instanceof Pkcs11Failure)) throw error
      proven = false
    }
    if (!proven) throw new Pkcs11Failure('the self-check', returnCode.deviceError)
  }
}

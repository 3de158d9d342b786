import { concat, equal } from '../bytes.ts'
import { type Ciphertext, headerOf } from '../crypto/ciphertext.ts'
import { canonicalContext, type EncryptionContext } from '../crypto/context.ts'
import { InvalidCiphertextException, KMSInternalException } from '../errors.ts'
import type { Material } from '../keys/key.ts'
import { ownerOf } from '../keys/materials.ts'
import type { Canary } from './canary.ts'
import { Pkcs11Failure } from './failures.ts'
import type { Handles, Sending } from './handles.ts'
import { type Materials, nameOf } from './materials.ts'
import { makeMessageKey, openMessageKey } from './message-key.ts'
import { bufferOf, type Handle } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'

/** When a message key is replaced by a new one. */
export interface MessageKeyLimits {
  /** At most 2^32: SP 800-38D's bound on messages under one key. */
  readonly messages: number
  readonly milliseconds: number
}

const ivBytes = 12
const tagBytes = 16

/**
 * A counter from 0, big-endian. It repeats under no key, because a message key is made in this process and encrypts in
 * no other: a snapshot of a running process must never be resumed twice.
 */
function ivOf(count: number): Uint8Array {
  const iv = new Uint8Array(ivBytes)
  new DataView(iv.buffer).setUint32(ivBytes - 4, count)
  return iv
}

/** Symmetric encryption under message keys (design.md §3). */
export class Messages {
  readonly #session: Session
  readonly #profile: Profile
  readonly #materials: Materials
  readonly #handles: Handles
  readonly #canary: Canary
  readonly #limits: MessageKeyLimits

  constructor(
    login: { session: Session; profile: Profile; materials: Materials; handles: Handles; canary: Canary },
    limits: MessageKeyLimits,
  ) {
    this.#session = login.session
    this.#profile = login.profile
    this.#materials = login.materials
    this.#handles = login.handles
    this.#canary = login.canary
    this.#limits = limits
  }

  encrypt(material: Material, plaintext: Uint8Array, context: EncryptionContext, now: number): Uint8Array {
    // INVARIANT: the schema asks for a byte; SoftHSM would leave the session unusable.
    if (plaintext.length === 0) throw new KMSInternalException('Nothing to encrypt')
    const { handle, sending } = this.#sendingKey(material, now)
    // Counted before it is used: an IV whose encryption failed is not used again.
    const iv = ivOf(sending.sent++)
    const additionalData = concat(sending.header, canonicalContext(context))
    return concat(sending.header, iv, this.#session.encrypt(handle, iv, additionalData, plaintext))
  }

  decrypt(material: Material, ciphertext: Ciphertext, context: EncryptionContext): Uint8Array {
    const { iv, body, header, wrappedMessageKey } = ciphertext
    // No ciphertext of ours is empty, and SoftHSM would leave the session unusable.
    if (body.length <= tagBytes) throw new InvalidCiphertextException()
    const additionalData = concat(header, canonicalContext(context))
    const attempt = () => this.#session.decrypt(this.#readingKey(material, wrappedMessageKey), iv, additionalData, body)
    try {
      return attempt()
    } catch (error) {
      this.#assertTokenBlameless(error)
    }
    // Twice, and with a token proven to work in between, so that a passing fault is not taken for a bad ciphertext.
    try {
      return attempt()
    } catch (error) {
      this.#assertTokenBlameless(error)
      throw new InvalidCiphertextException(undefined, { cause: error })
    }
  }

  /** @throws the error itself unless it is a judgement on the ciphertext; a lost device when the token is unsound */
  #assertTokenBlameless(error: unknown): void {
    if (!(error instanceof Pkcs11Failure) || !this.#profile.damagedBytes.includes(error.code)) throw error
    if (error.call === 'C_Decrypt') this.#canary.assertDecrypts()
    else if (error instanceof DamagedMessageKey) this.#canary.assertUnwraps()
    else throw error
  }

  #sendingKey(material: Material, now: number): { handle: Handle; sending: Sending } {
    const owner = ownerOf(material)
    const name = sendingName(nameOf(owner, material.wrapped))
    const held = this.#handles.find(name)
    if (held?.sending && this.#isFresh(held.sending, now)) return { handle: held.handle, sending: held.sending }
    const { handle, wrapped } = makeMessageKey(
      this.#session,
      this.#profile,
      this.#materials.open(owner, material.wrapped, 'wrapping'),
    )
    const sending = { wrapped, header: headerOf(material.keyId, material.id, wrapped), bornAt: now, sent: 0 }
    this.#handles.put(name, { handle, sending })
    return { handle, sending }
  }

  /** A clock that was set back ends a key too: its age is not known any more. */
  #isFresh({ sent, bornAt }: Sending, now: number): boolean {
    return sent < this.#limits.messages && now >= bornAt && now - bornAt < this.#limits.milliseconds
  }

  #readingKey(material: Material, wrapped: Uint8Array): Handle {
    const owner = ownerOf(material)
    const keyName = nameOf(owner, material.wrapped)
    const own = this.#handles.find(sendingName(keyName))
    if (own?.sending && equal(own.sending.wrapped, wrapped)) return own.handle
    const name = readingName(keyName, wrapped)
    const held = this.#handles.find(name)
    if (held) return held.handle
    const materialHandle = this.#materials.open(owner, material.wrapped, 'wrapping')
    let handle: Handle
    try {
      handle = openMessageKey(this.#session, this.#profile, materialHandle, wrapped)
    } catch (error) {
      throw error instanceof Pkcs11Failure ? new DamagedMessageKey(error.call, error.code) : error
    }
    this.#handles.put(name, { handle })
    return handle
  }
}

/** Unlike the same failure of its key material, this one may be the ciphertext's fault. */
class DamagedMessageKey extends Pkcs11Failure {}

const sendingName = (keyName: string): string => `${keyName} sending`
const readingName = (keyName: string, wrapped: Uint8Array): string =>
  `${keyName} reading ${bufferOf(wrapped).toString('latin1')}`

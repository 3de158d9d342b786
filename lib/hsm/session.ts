import { attribute, returnCode, sessionFlag, userType } from './constants.ts'
import { answered, Pkcs11Failure, TokenNotFound } from './failures.ts'
import { initialize } from './library.ts'
import {
  bufferOf,
  call,
  callAside,
  gcm,
  type Handle,
  type KeyPair,
  type Mechanism,
  type Pkcs11,
  type Template,
} from './pkcs11.ts'

const readWriteSession = sessionFlag.readWrite | sessionFlag.serial
const maxWrappedBytes = 4096
const maxFound = 1000
const tagBytes = 16

function slotOf(pkcs11: Pkcs11, tokenLabel: string): Handle {
  for (const slot of call('C_GetSlotList', () => pkcs11.C_GetSlotList(true))) {
    if (call('C_GetTokenInfo', () => pkcs11.C_GetTokenInfo(slot)).label.trimEnd() === tokenLabel) return slot
  }
  throw new TokenNotFound(`No slot of the PKCS #11 module holds a token labelled ${tokenLabel}`)
}

/**
 * One login at the token, from opening to loss. Objects belong to the owner session, which lives as long: they die
 * with the session that made them. What keeps state between two calls (encrypt, decrypt, sign, find) runs on operation
 * sessions, which may use the owner's objects; one on which anything threw is closed and never used again, because a
 * failed call can leave its operation active for ever.
 */
export class Session {
  readonly #pkcs11: Pkcs11
  readonly #slot: Handle
  readonly #owner: Handle
  readonly #idle: Handle[] = []
  #closed = false

  constructor(pkcs11: Pkcs11, tokenLabel: string, pin: string) {
    this.#pkcs11 = pkcs11
    initialize(pkcs11)
    this.#slot = slotOf(pkcs11, tokenLabel)
    this.#owner = this.#open()
    try {
      call('C_Login', () => pkcs11.C_Login(this.#owner, userType.user, pin))
    } catch (error) {
      // Login is the process's: another session of it may have been first.
      if (!answered(error, returnCode.userAlreadyLoggedIn)) {
        this.close()
        throw error
      }
    }
  }

  get mechanisms(): readonly number[] {
    return call('C_GetMechanismList', () => this.#pkcs11.C_GetMechanismList(this.#slot))
  }

  get manufacturer(): string {
    return call('C_GetInfo', () => this.#pkcs11.C_GetInfo()).manufacturerID.trimEnd()
  }

  random(length: number): Uint8Array {
    return call('C_GenerateRandom', () => this.#pkcs11.C_GenerateRandom(this.#owner, Buffer.alloc(length)))
  }

  generate(mechanism: number, attributes: Template): Handle {
    return call('C_GenerateKey', () => this.#pkcs11.C_GenerateKey(this.#owner, { mechanism }, [...attributes]))
  }

  generatePair(mechanism: number, publicKey: Template, privateKey: Template): KeyPair {
    return call('C_GenerateKeyPair', () =>
      this.#pkcs11.C_GenerateKeyPair(this.#owner, { mechanism }, [...publicKey], [...privateKey]),
    )
  }

  /** `generatePair` off the main thread, for RSA. The pair is there while `use` runs: its session is not ours to keep. */
  generatePairAside<T>(
    mechanism: number,
    publicKey: Template,
    privateKey: Template,
    use: (pair: KeyPair) => T,
  ): Promise<T> {
    return this.#operateAside(async (session) =>
      use(
        await callAside('C_GenerateKeyPair', [session], () =>
          this.#pkcs11.C_GenerateKeyPairAsync(session, { mechanism }, [...publicKey], [...privateKey]),
        ),
      ),
    )
  }

  derive(mechanism: Mechanism, key: Handle, attributes: Template): Handle {
    return call('C_DeriveKey', () => this.#pkcs11.C_DeriveKey(this.#owner, mechanism, key, [...attributes]))
  }

  create(attributes: Template): Handle {
    return call('C_CreateObject', () => this.#pkcs11.C_CreateObject(this.#owner, [...attributes]))
  }

  copy(object: Handle, attributes: Template): Handle {
    return call('C_CopyObject', () => this.#pkcs11.C_CopyObject(this.#owner, object, [...attributes]))
  }

  change(object: Handle, attributes: Template): void {
    call('C_SetAttributeValue', () => this.#pkcs11.C_SetAttributeValue(this.#owner, object, [...attributes]))
  }

  destroy(object: Handle): void {
    call('C_DestroyObject', () => this.#pkcs11.C_DestroyObject(this.#owner, object))
  }

  read(object: Handle, type: number): Uint8Array {
    const values = call('C_GetAttributeValue', () => this.#pkcs11.C_GetAttributeValue(this.#owner, object, [{ type }]))
    return values[0]?.value ?? new Uint8Array()
  }

  label(object: Handle): string {
    return Buffer.from(this.read(object, attribute.label)).toString()
  }

  wrap(mechanism: number, wrappingKey: Handle, key: Handle): Uint8Array {
    const room = Buffer.alloc(maxWrappedBytes)
    const wrapped = call('C_WrapKey', () => this.#pkcs11.C_WrapKey(this.#owner, { mechanism }, wrappingKey, key, room))
    return new Uint8Array(wrapped)
  }

  unwrap(mechanism: number, unwrappingKey: Handle, wrapped: Uint8Array, attributes: Template): Handle {
    return call('C_UnwrapKey', () =>
      this.#pkcs11.C_UnwrapKey(this.#owner, { mechanism }, unwrappingKey, bufferOf(wrapped), [...attributes]),
    )
  }

  /** `unwrap` by a mechanism with a parameter: OAEP. */
  unwrapBy(how: Mechanism, unwrappingKey: Handle, wrapped: Uint8Array, attributes: Template): Handle {
    return call('C_UnwrapKey', () =>
      this.#pkcs11.C_UnwrapKey(this.#owner, how, unwrappingKey, bufferOf(wrapped), [...attributes]),
    )
  }

  find(attributes: Template): readonly Handle[] {
    return this.#operate((session) => {
      call('C_FindObjectsInit', () => this.#pkcs11.C_FindObjectsInit(session, [...attributes]))
      const found = call('C_FindObjects', () => this.#pkcs11.C_FindObjects(session, maxFound))
      call('C_FindObjectsFinal', () => this.#pkcs11.C_FindObjectsFinal(session))
      return found
    })
  }

  /** AES-256-GCM. @returns ciphertext and tag */
  encrypt(key: Handle, iv: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#operate((session) => {
      call('C_EncryptInit', () => this.#pkcs11.C_EncryptInit(session, gcm(iv, additionalData), key))
      const room = Buffer.alloc(plaintext.length + tagBytes)
      return call('C_Encrypt', () => this.#pkcs11.C_Encrypt(session, bufferOf(plaintext), room))
    })
  }

  /** AES-256-GCM. @param body ciphertext and tag */
  decrypt(key: Handle, iv: Uint8Array, additionalData: Uint8Array, body: Uint8Array): Uint8Array {
    return this.#operate((session) => {
      call('C_DecryptInit', () => this.#pkcs11.C_DecryptInit(session, gcm(iv, additionalData), key))
      // As long as the tag too, or SoftHSM finds the buffer too small.
      const room = Buffer.alloc(body.length)
      return call('C_Decrypt', () => this.#pkcs11.C_Decrypt(session, bufferOf(body), room))
    })
  }

  /** @param data not empty: SoftHSM would leave the session unusable. @param bytes how long the signature may be */
  sign(mechanism: Mechanism, key: Handle, data: Uint8Array, bytes: number): Uint8Array {
    return this.#operate((session) => {
      call('C_SignInit', () => this.#pkcs11.C_SignInit(session, mechanism, key))
      return call('C_Sign', () => this.#pkcs11.C_Sign(session, bufferOf(data), Buffer.alloc(bytes)))
    })
  }

  /** `sign` off the main thread, for RSA. The key is used up by C_SignInit: it may leave the cache meanwhile. */
  signAside(mechanism: Mechanism, key: Handle, data: Uint8Array, bytes: number): Promise<Uint8Array> {
    return this.#operateAside((session) => {
      call('C_SignInit', () => this.#pkcs11.C_SignInit(session, mechanism, key))
      const [input, room] = [bufferOf(data), Buffer.alloc(bytes)]
      return callAside('C_Sign', [session, input, room], () => this.#pkcs11.C_SignAsync(session, input, room))
    })
  }

  /** RSA decryption, off the main thread. @param ciphertext as long as the modulus */
  decryptAside(mechanism: Mechanism, key: Handle, ciphertext: Uint8Array): Promise<Uint8Array> {
    return this.#operateAside((session) => {
      call('C_DecryptInit', () => this.#pkcs11.C_DecryptInit(session, mechanism, key))
      const [input, room] = [bufferOf(ciphertext), Buffer.alloc(ciphertext.length)]
      return callAside('C_Decrypt', [session, input, room], () => this.#pkcs11.C_DecryptAsync(session, input, room))
    })
  }

  /** Closes what is still there; another instance of this process stays logged in. */
  close(): void {
    this.#closed = true
    for (const session of [...this.#idle.splice(0), this.#owner]) this.#close(session)
  }

  #open(): Handle {
    return call('C_OpenSession', () => this.#pkcs11.C_OpenSession(this.#slot, readWriteSession))
  }

  #close(session: Handle): void {
    try {
      call('C_CloseSession', () => this.#pkcs11.C_CloseSession(session))
    } catch (error) {
      // It is never used again: a token that cannot close it has lost it, or will.
      if (!(error instanceof Pkcs11Failure)) throw error
    }
  }

  #operate<T>(operation: (session: Handle) => T): T {
    const session = this.#idle.pop() ?? this.#open()
    let result: T
    try {
      result = operation(session)
    } catch (error) {
      this.#close(session)
      throw error
    }
    this.#idle.push(session)
    return result
  }

  async #operateAside<T>(operation: (session: Handle) => Promise<T>): Promise<T> {
    const session = this.#idle.pop() ?? this.#open()
    let result: T
    try {
      result = await operation(session)
    } catch (error) {
      this.#close(session)
      throw error
    }
    // The login may have been given up meanwhile.
    if (this.#closed) this.#close(session)
    else this.#idle.push(session)
    return result
  }
}

import { equal, utf8 } from '../bytes.ts'
import { wrappingAlgorithms } from '../crypto/import-wrapping.ts'
import { InvalidImportTokenException, KeyUnavailableException, UnsupportedOperationException } from '../errors.ts'
import type { ImportedKey, ImportRequest, Owner } from '../ports.ts'
import type { Canary } from './canary.ts'
import { keyType, mechanism, objectClass, returnCode } from './constants.ts'
import { answered } from './failures.ts'
import {
  canonicalPkcs8,
  demandLength,
  idOf,
  invalidMaterial,
  parts,
  publicKeyIn,
  unwrapped,
  wrappedAnew,
} from './import-formats.ts'
import { type Described, describePair } from './imported-pairs.ts'
import { type Kind, newborn } from './kinds.ts'
import type { Materials } from './materials.ts'
import { unpadOaepSha256 } from './oaep.ts'
import { bufferOf, type Handle, mechanismList, oaepSha1, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'
import { uses } from './uses.ts'

const maxSecretBytes = 128

/**
 * Key material from outside. What the token can unwrap is never in this process: secrets under OAEP with SHA-1, private
 * keys under AES-KWP. Where it cannot — OAEP with SHA-256 on SoftHSM, specs that it does not hold — the block, the
 * AES key or the seed is here for the one call, and wiped (SECURITY.md).
 */
export class Imports {
  readonly #session: Session
  readonly #profile: Profile
  readonly #materials: Materials
  readonly #canary: Canary

  constructor(login: { session: Session; profile: Profile; materials: Materials; canary: Canary }) {
    this.#session = login.session
    this.#profile = login.profile
    this.#materials = login.materials
    this.#canary = login.canary
  }

  /** @throws InvalidCiphertextException when what was sent is not material of the spec, wrapped as it should be */
  async take(request: ImportRequest): Promise<ImportedKey> {
    demandLength(request)
    const { target } = request
    const kind = this.#materials.kindOf({ purpose: 'key-material', materialId: '', ...target })
    if (kind.seed) return this.#takeSeed(request, kind)
    const handle = kind.pair ? await this.#privateKey(request) : await this.#secret(request)
    const described = (): Described =>
      kind.pair ? describePair(this.#session, handle, target.spec, kind) : this.#describeSecret(handle, target.id, kind)
    const { materialId, publicKey } = this.#kept(handle, described)
    const owner: Owner = { purpose: 'key-material', materialId, ...target }
    const wrapped = this.#materials.seal(owner, handle)
    const key = { materialId, wrapped, protection: 'HSM', ...(publicKey && { publicKey }) } as const
    if (!kind.pair) this.#assertWhole(owner, key, kind)
    return key
  }

  /** Destroys the handle when what is asked of it fails. */
  #kept<T>(handle: Handle, use: () => T): T {
    try {
      return use()
    } catch (error) {
      this.#session.destroy(handle)
      throw this.#judged(error)
    }
  }

  /** A failure that the token has with the bytes it was given is the caller's; any other is ours. */
  #judged(error: unknown): unknown {
    const refusals = [returnCode.functionFailed, returnCode.keySizeRange, returnCode.templateInconsistent]
    if (!answered(error, ...this.#profile.damagedBytes, ...refusals)) return error
    this.#canary.assertDecrypts()
    return invalidMaterial()
  }

  /** The token that the caller sent holds the wrapped key: one that is not bound as it says was made up. */
  #importKey({ owner, wrapped }: ImportRequest['importKey'], purpose: 'decrypting' | 'unwrapping'): Handle {
    try {
      return this.#materials.open(owner, wrapped, purpose)
    } catch (error) {
      throw error instanceof KeyUnavailableException ? new InvalidImportTokenException() : error
    }
  }

  #unwrapped<T>(unwrap: () => T): T {
    try {
      return unwrap()
    } catch (error) {
      throw this.#judged(error)
    }
  }

  /** RSAES-OAEP, opened outside the token. The caller wipes it. */
  async #opened({ importKey, algorithm }: ImportRequest, block: Uint8Array): Promise<Uint8Array> {
    const { hash } = wrappingAlgorithms[algorithm]
    const how = hash === 'sha1' ? oaepSha1() : { mechanism: mechanism.rsaX509 }
    const handle = this.#importKey(importKey, 'decrypting')
    let clear: Uint8Array
    try {
      clear = await this.#session.decryptAside(how, handle, block)
    } catch (error) {
      throw this.#judged(error)
    }
    const plaintext = hash === 'sha1' ? clear : unpadOaepSha256(clear)
    if (!plaintext) throw invalidMaterial()
    return plaintext
  }

  /** A block of RSA as a secret of the token: in it from the start where it can. */
  async #secretOf(request: ImportRequest, block: Uint8Array, attributes: SecretAttributes): Promise<Handle> {
    if (wrappingAlgorithms[request.algorithm].hash === 'sha1') {
      const handle = this.#importKey(request.importKey, 'unwrapping')
      return this.#unwrapped(() => this.#session.unwrapBy(oaepSha1(), handle, block, template(attributes)))
    }
    const value = bufferOf(await this.#opened(request, block))
    try {
      if (value.length === 0 || value.length > maxSecretBytes) throw invalidMaterial()
      return this.#session.create(template({ ...attributes, value }))
    } finally {
      value.fill(0)
    }
  }

  #secret(request: ImportRequest): Promise<Handle> {
    return this.#secretOf(request, request.encrypted, {
      ...newborn,
      class: objectClass.secretKey,
      keyType: keyType.genericSecret,
      ...uses('sign'),
    })
  }

  async #privateKey(request: ImportRequest): Promise<Handle> {
    const isRsa = request.target.spec.startsWith('RSA')
    const attributes = template({
      ...newborn,
      class: objectClass.privateKey,
      keyType: isRsa ? keyType.rsa : keyType.ec,
      sign: true,
      derive: !isRsa,
    })
    if (wrappingAlgorithms[request.algorithm].hybrid) {
      const { block, rest } = parts(request)
      const ephemeral = await this.#secretOf(request, block, this.#unwrappingKey())
      return this.#through(ephemeral, () => this.#session.unwrap(this.#profile.keyWrap, ephemeral, rest, attributes))
    }
    const pkcs8 = await this.#opened(request, request.encrypted)
    try {
      return this.#intoToken(pkcs8, request.target.spec, attributes)
    } finally {
      pkcs8.fill(0)
    }
  }

  /** Uses a key that opens others once, and destroys it. */
  #through<T>(ephemeral: Handle, use: () => T): T {
    try {
      return this.#unwrapped(use)
    } finally {
      this.#session.destroy(ephemeral)
    }
  }

  #unwrappingKey(): SecretAttributes {
    return {
      ...newborn,
      extractable: false,
      class: objectClass.secretKey,
      keyType: keyType.aes,
      ...uses('unwrap'),
      allowedMechanisms: mechanismList(this.#profile.keyWrap),
    }
  }

  /** A private key that came out of its wrapping here goes into the token as any other does: under AES-KWP. */
  #intoToken(pkcs8: Uint8Array, spec: string, attributes: ReturnType<typeof template>): Handle {
    const canonical = canonicalPkcs8(pkcs8, spec)
    const key = bufferOf(this.#session.random(32))
    try {
      const ephemeral = this.#session.create(template({ ...this.#unwrappingKey(), value: key }))
      const wrapped = wrappedAnew(key, canonical)
      return this.#through(ephemeral, () => this.#session.unwrap(this.#profile.keyWrap, ephemeral, wrapped, attributes))
    } finally {
      canonical.fill(0)
      key.fill(0)
    }
  }

  async #takeSeed(request: ImportRequest, { seed: kind }: Kind): Promise<ImportedKey> {
    // INVARIANT: of the sealed specs only Ed25519 can be imported.
    if (!kind || kind.prefix.length + kind.seedBytes !== 48) throw new UnsupportedOperationException()
    const { block, rest } = parts(request)
    const { hybrid } = wrappingAlgorithms[request.algorithm]
    const opened = await this.#opened(request, hybrid ? block : request.encrypted)
    const pkcs8 = hybrid ? unwrapped(opened, rest) : opened
    try {
      const seedAt = kind.prefix.length
      if (pkcs8.length !== seedAt + kind.seedBytes || !equal(pkcs8.subarray(0, seedAt), kind.prefix))
        throw invalidMaterial()
      const publicKey = publicKeyIn(pkcs8)
      const materialId = idOf(request.target.id, publicKey)
      const owner: Owner = { purpose: 'key-material', materialId, ...request.target }
      return {
        materialId,
        publicKey,
        wrapped: this.#materials.sealSeed(owner, pkcs8.subarray(seedAt)),
        protection: 'SEALED',
      }
    } finally {
      opened.fill(0)
      pkcs8.fill(0)
    }
  }

  /** The id follows from key and material, and says nothing about it: a MAC under the material itself. */
  #describeSecret(handle: Handle, keyId: string, kind: Kind): Described {
    return { materialId: idOf(keyId, this.#fingerprint(handle, keyId, kind)) }
  }

  #fingerprint(handle: Handle, keyId: string, { opened, bytes }: Kind): Uint8Array {
    const number = opened.mac?.mechanisms[0] ?? mechanism.hmacSha256
    return this.#session.sign({ mechanism: number }, handle, utf8(`keystead import ${keyId}`), bytes ?? 32)
  }

  /** Zeros that a token pads a secret with to wrap it would change a long one; a symmetric key has 32 bytes, no more. */
  #assertWhole(owner: Owner, { wrapped, materialId }: ImportedKey, kind: Kind): void {
    if (owner.spec === 'SYMMETRIC_DEFAULT') {
      if (wrapped.blob.length !== 40) throw invalidMaterial()
      return
    }
    const reopened = this.#materials.open(owner, wrapped, 'mac')
    if (idOf(owner.id, this.#fingerprint(reopened, owner.id, kind)) !== materialId) {
      throw new UnsupportedOperationException('HMAC key material of this length is not supported.')
    }
  }
}

type SecretAttributes = Parameters<typeof template>[0]

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { concat, equal, utf8 } from '../../lib/bytes.ts'
import { type Ciphertext, headerOf } from '../../lib/crypto/ciphertext.ts'
import { canonicalContext } from '../../lib/crypto/context.ts'
import type { KeySpec } from '../../lib/crypto/specs.ts'
import { InvalidCiphertextException, InvalidImportTokenException, KeyUnavailableException } from '../../lib/errors.ts'
import type { Material, NewKey, WrappedKey } from '../../lib/keys/key.ts'
import { ownerOf } from '../../lib/keys/materials.ts'
import type { Hsm, ImportedKey, ImportRequest, MessageType, Owner } from '../../lib/ports.ts'
import { importedWith } from './soft-imports.ts'
import { decapsulateWith, decryptWith, deriveWith, makers, signWith } from './soft-keys.ts'

const fields = (owner: Owner) => JSON.stringify([owner.purpose, owner.account, owner.id, owner.materialId, owner.spec])

/** The HSM's port in memory, for tests whose subject is not cryptography. "Wrapped" keys are the keys themselves. */
export class SoftHsm implements Hsm {
  readonly #regional = randomBytes(32)
  readonly #domain: Uint8Array

  /** @param domain the binding key that the HSMs of all Regions share; one of its own unless given */
  constructor(domain: Uint8Array = randomBytes(32)) {
    this.#domain = domain
  }

  /** Set to make every call fail, as an HSM that is gone. */
  failure: Error | undefined

  #wrap(owner: Owner, key: Uint8Array): WrappedKey {
    const blob = new Uint8Array(key)
    return { rootId: 'memory-1', blob, binding: this.#bindingOf(owner, blob) }
  }

  #bindingOf(owner: Owner, blob: Uint8Array): Uint8Array {
    const shared = owner.purpose === 'key-material' && owner.id.startsWith('mrk-')
    const key = shared ? this.#domain : this.#regional
    return createHmac('sha256', key).update(fields(owner)).update(blob).digest()
  }

  /** Takes a known key in as one of a key's versions. */
  wrapKey(version: Parameters<typeof ownerOf>[0], key: Uint8Array): WrappedKey {
    return this.#wrap(ownerOf(version), key)
  }

  #unwrap(owner: Owner, wrapped: WrappedKey): Uint8Array {
    if (this.failure) throw this.failure
    if (!equal(this.#bindingOf(owner, wrapped.blob), wrapped.binding)) throw new KeyUnavailableException()
    return wrapped.blob
  }

  async random(length: number): Promise<Uint8Array> {
    if (this.failure) throw this.failure
    return new Uint8Array(randomBytes(length))
  }

  async generate(owner: Owner): Promise<NewKey> {
    if (this.failure) throw this.failure
    const { secret, publicKey } = makers[owner.spec as KeySpec]()
    return { wrapped: this.#wrap(owner, secret), protection: 'HSM', ...(publicKey && { publicKey }) }
  }

  async encrypt(
    material: Material,
    plaintext: Uint8Array,
    context: Readonly<Record<string, string>>,
  ): Promise<Uint8Array> {
    const key = this.#unwrap(ownerOf(material), material.wrapped)
    const iv = randomBytes(12)
    const header = headerOf(material.keyId, material.id, new Uint8Array(40))
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(concat(header, canonicalContext(context)))
    return concat(header, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
  }

  async decrypt(
    material: Material,
    ciphertext: Ciphertext,
    context: Readonly<Record<string, string>>,
  ): Promise<Uint8Array> {
    const key = this.#unwrap(ownerOf(material), material.wrapped)
    const { header, iv, body } = ciphertext
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
      decipher.setAAD(concat(header, canonicalContext(context))).setAuthTag(body.subarray(-16))
      return concat(decipher.update(body.subarray(0, -16)), decipher.final())
    } catch {
      throw new InvalidCiphertextException()
    }
  }

  async assertBound(material: Material): Promise<void> {
    this.#opened(material)
  }

  async macForPeers(data: Uint8Array): Promise<Uint8Array> {
    if (this.failure) throw this.failure
    return createHmac('sha256', this.#domain).update('peer').update(data).digest()
  }

  async deriveKey(purpose: string): Promise<Uint8Array> {
    if (this.failure) throw this.failure
    return createHmac('sha256', this.#regional).update('derived').update(purpose).digest()
  }

  async wrapSecret(owner: Owner, secret: Uint8Array): Promise<WrappedKey> {
    return this.#wrap(owner, secret)
  }

  async mac(owner: Owner, wrapped: WrappedKey, data: Uint8Array): Promise<Uint8Array> {
    return createHmac('sha256', this.#unwrap(owner, wrapped)).update(data).digest()
  }

  #opened(material: Material): Uint8Array {
    return this.#unwrap(ownerOf(material), material.wrapped)
  }

  async sign(material: Material, algorithm: string, type: MessageType, message: Uint8Array): Promise<Uint8Array> {
    return signWith(this.#opened(material), algorithm, type, message)
  }

  async generateMac(material: Material, message: Uint8Array): Promise<Uint8Array> {
    const hash = `sha${material.spec.slice(-3)}`
    return new Uint8Array(createHmac(hash, this.#opened(material)).update(message).digest())
  }

  async decryptAsymmetric(material: Material, algorithm: string, ciphertext: Uint8Array): Promise<Uint8Array> {
    return decryptWith(this.#opened(material), algorithm, ciphertext)
  }

  async deriveSharedSecret(material: Material, peer: Uint8Array): Promise<Uint8Array> {
    return deriveWith(this.#opened(material), peer)
  }

  async decapsulate(material: Material, ciphertext: Uint8Array): Promise<Uint8Array> {
    return decapsulateWith(this.#opened(material), ciphertext)
  }

  #importKey({ owner, wrapped }: ImportRequest['importKey']): Uint8Array {
    try {
      return this.#unwrap(owner, wrapped)
    } catch (error) {
      throw error instanceof KeyUnavailableException ? new InvalidImportTokenException() : error
    }
  }

  async importMaterial(request: ImportRequest): Promise<ImportedKey> {
    const { importKey, target } = request
    const taken = importedWith(this.#importKey(importKey), request)
    const { secret, materialId, publicKey } = taken
    const { account, id, spec } = target
    const wrapped = this.#wrap({ purpose: 'key-material', account, id, materialId, spec }, secret)
    return { materialId, wrapped, protection: 'HSM', ...(publicKey && { publicKey }) }
  }

  async check(): Promise<void> {
    if (this.failure) throw this.failure
  }
}

export const secretKey = (secret: string): Uint8Array => utf8(`AWS4${secret}`)

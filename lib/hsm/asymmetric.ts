import { demandCapsule } from '../crypto/encapsulation.ts'
import { algorithmsOf, type KeyUsage } from '../crypto/specs.ts'
import { InvalidCiphertextException, KMSInternalException } from '../errors.ts'
import type { Material } from '../keys/key.ts'
import { ownerOf } from '../keys/materials.ts'
import type { MessageType } from '../ports.ts'
import type { Canary } from './canary.ts'
import { attribute, keyType, mechanism, objectClass } from './constants.ts'
import { Pkcs11Failure } from './failures.ts'
import type { Purpose } from './kinds.ts'
import type { Materials } from './materials.ts'
import { unpadOaepSha256 } from './oaep.ts'
import { ecdh, type Mechanism, oaepSha1, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import { decapsulated, seedSigners } from './seeds.ts'
import type { Session } from './session.ts'
import { digestOf, signingAlgorithms } from './signing.ts'

interface DecryptionAlgorithm {
  readonly mechanism: Mechanism
  /** What is left to do outside the token. @returns undefined when the padding is wrong */
  readonly unpad: (decrypted: Uint8Array) => Uint8Array | undefined
}

const decryptionAlgorithms: Readonly<Record<string, DecryptionAlgorithm>> = {
  RSAES_OAEP_SHA_1: { mechanism: oaepSha1(), unpad: (plaintext) => plaintext },
  // SoftHSM has OAEP with SHA-1 only: the bare block comes out, and its padding is taken off here.
  RSAES_OAEP_SHA_256: { mechanism: { mechanism: mechanism.rsaX509 }, unpad: unpadOaepSha256 },
}

const seedRandomBytes = 32

/** Uses of key material other than symmetric encryption. */
export class Asymmetric {
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

  async sign(material: Material, algorithm: string, type: MessageType, message: Uint8Array): Promise<Uint8Array> {
    demand(material, 'SIGN_VERIFY', algorithm)
    const owner = ownerOf(material)
    const sealed = seedSigners[algorithm]
    if (sealed) {
      return this.#materials.withSeed(owner, material.wrapped, (kind, seed) =>
        sealed(kind, seed, { spec: material.spec, type, message, random: this.#session.random(seedRandomBytes) }),
      )
    }
    const native = signingAlgorithms[algorithm]
    // INVARIANT: each signing algorithm of a spec is a row of one of the two tables.
    if (!native) throw new KMSInternalException(`No way to sign with ${algorithm}`)
    const { handle, bytes } = this.#open(material, 'signing')
    const input = native.toSign(digestOf(native, type, message))
    const length = native.parts * bytes
    return native.signature(
      native.slow
        ? await this.#session.signAside(native.mechanism, handle, input, length)
        : this.#session.sign(native.mechanism, handle, input, length),
    )
  }

  generateMac(material: Material, message: Uint8Array): Uint8Array {
    // INVARIANT: the schema asks for a byte; SoftHSM would leave the session unusable.
    if (message.length === 0) throw new KMSInternalException('Nothing to sign')
    const { handle, bytes, mechanisms } = this.#open(material, 'mac')
    return this.#session.sign({ mechanism: mechanisms[0] ?? 0 }, handle, message, bytes)
  }

  async decrypt(material: Material, algorithm: string, ciphertext: Uint8Array): Promise<Uint8Array> {
    demand(material, 'ENCRYPT_DECRYPT', algorithm)
    const row = decryptionAlgorithms[algorithm]
    // INVARIANT: only RSA's algorithms come here.
    if (!row) throw new KMSInternalException(`No way to decrypt with ${algorithm}`)
    const attempt = async () => {
      const { handle, bytes } = this.#open(material, 'decrypting')
      if (ciphertext.length !== bytes) throw new InvalidCiphertextException()
      return row.unpad(await this.#session.decryptAside(row.mechanism, handle, ciphertext))
    }
    const plaintext = await attempt().catch((error: unknown) => {
      this.#assertTokenBlameless(error)
      // Twice, and with a token proven to work in between, so that a passing fault is not taken for a bad ciphertext.
      return attempt().catch((again: unknown) => this.#assertTokenBlameless(again))
    })
    if (!plaintext) throw new InvalidCiphertextException()
    return plaintext
  }

  deriveSharedSecret(material: Material, peer: Uint8Array): Uint8Array {
    const { handle, bytes } = this.#open(material, 'deriving')
    // INVARIANT: the procedure has found the peer's point to be on the key's curve.
    if (peer.length !== 1 + 2 * bytes || peer[0] !== 4) throw new KMSInternalException('Not a point of the curve')
    const shared = this.#session.derive(ecdh(peer), handle, sharedSecret(bytes))
    try {
      const value = this.#session.read(shared, attribute.value)
      const padded = new Uint8Array(bytes)
      padded.set(value, bytes - value.length)
      value.fill(0)
      return padded
    } finally {
      this.#session.destroy(shared)
    }
  }

  decapsulate(material: Material, ciphertext: Uint8Array): Uint8Array {
    demandCapsule(material.spec, ciphertext)
    return this.#materials.withSeed(ownerOf(material), material.wrapped, (kind, seed) =>
      decapsulated(kind, seed, ciphertext),
    )
  }

  #open(material: Material, purpose: Purpose) {
    const owner = ownerOf(material)
    const { bytes = 0, opened } = this.#materials.kindOf(owner)
    const handle = this.#materials.open(owner, material.wrapped, purpose)
    return { handle, bytes, mechanisms: opened[purpose]?.mechanisms ?? [] }
  }

  /** @throws the error itself unless it is a judgement on the ciphertext; a lost device when the token is unsound */
  #assertTokenBlameless(error: unknown): void {
    const judged = error instanceof Pkcs11Failure && error.call === 'C_Decrypt'
    if (!judged || !this.#profile.damagedBytes.includes(error.code)) throw error
    this.#canary.assertDecrypts()
  }
}

/** A mechanism that does not fit its key crashes SoftHSM, so this is asked again where it would be used. */
function demand({ spec }: Material, usage: KeyUsage, algorithm: string): void {
  // INVARIANT: the procedure asks of a key only what its spec can do.
  if (!algorithmsOf(spec, usage).includes(algorithm)) {
    throw new KMSInternalException(`A key of spec ${spec} is not for ${algorithm}`)
  }
}

/** Readable, as it is the answer; there for the moment between its making and its reading. */
export const sharedSecret = (bytes: number) =>
  template({
    class: objectClass.secretKey,
    keyType: keyType.genericSecret,
    token: false,
    private: true,
    sensitive: false,
    extractable: true,
    valueLength: bytes,
  })

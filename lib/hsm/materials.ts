import { concat, equal, lengthPrefixed, utf8 } from '../bytes.ts'
import { KeyUnavailableException, KMSInternalException, UnsupportedOperationException } from '../errors.ts'
import { isMultiRegionId } from '../keys/identifiers.ts'
import type { NewKey, WrappedKey } from '../keys/key.ts'
import type { DerivedKeyPurpose, Owner } from '../ports.ts'
import { keyType, mechanism, objectClass } from './constants.ts'
import { answered } from './failures.ts'
import type { Handles } from './handles.ts'
import {
  importKinds,
  type Kind,
  kindsOf,
  mechanismsOf,
  newborn,
  type PairGeneration,
  type Purpose,
  secretKind,
} from './kinds.ts'
import { makeMessageKey, openMessageKey } from './message-key.ts'
import { bufferOf, type Handle, type KeyPair, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Root, Roots } from './roots.ts'
import { parseSealed, sealedBlob, sealedContext, sealedIv } from './sealed.ts'
import { isSeed, publicKeyOf, type SeedKind } from './seeds.ts'
import type { Session } from './session.ts'

/**
 * Lengths within which an HMAC key stays itself when a token pads it with zeros to a multiple of 8 bytes to wrap it
 * (SoftHSM does), and which all tokens take for HMAC-SHA-256.
 */
const secretBytes = { least: 32, most: 64 } as const

/** What the binding's MAC covers. */
export function bindingMessage(owner: Owner, rootId: string, blob: Uint8Array): Uint8Array {
  const { purpose, account, id, materialId, spec } = owner
  const fields = [purpose, account, id, materialId, spec, rootId].map(utf8)
  return concat(...[...fields, blob].map(lengthPrefixed))
}

/** The MAC that binds a blob to its owner and its root. */
export const bindingBy = (session: Session, root: Pick<Root, 'id' | 'binding'>, owner: Owner, blob: Uint8Array) =>
  session.sign(hmacSha256, root.binding, bindingMessage(owner, root.id, blob), macBytes)

/** The root that wraps what is made for an owner now; undefined for a multi-Region key when the token has no domain root. */
export const rootFor = (owner: Owner, roots: Roots): Root | undefined =>
  isShared(owner) ? roots.domain : roots.current

/**
 * The handle's name in the cache. It holds the whole owner and the binding, so a hit stands for a binding that was
 * verified for this owner: a stored record that claims another key's id or blob names nothing.
 */
export function nameOf(owner: Owner, { rootId, binding }: WrappedKey): string {
  const { purpose, account, id, materialId, spec } = owner
  return JSON.stringify([purpose, account, id, materialId, spec, rootId, bufferOf(binding).toString('latin1')])
}

const hmacSha256 = { mechanism: mechanism.hmacSha256 }
const macBytes = 32
const newbornPrivate = template(newborn)

export interface MaterialsOptions {
  readonly session: Session
  readonly profile: Profile
  readonly roots: Roots
  readonly handles: Handles
  /** Whether keys that must be opened in this process are refused. */
  readonly hsmOnly: boolean
}

const noSuchKeys = ({ spec }: Owner) => new UnsupportedOperationException(`The HSM makes no keys of spec ${spec}.`)

/** Keys wrapped under a root: made, taken in, and opened for as long as one login lasts. */
export class Materials {
  readonly #session: Session
  readonly #profile: Profile
  readonly #roots: Roots
  readonly #handles: Handles
  readonly #kinds: ReadonlyMap<string, Kind>

  constructor({ session, profile, roots, handles, hsmOnly }: MaterialsOptions) {
    this.#session = session
    this.#profile = profile
    this.#roots = roots
    this.#handles = handles
    const { mechanisms } = session
    const can = (kind: Kind) =>
      kind.seed ? !hsmOnly : mechanismsOf(kind).every((number) => mechanisms.includes(number))
    this.#kinds = new Map(Object.entries(kindsOf(profile)).filter(([, kind]) => can(kind)))
  }

  /** @throws UnsupportedOperationException where the token lacks a mechanism, or may not be helped by this process */
  kindOf(owner: Owner): Kind {
    if (owner.purpose === 'access-key') return secretKind
    const kind = owner.purpose === 'import-key' ? importKinds[owner.spec] : this.#kinds.get(owner.spec)
    if (!kind) throw noSuchKeys(owner)
    return kind
  }

  async generate(owner: Owner): Promise<NewKey> {
    const { secret, pair, seed } = this.kindOf(owner)
    if (secret) {
      return { wrapped: this.seal(owner, this.#session.generate(secret.mechanism, secret.template)), protection: 'HSM' }
    }
    if (pair) return this.#generatePair(owner, pair)
    if (seed) return this.#generateSeed(owner, seed)
    // INVARIANT: the secret of an access key is not made in the HSM.
    throw new KMSInternalException('A secret is taken in, not generated')
  }

  async #generatePair(owner: Owner, { mechanism: number, publicKey, slow, spki }: PairGeneration): Promise<NewKey> {
    const finish = (pair: KeyPair): NewKey => {
      try {
        return {
          wrapped: this.seal(owner, pair.privateKey),
          publicKey: spki(this.#session, pair.publicKey),
          protection: 'HSM',
        }
      } finally {
        this.#session.destroy(pair.publicKey)
      }
    }
    if (slow) return this.#session.generatePairAside(number, publicKey, newbornPrivate, finish)
    return finish(this.#generateOnCurve(owner, () => this.#session.generatePair(number, publicKey, newbornPrivate)))
  }

  /** @throws UnsupportedOperationException when the token works, and has not the curve */
  #generateOnCurve(owner: Owner, generate: () => KeyPair): KeyPair {
    try {
      return generate()
    } catch (error) {
      if (!answered(error, ...this.#profile.unknownCurve)) throw error
      this.#session.random(1)
      throw noSuchKeys(owner)
    }
  }

  #generateSeed(owner: Owner, kind: SeedKind): NewKey {
    let seed = this.#session.random(kind.seedBytes)
    while (!isSeed(kind, seed)) seed = this.#session.random(kind.seedBytes)
    try {
      return { publicKey: publicKeyOf(kind, seed), wrapped: this.sealSeed(owner, seed), protection: 'SEALED' }
    } finally {
      seed.fill(0)
    }
  }

  wrapSecret(owner: Owner, secret: Uint8Array): WrappedKey {
    // INVARIANT: access-key secrets are made by Keystead, 40 characters after a prefix.
    const fits = secret.length >= secretBytes.least && secret.length <= secretBytes.most
    if (owner.purpose !== 'access-key' || !fits) {
      throw new KMSInternalException('Not a secret of an access key, of 32 to 64 bytes')
    }
    const { secretKey } = objectClass
    const attributes = { ...newborn, class: secretKey, keyType: keyType.genericSecret, value: bufferOf(secret) }
    return this.seal(owner, this.#session.create(template(attributes)))
  }

  mac(owner: Owner, wrapped: WrappedKey, data: Uint8Array): Uint8Array {
    // INVARIANT: what is signed is never empty; SoftHSM would leave the session unusable.
    if (owner.purpose !== 'access-key' || data.length === 0) throw new KMSInternalException('Nothing to sign')
    return this.#session.sign(hmacSha256, this.open(owner, wrapped, 'mac'), data, macBytes)
  }

  /** Wraps a newborn key under its owner's root, binds it to its owner and destroys it, also when that fails. */
  seal(owner: Owner, key: Handle): WrappedKey {
    let root: Root
    let blob: Uint8Array
    try {
      root = this.#rootFor(owner)
      blob = this.#session.wrap(this.#profile.keyWrap, root.handle, key)
    } finally {
      this.#session.destroy(key)
    }
    return { rootId: root.id, blob, binding: this.#bind(owner, root, blob) }
  }

  /** @throws KeyUnavailableException when the blob is not bound to this owner, or its root is not in this token */
  open(owner: Owner, wrapped: WrappedKey, purpose: Purpose): Handle {
    const opened = this.kindOf(owner).opened[purpose]
    // INVARIANT: the procedure asks of a key only what its spec can do.
    if (!opened) throw new KMSInternalException(`A key of spec ${owner.spec} is not for ${purpose}`)
    return this.#handles.findOrPut(`${nameOf(owner, wrapped)} ${purpose}`, () =>
      this.#session.unwrap(this.#profile.keyWrap, this.#rootOf(owner, wrapped), wrapped.blob, opened.template),
    )
  }

  /** Lends a sealed seed for one use, and wipes it. @throws KeyUnavailableException as `open` does */
  withSeed<T>(owner: Owner, wrapped: WrappedKey, use: (kind: SeedKind, seed: Uint8Array) => T): T {
    const { seed: kind } = this.kindOf(owner)
    // INVARIANT: the procedure asks of a key only what its spec can do.
    if (!kind) throw new KMSInternalException(`A key of spec ${owner.spec} is not sealed`)
    const sealed = parseSealed(wrapped.blob, kind.seedBytes)
    if (!sealed) throw unavailable(owner, 'its sealed form is unknown')
    const handle = this.#handles.findOrPut(`${nameOf(owner, wrapped)} sealing`, () =>
      openMessageKey(this.#session, this.#profile, this.#rootOf(owner, wrapped), sealed.wrappedKey),
    )
    // A hit stands for the sealing key alone; that the body is its own, its tag says.
    const seed = this.#session.decrypt(handle, sealedIv, sealedContext(owner), sealed.body)
    try {
      return use(kind, seed)
    } finally {
      seed.fill(0)
    }
  }

  sealSeed(owner: Owner, seed: Uint8Array): WrappedKey {
    const root = this.#rootFor(owner)
    const { handle, wrapped } = makeMessageKey(this.#session, this.#profile, root.handle)
    let blob: Uint8Array
    try {
      blob = sealedBlob(wrapped, this.#session.encrypt(handle, sealedIv, sealedContext(owner), seed))
    } finally {
      this.#session.destroy(handle)
    }
    return { rootId: root.id, blob, binding: this.#bind(owner, root, blob) }
  }

  /** @throws KeyUnavailableException when the blob is not bound to this owner, or its root is not in this token */
  assertBound(owner: Owner, wrapped: WrappedKey): void {
    this.#rootOf(owner, wrapped)
  }

  /**
   * A MAC that every token of the domain makes alike, and no other.
   * @throws UnsupportedOperationException when the token has no domain root
   */
  macForPeers(data: Uint8Array): Uint8Array {
    const root = this.#domainRoot()
    // Its first field is a purpose that no owner has: it is the binding of nothing.
    const message = concat(...[utf8('peer'), utf8(root.id), data].map(lengthPrefixed))
    return this.#session.sign(hmacSha256, root.binding, message, macBytes)
  }

  /** Its first field, too, is a purpose that no owner has. */
  deriveKey(purpose: DerivedKeyPurpose): Uint8Array {
    const message = concat(...[utf8('derived'), utf8(purpose)].map(lengthPrefixed))
    return this.#session.sign(hmacSha256, this.#roots.current.binding, message, macBytes)
  }

  #domainRoot(): Root {
    const { domain } = this.#roots
    if (domain) return domain
    throw new UnsupportedOperationException(
      'Multi-Region keys are not supported: the token of this Region has no domain root.',
    )
  }

  /** @throws UnsupportedOperationException for a multi-Region key when the token has no domain root */
  #rootFor(owner: Owner): Root {
    return rootFor(owner, this.#roots) ?? this.#domainRoot()
  }

  /** The root that opens a blob, whose binding is verified first. */
  #rootOf(owner: Owner, { rootId, blob, binding }: WrappedKey): Handle {
    const root = this.#roots.byId.get(rootId)
    if (!root) throw unavailable(owner, `the token has no root key ${rootId}`)
    // Other Regions hold the domain root and its binding key too: they speak for multi-Region keys, and for no other.
    if ((root.kind === 'domain') !== isShared(owner)) throw unavailable(owner, `${rootId} is not for it`)
    if (!equal(this.#bind(owner, root, blob), binding)) throw unavailable(owner, 'its binding does not verify')
    return root.handle
  }

  #bind(owner: Owner, root: Root, blob: Uint8Array): Uint8Array {
    return bindingBy(this.#session, root, owner, blob)
  }
}

/** Whether other Regions are to open it: the material of a multi-Region key. */
const isShared = ({ purpose, id }: Owner): boolean => purpose === 'key-material' && isMultiRegionId(id)

const unavailable = ({ purpose, id, materialId }: Owner, why: string): KeyUnavailableException =>
  new KeyUnavailableException(undefined, { cause: new Error(`${purpose} ${id} ${materialId}: ${why}`) })

import { concat, equal, lengthPrefixed, utf8 } from '../bytes.ts'
import { KeyUnavailableException, KMSInternalException, UnsupportedOperationException } from '../errors.ts'
import type { WrappedKey } from '../keys/key.ts'
import type { Owner } from '../ports.ts'
import { keyType, mechanism, objectClass } from './constants.ts'
import type { Handles } from './handles.ts'
import { bufferOf, type Handle, mechanismList, type Template, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Roots } from './roots.ts'
import type { Session } from './session.ts'
import { uses } from './uses.ts'

/** Extractable for the moment between its making and its wrapping under the root; never otherwise. */
const newborn = { token: false, private: true, sensitive: true, extractable: true } as const
/** What a root's unwrap template asks for, to the letter: the token refuses a template that says less. */
const locked = {
  class: objectClass.secretKey,
  token: false,
  private: true,
  sensitive: true,
  extractable: false,
} as const

interface Kind {
  /** Of keys made here; secrets come from outside. */
  readonly generation?: { readonly mechanism: number; readonly template: Template }
  readonly opened: (profile: Profile) => Template
}

const secretKind: Kind = {
  opened: () =>
    template({
      ...locked,
      keyType: keyType.genericSecret,
      ...uses('sign'),
      allowedMechanisms: mechanismList(mechanism.hmacSha256),
    }),
}

/** By key spec. What a blob is opened as follows from its owner, which its binding proves: never from who asks. */
const materialKinds: Readonly<Record<string, Kind>> = {
  SYMMETRIC_DEFAULT: {
    generation: {
      mechanism: mechanism.aesKeyGeneration,
      template: template({ ...newborn, valueLength: 32 }),
    },
    opened: (profile) =>
      template({
        ...locked,
        keyType: keyType.aes,
        ...uses('wrap', 'unwrap'),
        allowedMechanisms: mechanismList(profile.keyWrap),
      }),
  },
}

function kindOf(owner: Owner): Kind {
  if (owner.purpose === 'access-key') return secretKind
  const kind = Object.hasOwn(materialKinds, owner.spec) ? materialKinds[owner.spec] : undefined
  if (!kind) throw new UnsupportedOperationException(`The HSM makes no keys of spec ${owner.spec}.`)
  return kind
}

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

/**
 * The handle's name in the cache. It holds the whole owner and the binding, so a hit stands for a binding that was
 * verified for this owner: a stored record that claims another key's id or blob names nothing.
 */
export function nameOf(owner: Owner, { rootId, binding }: WrappedKey): string {
  const { purpose, account, id, materialId, spec } = owner
  return JSON.stringify([purpose, account, id, materialId, spec, rootId, bufferOf(binding).toString('latin1')])
}

/** Keys wrapped under a root: made, taken in, and opened for as long as one login lasts. */
export class Materials {
  readonly #session: Session
  readonly #profile: Profile
  readonly #roots: Roots
  readonly #handles: Handles

  constructor(session: Session, profile: Profile, roots: Roots, handles: Handles) {
    this.#session = session
    this.#profile = profile
    this.#roots = roots
    this.#handles = handles
  }

  generate(owner: Owner): WrappedKey {
    const { generation } = kindOf(owner)
    // INVARIANT: only key specs of the table reach the HSM; the secret of an access key is not made in it.
    if (!generation) throw new KMSInternalException('A secret is taken in, not generated')
    return this.seal(owner, this.#session.generate(generation.mechanism, generation.template))
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
    return this.#session.hmacSha256(this.open(owner, wrapped), data)
  }

  /** Wraps a newborn key under the current root, binds it to its owner and destroys it, also when that fails. */
  seal(owner: Owner, key: Handle): WrappedKey {
    const root = this.#roots.current
    let blob: Uint8Array
    try {
      blob = this.#session.wrap(this.#profile.keyWrap, root.handle, key)
    } finally {
      this.#session.destroy(key)
    }
    return { rootId: root.id, blob, binding: this.#bind(owner, root.id, blob) }
  }

  /** @throws KeyUnavailableException when the blob is not bound to this owner, or its root is not in this token */
  open(owner: Owner, wrapped: WrappedKey): Handle {
    const name = nameOf(owner, wrapped)
    const held = this.#handles.find(name)
    if (held) return held.handle
    const { rootId, blob, binding } = wrapped
    if (!equal(this.#bind(owner, rootId, blob), binding)) throw unavailable(owner, 'its binding does not verify')
    const root = this.#roots.byId.get(rootId)
    if (!root) throw unavailable(owner, `the token has no root key ${rootId}`)
    const handle = this.#session.unwrap(this.#profile.keyWrap, root.handle, blob, kindOf(owner).opened(this.#profile))
    this.#handles.put(name, { handle })
    return handle
  }

  #bind(owner: Owner, rootId: string, blob: Uint8Array): Uint8Array {
    return this.#session.hmacSha256(this.#roots.binding, bindingMessage(owner, rootId, blob))
  }
}

const unavailable = ({ purpose, id, materialId }: Owner, why: string): KeyUnavailableException =>
  new KeyUnavailableException(undefined, { cause: new Error(`${purpose} ${id} ${materialId}: ${why}`) })

/** One key wrapped again under the newest root, inside the token, and proven to be the same key. */
import { equal } from '../../lib/bytes.ts'
import { attribute, keyType, mechanism, objectClass } from '../../lib/hsm/constants.ts'
import { Handles } from '../../lib/hsm/handles.ts'
import { isPair } from '../../lib/hsm/imported-pairs.ts'
import { type Kind, newborn, type Purpose } from '../../lib/hsm/kinds.ts'
import { bindingBy, Materials, rootFor } from '../../lib/hsm/materials.ts'
import { type Handle, type Template, template } from '../../lib/hsm/pkcs11.ts'
import type { Root } from '../../lib/hsm/roots.ts'
import { parseSealed, sealedBlob } from '../../lib/hsm/sealed.ts'
import type { WrappedKey } from '../../lib/keys/key.ts'
import type { BoundKey } from '../../lib/store/wrapped.ts'
import type { RootedToken } from './token.ts'

/** The same, but for being extractable: what a borrowed root asks for, to the letter, and every other root refuses. */
const toBeWrapped = (opened: Template): Template =>
  opened.map((each) => (each.type === attribute.extractable ? { ...each, value: true } : each))

const sealingKey = template({ ...newborn, class: objectClass.secretKey, keyType: keyType.aes })

/** What a key is known by: one of these every kind has. */
const telling = ['signing', 'mac', 'wrapping'] as const satisfies readonly Purpose[]

/**
 * @param borrowed the roots that what is to be wrapped again hangs from
 * @returns a function that throws when a key is not bound to its owner, does not open, or would not be the same
 */
export function rewrapperOf(
  { session, profile, roots }: RootedToken,
  borrowed: ReadonlyMap<string, Root>,
): (key: BoundKey) => WrappedKey {
  const handles = new Handles(16, (handle) => session.destroy(handle), { hits: 0, misses: 0, evictions: 0 })
  const all = { ...roots, byId: new Map([...roots.byId, ...borrowed]) }
  const materials = new Materials({ session, profile, roots: all, handles, hsmOnly: false })
  const probe = session.generate(mechanism.aesKeyGeneration, template({ ...newborn, valueLength: 32 }))
  const message = session.random(32)

  /** Key wrapping and MACs give the same each time: two keys that give the same are one. */
  const marks: Partial<Record<Purpose, (handle: Handle, kind: Kind) => Uint8Array>> = {
    wrapping: (handle) => session.wrap(profile.keyWrap, handle, probe),
    mac: (handle, { opened, bytes = 32 }) =>
      session.sign({ mechanism: opened.mac?.mechanisms[0] ?? mechanism.hmacSha256 }, handle, message, bytes),
  }

  function keyAgain({ owner, wrapped, publicKey }: BoundKey, root: Root, kind: Kind): WrappedKey {
    const purpose = telling.find((each) => kind.opened[each])
    const opened = purpose && kind.opened[purpose]
    if (!opened) throw new Error(`a key of spec ${owner.spec} is nothing that can be wrapped again`)
    const handle = session.unwrap(profile.keyWrap, root.handle, wrapped.blob, toBeWrapped(opened.template))
    let mark: Uint8Array | undefined
    try {
      mark = marks[purpose]?.(handle, kind)
    } catch (error) {
      session.destroy(handle)
      throw error
    }
    const made = materials.seal(owner, handle)
    for (const each of Object.keys(kind.opened) as Purpose[]) materials.open(owner, made, each)
    const again = materials.open(owner, made, purpose)
    const isSame = mark
      ? equal(marks[purpose]?.(again, kind) ?? new Uint8Array(), mark)
      : publicKey !== undefined && isPair(session, again, publicKey, owner.spec, kind.bytes ?? 0)
    if (!isSame) throw new Error('it would be another key than it was')
    return made
  }

  /** The seed stays as it is sealed: the key that seals it is wrapped again. */
  function seedAgain({ owner, wrapped }: BoundKey, root: Root, seedBytes: number): WrappedKey {
    const sealed = parseSealed(wrapped.blob, seedBytes)
    const under = rootFor(owner, roots)
    if (!sealed || !under) throw new Error('its sealed form is unknown, or the token has no domain root')
    const handle = session.unwrap(profile.keyWrap, root.handle, sealed.wrappedKey, sealingKey)
    let blob: Uint8Array
    try {
      blob = sealedBlob(session.wrap(profile.keyWrap, under.handle, handle), sealed.body)
    } finally {
      session.destroy(handle)
    }
    const made = { rootId: under.id, blob, binding: bindingBy(session, under, owner, blob) }
    // That it opens proves that the key is the same: the seed has a tag under it.
    materials.withSeed(owner, made, () => undefined)
    return made
  }

  return (key) => {
    const { owner, wrapped } = key
    materials.assertBound(owner, wrapped)
    const root = borrowed.get(wrapped.rootId)
    if (!root) throw new Error(`${wrapped.rootId} was not borrowed`)
    const kind = materials.kindOf(owner)
    return kind.seed ? seedAgain(key, root, kind.seed.seedBytes) : keyAgain(key, root, kind)
  }
}

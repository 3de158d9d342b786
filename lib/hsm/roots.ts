import { attribute, keyType, mechanism, objectClass, returnCode } from './constants.ts'
import { answered, type Handle, mechanismList, type Template, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'

/** The keys that live in the token itself. */
export interface Roots {
  /** Wraps new key material: the one with the highest number. */
  readonly current: Root
  /** Every root that opens what was wrapped before, by id. */
  readonly byId: ReadonlyMap<string, Root>
  /** HMAC key that binds wrapped keys to their owners. */
  readonly binding: Handle
}

interface Root {
  /** Its label: `regional-1`. */
  readonly id: string
  readonly handle: Handle
}

const rootName = /^regional-([1-9]\d*)$/
const bindingLabel = 'binding-1'

const numberOf = (root: Root): number => Number(rootName.exec(root.id)?.[1])

const sample = template({ token: false, private: true, sensitive: true, extractable: true, valueLength: 32 })

const kept = {
  class: objectClass.secretKey,
  keyType: keyType.aes,
  token: false,
  private: true,
  sensitive: true,
  extractable: false,
} as const
const forbidden = [template({ ...kept, sensitive: false }), template({ ...kept, extractable: true })]

/** Whether the token refuses to open the blob so. */
function refuses(session: Session, profile: Profile, root: Root, blob: Uint8Array, attributes: Template): boolean {
  try {
    session.destroy(session.unwrap(profile.keyWrap, root.handle, blob, attributes))
    return false
  } catch (error) {
    if (answered(error, returnCode.templateInconsistent)) return true
    throw error
  }
}

/**
 * That what this root unwraps can never come out again rests on a template inside the token, which no attribute shows
 * through pkcs11js: so it is tried.
 *
 * @throws Error when the root opens a key readable or extractable
 */
function assertLocked(session: Session, profile: Profile, root: Root): void {
  const key = session.generate(mechanism.aesKeyGeneration, sample)
  const blob = session.wrap(profile.keyWrap, root.handle, key)
  session.destroy(key)
  if (forbidden.every((attributes) => refuses(session, profile, root, blob, attributes))) return
  throw new Error(`The root key ${root.id} is not locked: it opens keys that can be read. Provision it again.`)
}

function assertKept(session: Session, label: string, handle: Handle, only: number): void {
  const sensitive = session.read(handle, attribute.sensitive)[0] === 1
  const extractable = session.read(handle, attribute.extractable)[0] !== 0
  const bound = mechanismList(only).equals(session.read(handle, attribute.allowedMechanisms))
  if (!sensitive || extractable || !bound) {
    throw new Error(`The token's key ${label} is not sensitive, not extractable and bound to one mechanism.`)
  }
}

/**
 * Finds the root keys and the binding key by their labels, makes sure of their locks, and takes session copies of them
 * where the token can: a use of the token object itself reads its file each time.
 *
 * @throws Error when one is missing, there twice, or not locked
 */
export function findRoots(session: Session, profile: Profile): Roots {
  const byLabel = new Map<string, Handle>()
  for (const handle of session.find(template({ class: objectClass.secretKey, token: true }))) {
    const label = session.label(handle)
    if (byLabel.has(label)) throw new Error(`The token has two keys labelled ${label}`)
    byLabel.set(label, handle)
  }
  const near = (handle: Handle) => (profile.copiesObjects ? session.copy(handle, template({ token: false })) : handle)

  const roots: Root[] = []
  for (const [id, handle] of byLabel) {
    if (!rootName.test(id)) continue
    assertKept(session, id, handle, profile.keyWrap)
    roots.push({ id, handle: near(handle) })
  }
  for (const root of roots) assertLocked(session, profile, root)
  const current = roots.sort((a, b) => numberOf(b) - numberOf(a))[0]
  const binding = byLabel.get(bindingLabel)
  if (!current || !binding) {
    throw new Error(`The token has no ${current ? 'binding' : 'root'} key: it is not provisioned (npm run provision).`)
  }
  assertKept(session, bindingLabel, binding, mechanism.hmacSha256)
  return { current, byId: new Map(roots.map((root) => [root.id, root])), binding: near(binding) }
}

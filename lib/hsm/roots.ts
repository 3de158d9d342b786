import { attribute, keyType, mechanism, objectClass, returnCode } from './constants.ts'
import { answered } from './failures.ts'
import { type Handle, mechanismList, type Template, template } from './pkcs11.ts'
import type { Profile } from './profiles.ts'
import type { Session } from './session.ts'

/** The keys that live in the token itself. */
export interface Roots {
  /** Wraps new key material: the regional one with the highest number. */
  readonly current: Root
  /** Wraps that of multi-Region keys, and is in every Region's token; a token need not have one. */
  readonly domain?: Root
  /** Every root that opens what was wrapped before, by id. */
  readonly byId: ReadonlyMap<string, Root>
}

export interface Root {
  /** Its label: `regional-1`; `domain-1-` and 16 hex digits, which no other domain has. */
  readonly id: string
  readonly kind: 'regional' | 'domain'
  readonly handle: Handle
  /** HMAC key that binds wrapped keys to their owners. Regional roots share one; a domain root travels with its own. */
  readonly binding: Handle
}

const rootName = /^(regional|domain)-([1-9]\d*)(-[0-9a-f]{16})?$/
const regionalBinding = 'binding-1'

interface RootName {
  readonly kind: Root['kind']
  readonly number: number
  readonly binding: string
}

/** What a label says of a root; undefined when it is not one's. */
export function parseRootName(label: string): RootName | undefined {
  const [, kind, digits, domain] = rootName.exec(label) ?? []
  if (kind === 'regional' && !domain) return { kind, number: Number(digits), binding: regionalBinding }
  if (kind === 'domain' && domain) return { kind, number: Number(digits), binding: `domain-binding-${digits}${domain}` }
  return undefined
}

/** Whether a label is of a key that provisioning makes. */
export const isKeyOfOurs = (label: string): boolean =>
  label === regionalBinding || parseRootName(label.replace(/^domain-binding-/, 'domain-')) !== undefined

const newest = (kind: Root['kind'], roots: readonly Root[]): Root | undefined =>
  roots
    .filter((root) => root.kind === kind)
    .sort((a, b) => (parseRootName(b.id)?.number ?? 0) - (parseRootName(a.id)?.number ?? 0))[0]

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

  const nearBindings = new Map<string, Handle>()
  const bindingOf = (label: string): Handle | undefined => {
    const handle = byLabel.get(label)
    if (handle === undefined) return undefined
    const known = nearBindings.get(label)
    if (known) return known
    assertKept(session, label, handle, mechanism.hmacSha256)
    const made = near(handle)
    nearBindings.set(label, made)
    return made
  }
  const roots: Root[] = []
  for (const [id, handle] of byLabel) {
    const name = parseRootName(id)
    const binding = name && bindingOf(name.binding)
    // A domain root without its binding key is one that is being received.
    if (!name || (!binding && name.kind === 'domain')) continue
    if (!binding) throw new Error('The token has no binding key: it is not provisioned (npm run provision).')
    assertKept(session, id, handle, profile.keyWrap)
    roots.push({ id, kind: name.kind, handle: near(handle), binding })
  }
  for (const root of roots) assertLocked(session, profile, root)
  const [current, domain] = [newest('regional', roots), newest('domain', roots)]
  if (!current) throw new Error('The token has no root key: it is not provisioned (npm run provision).')
  return { current, ...(domain && { domain }), byId: new Map(roots.map((root) => [root.id, root])) }
}

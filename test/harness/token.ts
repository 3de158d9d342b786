/**
 * A real token for tests: provisioned once per test run, by whichever file is first, and shared by all; each process
 * works on its private copy. It lies in the temporary directory under the run's process id, and goes with the next run.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { concat } from '../../lib/bytes.ts'
import { objectIdentifier } from '../../lib/crypto/der.ts'
import type { KeySpec } from '../../lib/crypto/specs.ts'
import { keyType, mechanism, objectClass } from '../../lib/hsm/constants.ts'
import { Handles } from '../../lib/hsm/handles.ts'
import { type HsmOptions, type OpenHsm, openHsm } from '../../lib/hsm/hsm.ts'
import { openLibrary } from '../../lib/hsm/library.ts'
import { bindingBy, Materials } from '../../lib/hsm/materials.ts'
import { bufferOf, type Handle, type Pkcs11, template } from '../../lib/hsm/pkcs11.ts'
import { isAlive } from '../../lib/hsm/private-copy.ts'
import { profiles } from '../../lib/hsm/profiles.ts'
import { findRoots, type Root, type Roots } from '../../lib/hsm/roots.ts'
import { Session } from '../../lib/hsm/session.ts'
import type { Material, WrappedKey } from '../../lib/keys/key.ts'
import type { Hsm, Owner } from '../../lib/ports.ts'

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
]
/** Each user's own: another's leftovers cannot be removed. */
const prefix = `keystead-test-token-${process.getuid?.() ?? 0}-`
const provisionProgram = fileURLToPath(new URL('../../scripts/provision.ts', import.meta.url))

/** @throws Error when SoftHSM is not installed: tests of the HSM are never skipped */
export function softHsmModule(): string {
  const module = modules.find((path) => existsSync(path))
  if (!module) throw new Error('SoftHSM is not installed (package softhsm2 or softhsm): these tests need it.')
  return module
}

/** Provisions in a process of its own, as it must be. @returns what it printed */
export const runProvision = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [provisionProgram, '--module', softHsmModule(), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

/** Everything `openHsm` needs but the clock. */
export type TestToken = Omit<HsmOptions, 'now'> & { readonly tokenDirectory: string }

export function provisionedToken(): TestToken {
  for (const name of readdirSync(tmpdir())) {
    const stale = name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))
    if (stale) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
  const home = join(tmpdir(), `${prefix}${process.ppid}`)
  const directory = join(home, 'golden')
  if (!existsSync(directory)) runProvision('--directory', directory)
  return tokenIn(directory, join(home, 'run'))
}

export const tokenIn = (directory: string, runDirectory: string): TestToken => ({
  module: softHsmModule(),
  pin: readFileSync(join(directory, 'pin'), 'utf8'),
  tokenLabel: 'keystead',
  tokenDirectory: join(directory, 'tokens'),
  runDirectory,
})

export const openTestHsm = (options: Partial<HsmOptions> = {}): Promise<OpenHsm> =>
  openHsm({ ...provisionedToken(), now: Date.now, ...options })

/** The instance of pkcs11js that the HSM uses in this process: faults are put in here. */
export const hsmLibrary = (): Pkcs11 => openLibrary(provisionedToken())

/** A session of one's own beside the HSM's, for what the HSM would never do. */
export function withSession<T>(work: (session: Session) => T): T {
  const token = provisionedToken()
  const session = new Session(openLibrary(token), token.tokenLabel, token.pin)
  try {
    return work(session)
  } finally {
    session.close()
  }
}

/** What the HSM itself does not offer: keys of a test's own, under the token's roots. */
const withMaterials = <T>(work: (session: Session, materials: Materials, roots: Roots) => T): T =>
  withSession((session) => {
    const profile = profiles.softhsm
    const handles = new Handles(2, (handle) => session.destroy(handle), { hits: 0, misses: 0, evictions: 0 })
    const roots = findRoots(session, profile)
    return work(session, new Materials({ session, profile, roots, handles, hsmOnly: false }), roots)
  })

const imported = { token: false, private: true, sensitive: true, extractable: true } as const
const secretOf = (type: number, key: Uint8Array) =>
  template({ ...imported, class: objectClass.secretKey, keyType: type, value: bufferOf(key) })

/** Takes a known secret key in, for vectors: AES for SYMMETRIC_DEFAULT, otherwise HMAC. */
export const importMaterial = (owner: Owner, key: Uint8Array): WrappedKey =>
  withMaterials((session, materials) => {
    const type = owner.spec === 'SYMMETRIC_DEFAULT' ? keyType.aes : keyType.genericSecret
    return materials.seal(owner, session.create(secretOf(type, key)))
  })

/** Takes the private number of a known EC key in. */
export const importEc = (owner: Owner, curve: string, d: Uint8Array): WrappedKey =>
  withMaterials((session, materials) => {
    const key = { class: objectClass.privateKey, keyType: keyType.ec, ecParams: bufferOf(objectIdentifier(curve)) }
    return materials.seal(owner, session.create(template({ ...imported, ...key, value: bufferOf(d) })))
  })

/** Puts a sealed body together with the key that seals it. */
export const importSealed = (owner: Owner, sealingKey: Uint8Array, body: Uint8Array): WrappedKey =>
  withMaterials((session, _, { current }) => {
    const key = session.create(secretOf(keyType.aes, sealingKey))
    const blob = concat(Uint8Array.of(1), session.wrap(mechanism.aesKeyWrapPad, current.handle, key), body)
    return boundBy(session, current.binding, owner, current.id, blob)
  })

const boundBy = (session: Session, binding: Handle, owner: Owner, id: string, blob: Uint8Array): WrappedKey => ({
  rootId: id,
  blob,
  binding: bindingBy(session, { id, binding }, owner, blob),
})

/** Binds a blob to an owner with the binding key of a root, whatever the HSM itself would bind it with. */
export const boundUnder = (kind: Root['kind'], owner: Owner, rootId: string, blob: Uint8Array): WrappedKey =>
  withMaterials((session, _, { current, domain }) => {
    const { binding } = kind === 'domain' && domain ? domain : current
    return boundBy(session, binding, owner, rootId, blob)
  })

export const materialOwner = (over: Partial<Owner> = {}): Owner => ({
  purpose: 'key-material',
  account: '000000000000',
  id: '1234abcd-12ab-34cd-56ef-1234567890ab',
  materialId: '0123456789abcdef'.repeat(4),
  spec: 'SYMMETRIC_DEFAULT',
  ...over,
})

export const materialOf = (owner: Owner, wrapped: WrappedKey): Material => ({
  keyId: owner.id,
  account: owner.account,
  id: owner.materialId,
  number: 1,
  protection: 'HSM',
  spec: owner.spec as KeySpec,
  createdAt: 0,
  wrapped,
})

/** New material of a spec, as it would be stored. */
export async function generated(hsm: Hsm, spec: KeySpec): Promise<Material> {
  const owner = materialOwner({ spec })
  const made = await hsm.generate(owner)
  return { ...materialOf(owner, made.wrapped), ...made }
}

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyType, mechanism, objectClass, returnCode } from '../../../lib/hsm/constants.ts'
import { Pkcs11Failure } from '../../../lib/hsm/failures.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { kindsOf, type Purpose } from '../../../lib/hsm/kinds.ts'
import { ecdh, type Handle, type Mechanism, pss, template } from '../../../lib/hsm/pkcs11.ts'
import { profiles } from '../../../lib/hsm/profiles.ts'
import { findRoots } from '../../../lib/hsm/roots.ts'
import type { Session } from '../../../lib/hsm/session.ts'
import type { Material } from '../../../lib/keys/key.ts'
import { generated, openTestHsm, withSession } from '../../harness/token.ts'

/** A mechanism that does not fit its key crashes SoftHSM, unless the handle itself forbids it. */
const digest = createHash('sha256').update('x').digest()
const opened = ['RSA_2048', 'ECC_NIST_P256', 'ECC_SECG_P256K1', 'HMAC_256', 'SYMMETRIC_DEFAULT'] as const

let hsm: OpenHsm
const made = new Map<string, Material>()
beforeAll(async () => {
  hsm = await openTestHsm()
  for (const spec of opened) made.set(spec, await generated(hsm, spec))
})
afterAll(() => hsm.close())

/** @returns what the token answered, undefined for yes */
function answerOf(
  spec: (typeof opened)[number],
  purpose: Purpose,
  ask: (session: Session, handle: Handle) => unknown,
): number | undefined {
  return withSession((session) => {
    const profile = profiles.softhsm
    const { template: attributes } = kindsOf(profile)[spec].opened[purpose] ?? { template: [] }
    const root = findRoots(session, profile).current.handle
    const blob = made.get(spec)?.wrapped.blob ?? new Uint8Array()
    const handle = session.unwrap(profile.keyWrap, root, blob, attributes)
    try {
      ask(session, handle)
    } catch (error) {
      if (error instanceof Pkcs11Failure) return error.code
      throw error
    }
    return undefined
  })
}

const signings: Readonly<Record<string, Mechanism>> = {
  rsaPkcs: { mechanism: mechanism.rsaPkcs },
  rsaX509: { mechanism: mechanism.rsaX509 },
  rsaPss: pss('sha256'),
  ecdsa: { mechanism: mechanism.ecdsa },
  hmacSha256: { mechanism: mechanism.hmacSha256 },
  hmacSha512: { mechanism: mechanism.hmacSha512 },
}
const purposes = opened.flatMap((spec) =>
  Object.entries(kindsOf(profiles.softhsm)[spec].opened).map(([purpose, { mechanisms }]) => ({
    spec,
    purpose: purpose as Purpose,
    mechanisms,
  })),
)

describe.each(purposes)('$spec opened for $purpose', ({ spec, purpose, mechanisms }) => {
  const signs = purpose === 'signing' || purpose === 'mac'
  const wrong = Object.keys(signings).filter(
    (name) => !(signs && mechanisms.includes(signings[name]?.mechanism ?? Number.NaN)),
  )

  it.each(wrong)('does not sign with %s', (name) => {
    const how = signings[name] ?? { mechanism: 0 }
    const code = answerOf(spec, purpose, (session, handle) => session.sign(how, handle, digest, 512))
    expect([returnCode.mechanismInvalid, returnCode.keyFunctionNotPermitted]).toContain(code)
  })

  it('does not encrypt or decrypt messages', () => {
    const blank = new Uint8Array(12)
    for (const how of ['encrypt', 'decrypt'] as const) {
      const code = answerOf(spec, purpose, (session, handle) => session[how](handle, blank, blank, new Uint8Array(32)))
      expect([returnCode.mechanismInvalid, returnCode.keyFunctionNotPermitted]).toContain(code)
    }
  })
})

const others = purposes.filter(({ purpose }) => purpose !== 'deriving')
it.each(others)('$spec opened for $purpose does not derive', ({ spec, purpose }) => {
  const secret = { class: objectClass.secretKey, keyType: keyType.genericSecret, valueLength: 32 }
  const readable = template({ ...secret, token: false, sensitive: false, extractable: true })
  const peer = ecdh(Buffer.alloc(65, 4))
  const code = answerOf(spec, purpose, (session, handle) => session.derive(peer, handle, readable))
  expect([returnCode.mechanismInvalid, returnCode.keyFunctionNotPermitted]).toContain(code)
})

it('an RSA key opened for signing decrypts nothing', async () => {
  for (const number of [mechanism.rsaX509, mechanism.rsaOaep, mechanism.rsaPkcs]) {
    await withSession(async (session) => {
      const profile = profiles.softhsm
      const { template: attributes } = kindsOf(profile).RSA_2048.opened.signing ?? { template: [] }
      const root = findRoots(session, profile).current.handle
      const handle = session.unwrap(profile.keyWrap, root, made.get('RSA_2048')?.wrapped.blob ?? digest, attributes)
      const decrypted = session.decryptAside({ mechanism: number }, handle, new Uint8Array(256).fill(1))
      const failure = await decrypted.catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(Pkcs11Failure)
      expect(failure).toHaveProperty('call', 'C_DecryptInit')
    })
  }
})

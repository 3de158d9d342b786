import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { attribute, keyType, mechanism, objectClass, returnCode } from '../../../lib/hsm/constants.ts'
import { Pkcs11Failure } from '../../../lib/hsm/failures.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { makeMessageKey, openMessageKey } from '../../../lib/hsm/message-key.ts'
import { type Handle, mechanismList, template } from '../../../lib/hsm/pkcs11.ts'
import { fitted, profiles } from '../../../lib/hsm/profiles.ts'
import { findRoots } from '../../../lib/hsm/roots.ts'
import type { Session } from '../../../lib/hsm/session.ts'
import type { WrappedKey } from '../../../lib/keys/key.ts'
import { materialOwner, openTestHsm, withSession } from '../../harness/token.ts'

/** What someone who holds the PIN and the database can and cannot do. */
const kwp = mechanism.aesKeyWrapPad
const rightly = {
  class: objectClass.secretKey,
  keyType: keyType.aes,
  token: false,
  private: true,
  sensitive: true,
  extractable: false,
} as const

let hsm: OpenHsm
let wrapped: WrappedKey
beforeAll(async () => {
  hsm = await openTestHsm()
  wrapped = (await hsm.generate(materialOwner())).wrapped
})
afterAll(() => hsm.close())

const tokenObject = (session: Session, label: string): Handle => {
  const [found] = session.find(template({ label, token: true }))
  if (!found) throw new Error(`no ${label}`)
  return found
}

const places: Record<string, (session: Session) => Handle> = {
  'the root in the token': (session) => tokenObject(session, 'regional-1'),
  'the session copy of the root': (session) => findRoots(session, profiles.softhsm).current.handle,
}

describe.each(Object.entries(places))('%s', (_, rootOf) => {
  const codeOf = (work: (session: Session, root: Handle) => unknown): number | undefined => {
    try {
      withSession((session) => work(session, rootOf(session)))
    } catch (error) {
      if (error instanceof Pkcs11Failure) return error.code
      throw error
    }
    return undefined
  }
  const generic = { ...rightly, keyType: keyType.genericSecret }

  it('opens key material sensitive and not extractable', () => {
    expect(codeOf((session, root) => session.unwrap(kwp, root, wrapped.blob, template(rightly)))).toBeUndefined()
  })

  it.each([
    ['extractable', { ...rightly, extractable: true }],
    ['readable', { ...rightly, sensitive: false }],
    ['readable and extractable', { ...rightly, sensitive: false, extractable: true }],
    ['as a readable secret of another type', { ...generic, sensitive: false, extractable: true }],
    ['as an object that stays in the token', { ...rightly, token: true }],
  ])('does not open key material %s', (_title, wrongly) => {
    expect(codeOf((session, root) => session.unwrap(kwp, root, wrapped.blob, template(wrongly)))).toBe(
      returnCode.templateInconsistent,
    )
  })

  it.each([
    ['AES key wrap without padding', 0x2109],
    ['AES-CBC', 0x1082],
  ])('unwraps by no other mechanism: %s', (_title, other) => {
    expect(codeOf((session, root) => session.unwrap(other, root, wrapped.blob, template(rightly)))).toBe(
      returnCode.mechanismInvalid,
    )
  })

  it('does not encrypt, even when told that it may', () => {
    const blank = new Uint8Array(12)
    expect(
      codeOf((session, root) => {
        const copy = session.copy(root, template({ token: false, encrypt: true }))
        return session.encrypt(copy, blank, blank, blank)
      }),
    ).toBe(returnCode.mechanismInvalid)
  })

  it('cannot be read, wrapped, or made extractable', () => {
    expect(codeOf((session, root) => session.read(root, attribute.value))).toBe(returnCode.attributeSensitive)
    expect(codeOf((session, root) => session.wrap(kwp, root, root))).toBe(returnCode.keyUnextractable)
    expect(codeOf((session, root) => session.change(root, template({ extractable: true })))).toBeDefined()
    expect(codeOf((session, root) => session.change(root, template({ sensitive: false })))).toBeDefined()
    expect(codeOf((session, root) => session.copy(root, template({ token: false, extractable: true })))).toBeDefined()
  })

  it('opens key material that cannot be read or wrapped again', () => {
    const opened = (session: Session, root: Handle) =>
      session.unwrap(kwp, root, wrapped.blob, template({ ...rightly, wrap: true, unwrap: true }))
    expect(codeOf((session, root) => session.read(opened(session, root), attribute.value))).toBe(
      returnCode.attributeSensitive,
    )
    expect(codeOf((session, root) => session.wrap(kwp, root, opened(session, root)))).toBe(returnCode.keyUnextractable)
  })
})

describe.each(['softhsm', 'generic'] as const)('a message key of profile %s', (name) => {
  it('encrypts and cannot be read or wrapped, however it came to be', () =>
    withSession((session) => {
      const profile = fitted(profiles[name], session.mechanisms)
      const root = findRoots(session, profile).current.handle
      const material = session.unwrap(kwp, root, wrapped.blob, template({ ...rightly, wrap: true, unwrap: true }))
      const { handle, wrapped: sent } = makeMessageKey(session, profile, material)
      expect(session.encrypt(handle, new Uint8Array(12), new Uint8Array(), Buffer.from('x'))).toHaveLength(17)
      const received = openMessageKey(session, profile, material, sent)
      for (const key of [handle, received]) {
        expect(() => session.read(key, attribute.value)).toThrow('C_GetAttributeValue answered 0x11')
        expect(() => session.wrap(kwp, material, key)).toThrow('C_WrapKey answered 0x6a')
      }
      expect(() => session.encrypt(received, new Uint8Array(12), new Uint8Array(), Buffer.from('x'))).toThrow(
        'C_EncryptInit answered 0x68',
      )
    }))
})

describe('the binding key', () => {
  it('makes MACs and cannot be read or wrapped', () => {
    const code = (work: (session: Session, key: Handle) => unknown) =>
      withSession((session) => {
        try {
          return work(session, tokenObject(session, 'binding-1'))
        } catch (error) {
          return error
        }
      })
    const root = (session: Session) => tokenObject(session, 'regional-1')
    expect(
      code((session, key) => session.sign({ mechanism: mechanism.hmacSha256 }, key, Buffer.from('x'), 32).length),
    ).toBe(32)
    expect(code((session, key) => session.read(key, attribute.value))).toMatchObject({
      code: returnCode.attributeSensitive,
    })
    expect(code((session, key) => session.wrap(kwp, root(session), key))).toMatchObject({
      code: returnCode.keyUnextractable,
    })
  })
})

describe('a token whose keys are not as provisioned', () => {
  /** Puts a key into this process's private copy of the token, and takes it out again. */
  const withTokenKey = async (label: string, wrongs: { allowed: number; extractable: boolean }, expected: string) => {
    const put = (session: Session): Handle =>
      session.generate(
        mechanism.aesKeyGeneration,
        template({
          label,
          token: true,
          private: true,
          sensitive: true,
          extractable: wrongs.extractable,
          wrap: true,
          unwrap: true,
          valueLength: 32,
          allowedMechanisms: mechanismList(wrongs.allowed),
        }),
      )
    const added = withSession(put)
    try {
      await expect(openTestHsm()).rejects.toThrow(expected)
    } finally {
      withSession((session) => session.destroy(added))
    }
  }

  it('is refused when a root has no lock on what it opens', () =>
    withTokenKey(
      'regional-2',
      { allowed: kwp, extractable: false },
      'The root key regional-2 is not locked: it opens keys that can be read. Provision it again.',
    ))

  it('is refused when a root is extractable', () =>
    withTokenKey(
      'regional-2',
      { allowed: kwp, extractable: true },
      "The token's key regional-2 is not sensitive, not extractable and bound to one mechanism.",
    ))

  it('is refused when a root may do more than wrap', () =>
    withTokenKey(
      'regional-2',
      { allowed: mechanism.aesGcm, extractable: false },
      "The token's key regional-2 is not sensitive, not extractable and bound to one mechanism.",
    ))

  it('is refused when a label is there twice', () =>
    withTokenKey('regional-1', { allowed: kwp, extractable: false }, 'The token has two keys labelled regional-1'))
})

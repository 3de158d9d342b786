import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { equal, utf8 } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import {
  InvalidCiphertextException,
  KeyUnavailableException,
  KMSInternalException,
  UnsupportedOperationException,
} from '../../../lib/errors.ts'
import { type OpenHsm, openHsm } from '../../../lib/hsm/hsm.ts'
import type { Material } from '../../../lib/keys/key.ts'
import type { Owner } from '../../../lib/ports.ts'
import { materialOf, materialOwner, openTestHsm, provisionedToken } from '../../harness/token.ts'

let hsm: OpenHsm
let material: Material
const context = { tenant: 'blue', purpose: 'backup' }

beforeAll(async () => {
  hsm = await openTestHsm()
  const owner = materialOwner()
  material = materialOf(owner, (await hsm.generate(owner)).wrapped)
})
afterAll(() => hsm.close())

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error) => error,
  )
const invalidCiphertext = async (promise: Promise<unknown>) => {
  const error = await failureOf(promise)
  expect(error).toBeInstanceOf(InvalidCiphertextException)
  expect(error).toHaveProperty('message', '')
}

describe('symmetric encryption', () => {
  it('opens what it made, for any plaintext of 1 to 4096 bytes and any context', async () => {
    const contexts = fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), fc.string({ maxLength: 40 }), {
      maxKeys: 6,
    })
    const plaintexts = fc.uint8Array({ minLength: 1, maxLength: 4096, size: 'max' })
    await fc.assert(
      fc.asyncProperty(plaintexts, contexts, async (plaintext, some) => {
        const blob = await hsm.encrypt(material, plaintext, some)
        const opened = await hsm.decrypt(material, parseCiphertext(blob), some)
        expect(equal(opened, plaintext)).toBe(true)
      }),
    )
  })

  it('takes 4096 bytes', async () => {
    const plaintext = new Uint8Array(4096).fill(9)
    const blob = await hsm.encrypt(material, plaintext, {})
    expect(equal(await hsm.decrypt(material, parseCiphertext(blob), {}), plaintext)).toBe(true)
  })

  it('names its key and key material in the ciphertext', async () => {
    const blob = await hsm.encrypt(material, utf8('x'), context)
    expect(parseCiphertext(blob)).toMatchObject({ keyId: material.keyId, materialId: material.id })
  })

  it('opens the ciphertext of another process, whose message key it does not hold', async () => {
    const other = await openTestHsm()
    const blob = await other.encrypt(material, utf8('hello'), context)
    other.close()
    expect(await hsm.decrypt(material, parseCiphertext(blob), context)).toEqual(Buffer.from('hello'))
  })

  it('refuses another context', async () => {
    const ciphertext = parseCiphertext(await hsm.encrypt(material, utf8('x'), context))
    await invalidCiphertext(hsm.decrypt(material, ciphertext, { ...context, tenant: 'red' }))
    await invalidCiphertext(hsm.decrypt(material, ciphertext, {}))
    expect(await hsm.decrypt(material, ciphertext, context)).toEqual(Buffer.from('x'))
  })

  it('refuses the ciphertext of another key', async () => {
    const owner = materialOwner({ id: '00000000-0000-0000-0000-000000000001', materialId: 'ff'.repeat(32) })
    const other = materialOf(owner, (await hsm.generate(owner)).wrapped)
    await invalidCiphertext(hsm.decrypt(other, parseCiphertext(await hsm.encrypt(material, utf8('x'), {})), {}))
  })

  it('refuses a ciphertext with any one byte changed', async () => {
    const blob = await hsm.encrypt(material, utf8('every byte counts'), context)
    for (let at = 0; at < blob.length; at++) {
      const damaged = Uint8Array.from(blob)
      damaged[at] = (damaged[at] ?? 0) ^ 0x01
      await invalidCiphertext((async () => hsm.decrypt(material, parseCiphertext(damaged), context))())
    }
    expect(await hsm.decrypt(material, parseCiphertext(blob), context)).toEqual(Buffer.from('every byte counts'))
  })

  it('refuses a ciphertext cut short, down to nothing but a tag', async () => {
    const { body, ...rest } = parseCiphertext(await hsm.encrypt(material, utf8('whole'), context))
    for (const length of [body.length - 1, 17, 16, 1, 0]) {
      await invalidCiphertext(hsm.decrypt(material, { ...rest, body: body.subarray(0, length) }, context))
    }
  })

  it('refuses to encrypt nothing before the HSM is asked, and goes on', async () => {
    const error = await failureOf(hsm.encrypt(material, new Uint8Array(), {}))
    expect(error).toBeInstanceOf(KMSInternalException)
    expect(error).toHaveProperty('message', 'Nothing to encrypt')
    expect(await hsm.encrypt(material, utf8('x'), {})).toBeInstanceOf(Uint8Array)
  })
})

describe('message keys', () => {
  const sentBy = async (limited: OpenHsm) => {
    const { wrappedMessageKey, iv } = parseCiphertext(await limited.encrypt(material, utf8('x'), {}))
    return { key: Buffer.from(wrappedMessageKey).toString('hex'), iv: Buffer.from(iv).toString('hex') }
  }

  it('count their IVs from 0 and end at their number of messages', async () => {
    const limited = await openTestHsm({ messageKeyLimits: { messages: 3, milliseconds: 1000 }, now: () => 0 })
    const sent = []
    for (let i = 0; i < 7; i++) sent.push(await sentBy(limited))
    limited.close()
    const ivs = [0, 1, 2, 0, 1, 2, 0].map((count) => count.toString(16).padStart(24, '0'))
    expect(sent.map(({ iv }) => iv)).toEqual(ivs)
    expect(new Set(sent.map(({ key }) => key)).size).toBe(3)
  })

  it('end with their time, and when the clock is set back', async () => {
    let now = 5000
    const limited = await openTestHsm({ messageKeyLimits: { messages: 100, milliseconds: 1000 }, now: () => now })
    const first = await sentBy(limited)
    now = 5999
    const second = await sentBy(limited)
    now = 6000
    const third = await sentBy(limited)
    now = 5999
    const fourth = await sentBy(limited)
    limited.close()
    expect(second.key).toBe(first.key)
    expect(new Set([first.key, third.key, fourth.key]).size).toBe(3)
  })

  it('are never shared by two instances of a process', async () => {
    const other = await openTestHsm()
    const keys = new Set([(await sentBy(hsm)).key, (await sentBy(other)).key])
    other.close()
    expect(keys.size).toBe(2)
  })

  it('refuses more than 2^32 messages under one', async () => {
    const messageKeyLimits = { messages: 2 ** 32 + 1, milliseconds: 1 }
    await expect(openTestHsm({ messageKeyLimits })).rejects.toThrow(
      new RangeError('messageKeyLimits.messages must be 1 to 2^32'),
    )
  })
})

describe('binding', () => {
  const changes: Partial<Owner>[] = [
    { account: '111111111111' },
    { id: '1234abcd-12ab-34cd-56ef-1234567890ac' },
    { materialId: 'ee'.repeat(32) },
  ]

  const unavailable = async (promise: Promise<unknown>) => {
    const error = await failureOf(promise)
    expect(error).toBeInstanceOf(KeyUnavailableException)
    expect(error).toHaveProperty('message', '')
  }

  it.each(changes)('refuses key material moved to another owner: %o', async (change) => {
    await hsm.encrypt(material, utf8('warm'), {})
    const moved = materialOf(materialOwner(change), material.wrapped)
    await unavailable(hsm.encrypt(moved, utf8('x'), {}))
    await unavailable(hsm.decrypt(moved, parseCiphertext(await hsm.encrypt(material, utf8('x'), {})), {}))
  })

  it('refuses the blob of another key, a changed root id and a changed binding', async () => {
    const cold = await openTestHsm()
    const owner = materialOwner({ id: '00000000-0000-0000-0000-000000000002' })
    const other = (await cold.generate(owner)).wrapped
    const { wrapped } = material
    const binding = Uint8Array.from(wrapped.binding, (byte, at) => (at === 31 ? byte ^ 1 : byte))
    const forged = [
      { ...wrapped, blob: other.blob },
      { ...wrapped, rootId: 'regional-2' },
      { ...wrapped, binding },
      { ...wrapped, binding: wrapped.binding.subarray(0, 31) },
      { ...wrapped, binding: new Uint8Array() },
    ]
    for (const one of forged) await unavailable(cold.encrypt({ ...material, wrapped: one }, utf8('x'), {}))
    expect(await cold.encrypt(material, utf8('x'), {})).toBeInstanceOf(Uint8Array)
    cold.close()
  })

  it("does not let an access key's secret be used as key material", async () => {
    const secretOwner = materialOwner({ purpose: 'access-key' })
    const wrapped = await hsm.wrapSecret(secretOwner, new Uint8Array(32).fill(1))
    await unavailable(hsm.encrypt(materialOf(secretOwner, wrapped), utf8('x'), {}))
  })
})

describe('secrets', () => {
  const owner = materialOwner({ purpose: 'access-key', id: 'AKIAEXAMPLE', materialId: '', spec: 'HMAC_256' })

  it.each([32, 40, 44, 63, 64])('signs under a secret of %i bytes as HMAC-SHA-256 does', async (length) => {
    const secret = Uint8Array.from({ length }, (_, at) => at + 1)
    const wrapped = await hsm.wrapSecret(owner, secret)
    const data = utf8('20260101')
    const expected = createHmac('sha256', secret).update(data).digest()
    expect(equal(await hsm.mac(owner, wrapped, data), expected)).toBe(true)
  })

  it.each([0, 31, 65])('refuses a secret of %i bytes', async (length) => {
    const error = await failureOf(hsm.wrapSecret(owner, new Uint8Array(length)))
    expect(error).toBeInstanceOf(KMSInternalException)
    expect(error).toHaveProperty('message', 'Not a secret of an access key, of 32 to 64 bytes')
  })

  it('refuses to sign nothing, and goes on', async () => {
    const wrapped = await hsm.wrapSecret(owner, new Uint8Array(32).fill(1))
    const error = await failureOf(hsm.mac(owner, wrapped, new Uint8Array()))
    expect(error).toBeInstanceOf(KMSInternalException)
    expect(error).toHaveProperty('message', 'Nothing to sign')
    expect(await hsm.mac(owner, wrapped, utf8('x'))).toHaveLength(32)
  })
})

describe('the HSM', () => {
  it('makes random bytes of the length asked for', async () => {
    expect(await hsm.random(1)).toHaveLength(1)
    expect(await hsm.random(1024)).toHaveLength(1024)
    expect(equal(await hsm.random(32), await hsm.random(32))).toBe(false)
  })

  it.each([0, 1025, Number.NaN])('refuses %d random bytes', async (length) => {
    const error = await failureOf(hsm.random(length))
    expect(error).toBeInstanceOf(KMSInternalException)
    expect(error).toHaveProperty('message', 'Not 1 to 1024 random bytes')
  })

  it('refuses a spec it does not know', async () => {
    for (const spec of ['RSA_9999', 'constructor']) {
      const error = await failureOf(hsm.generate(materialOwner({ spec })))
      expect(error).toBeInstanceOf(UnsupportedOperationException)
      expect(error).toHaveProperty('message', `The HSM makes no keys of spec ${spec}.`)
    }
  })

  it('answers a check, and none once it is closed', async () => {
    const other = await openTestHsm()
    await other.check()
    other.close()
    const error = await failureOf(other.check())
    expect(error).toBeInstanceOf(KMSInternalException)
    expect(error).toHaveProperty('cause.message', 'The HSM is closed')
    await hsm.check()
  })

  it('refuses a second token directory in one process', async () => {
    await expect(openHsm({ ...provisionedToken(), tokenDirectory: '/', now: Date.now })).rejects.toThrow(
      'This process already uses another token directory, and reads its tokens once.',
    )
  })

  it('names a token that is not there', async () => {
    await expect(openTestHsm({ tokenLabel: 'elsewhere' })).rejects.toThrow(
      'No slot of the PKCS #11 module holds a token labelled elsewhere',
    )
  })

  it('refuses a profile whose mechanisms the token lacks', async () => {
    await expect(openTestHsm({ profile: 'cloudhsm' })).rejects.toThrow('The token has no aesKeyWrapPad (0x8000216f)')
  })

  it('works without the shortcuts of SoftHSM, as a generic token', async () => {
    const generic = await openTestHsm({ profile: 'generic' })
    const blob = await generic.encrypt(material, utf8('hello'), context)
    expect(await hsm.decrypt(material, parseCiphertext(blob), context)).toEqual(Buffer.from('hello'))
    generic.close()
  })

  it('shows its PIN in none of its errors and nowhere on itself', async () => {
    const { pin } = provisionedToken()
    const other = await openTestHsm()
    const shown = [inspect(other, { depth: 9, showHidden: true })]
    for (const options of [{ tokenLabel: 'elsewhere' }, { profile: 'cloudhsm' as const }]) {
      shown.push(inspect(await failureOf(openTestHsm(options)), { depth: 9, showHidden: true }))
    }
    other.close()
    shown.push(inspect(await failureOf(other.check()), { depth: 9, showHidden: true }))
    for (const text of shown) expect(text.includes(pin)).toBe(false)
  })
})

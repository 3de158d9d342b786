import { createDecipheriv, createHash, createPrivateKey, createPublicKey, encapsulate, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { equal, fromHex, hex, utf8 } from '../../../lib/bytes.ts'
import { algorithmsOf, type KeySpec, keySpecs } from '../../../lib/crypto/specs.ts'
import { KeyUnavailableException, UnsupportedOperationException } from '../../../lib/errors.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { publicKeyOf, seedKinds } from '../../../lib/hsm/seeds.ts'
import type { Material } from '../../../lib/keys/key.ts'
import { generated, importSealed, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'
import vectors from '../../vectors/sealed-1.json' with { type: 'json' }

/*
 * The vectors are frozen: every key ever sealed must open for ever. They are read here without a line of lib/ between
 * file and node:crypto, so that a mistake in lib/ cannot agree with itself.
 */
let hsm: OpenHsm
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error) => error,
  )

const pkcs8Prefixes: Readonly<Record<string, string>> = {
  ECC_NIST_EDWARDS25519: '302e020100300506032b657004220420',
  ML_DSA_44: '3034020100300b060960864801650304031104228020',
  ML_KEM_512: '3054020100300b060960864801650304040104428040',
}

describe.each(vectors)('sealed material version 1: $spec', (vector) => {
  const pkcs8 = Buffer.from(`${pkcs8Prefixes[vector.spec]}${vector.seed}`, 'hex')
  const publicKey = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  const owner = materialOwner({ id: vector.keyId, materialId: vector.materialId, spec: vector.spec })

  it('is the seed under AES-256-GCM, with version and owner as additional data', () => {
    const fields = ['key-material', vector.account, vector.keyId, vector.materialId, vector.spec].flatMap((field) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(field.length)
      return [length, Buffer.from(field)]
    })
    const body = Buffer.from(vector.body, 'hex')
    const opening = createDecipheriv('aes-256-gcm', fromHex(vector.sealingKey), Buffer.alloc(12))
    opening.setAAD(Buffer.concat([Buffer.of(1), ...fields])).setAuthTag(body.subarray(-16))
    expect(hex(Buffer.concat([opening.update(body.subarray(0, -16)), opening.final()]))).toBe(vector.seed)
  })

  it('has the public half it always had', () => {
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    expect(createHash('sha256').update(spki).digest('hex')).toBe(vector.publicKeySha256)
    const kind = seedKinds[vector.spec as keyof typeof seedKinds]
    expect(equal(publicKeyOf(kind, fromHex(vector.seed)), spki)).toBe(true)
  })

  it('opens in the HSM for its owner, and for no other', async () => {
    const wrapped = importSealed(owner, fromHex(vector.sealingKey), fromHex(vector.body))
    const material = materialOf(owner, wrapped)
    if (vector.spec.startsWith('ML_KEM')) {
      const { sharedKey, ciphertext } = encapsulate(publicKey)
      expect(equal(await hsm.decapsulate(material, ciphertext), sharedKey)).toBe(true)
      return
    }
    const algorithm = algorithmsOf(material.spec, 'SIGN_VERIFY').at(-1) ?? ''
    const signature = await hsm.sign(material, algorithm, 'RAW', utf8('signed'))
    expect(verify(null, utf8('signed'), publicKey, signature)).toBe(true)
    const another = materialOwner({ ...owner, id: 'another' })
    const rebound = materialOf(another, importSealed(another, fromHex(vector.sealingKey), fromHex(vector.body)))
    expect(await failureOf(hsm.sign(rebound, algorithm, 'RAW', utf8('signed')))).toHaveProperty(
      'cause.message',
      'C_Decrypt answered 0x5',
    )
  })
})

describe('a sealed blob', () => {
  it('holds version, wrapped key, seed and tag, and nothing of the seed in clear', async () => {
    const { wrapped, protection } = await generated(hsm, 'ECC_NIST_EDWARDS25519')
    expect(protection).toBe('SEALED')
    expect(wrapped.blob).toHaveLength(1 + 40 + 32 + 16)
    expect(wrapped.blob[0]).toBe(1)
  })

  it.each([
    ['another version', Uint8Array.of(2), 32],
    ['another length', Uint8Array.of(1), 33],
  ])('of %s does not open, also when it is bound', async (_title, version, length) => {
    const owner = materialOwner({ spec: 'ECC_NIST_EDWARDS25519' })
    const wrapped = importSealed(owner, new Uint8Array(32), new Uint8Array(length + 16))
    const blob = Uint8Array.from(wrapped.blob)
    blob.set(version)
    const material = materialOf(owner, { ...wrapped, blob })
    expect(await failureOf(hsm.sign(material, 'ED25519_SHA_512', 'RAW', utf8('x')))).toBeInstanceOf(
      KeyUnavailableException,
    )
  })
})

describe('an HSM that is told to use no key outside', () => {
  const sealed = (Object.keys(keySpecs) as KeySpec[]).filter((spec) => Object.hasOwn(seedKinds, spec))
  let strict: OpenHsm
  beforeAll(async () => {
    strict = await openTestHsm({ hsmOnly: true })
  })
  afterAll(() => strict.close())
  const refused = async (promise: Promise<unknown>, spec: KeySpec) => {
    const error = await failureOf(promise)
    expect(error).toBeInstanceOf(UnsupportedOperationException)
    expect(error).toHaveProperty('message', `The HSM makes no keys of spec ${spec}.`)
  }

  it.each(sealed)('makes no %s', (spec) => refused(generated(strict, spec), spec))

  it('uses none that was made before', async () => {
    const signing: Material = await generated(hsm, 'ML_DSA_44')
    await refused(strict.sign(signing, 'ML_DSA_SHAKE_256', 'RAW', utf8('x')), 'ML_DSA_44')
    const agreeing = await generated(hsm, 'ML_KEM_512')
    await refused(strict.decapsulate(agreeing, new Uint8Array(768)), 'ML_KEM_512')
  })

  it('makes all others', async () => {
    for (const spec of ['SYMMETRIC_DEFAULT', 'RSA_2048', 'ECC_SECG_P256K1', 'HMAC_224'] as const) {
      expect(await generated(strict, spec)).toMatchObject({ protection: 'HSM' })
    }
  })
})

import {
  constants,
  createCipheriv,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fromHex } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import type { WrappingAlgorithmName } from '../../../lib/crypto/import-wrapping.ts'
import type { KeySpec } from '../../../lib/crypto/specs.ts'
import { InvalidCiphertextException } from '../../../lib/errors.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import type { Material, NewKey } from '../../../lib/keys/key.ts'
import type { ImportedKey, Owner } from '../../../lib/ports.ts'
import { openTestHsm } from '../../harness/token.ts'

let hsm: OpenHsm
let importKey: { owner: Owner; wrapped: NewKey['wrapped']; publicKey: Uint8Array }
const account = '000000000000'
const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab'

async function newImportKey(spec: string): Promise<typeof importKey> {
  const owner: Owner = { purpose: 'import-key', account, id: keyId, materialId: 'for the test', spec }
  const { wrapped, publicKey = new Uint8Array() } = await hsm.generate(owner)
  return { owner, wrapped, publicKey }
}
beforeAll(async () => {
  hsm = await openTestHsm()
  importKey = await newImportKey('RSA_4096')
})
afterAll(() => hsm.close())

const oaep = (bytes: Uint8Array, oaepHash: 'sha1' | 'sha256', by = importKey): Uint8Array => {
  const key = createPublicKey({ key: Buffer.from(by.publicKey), format: 'der', type: 'spki' })
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, bytes)
}
/** As AWS's guides have it: OpenSSL's OAEP, and id-aes256-wrap-pad. */
function wrapped(bytes: Uint8Array, algorithm: WrappingAlgorithmName): Uint8Array {
  const hash = algorithm.endsWith('256') ? 'sha256' : 'sha1'
  if (!algorithm.startsWith('RSA_AES')) return oaep(bytes, hash)
  const key = randomBytes(32)
  const cipher = createCipheriv('id-aes256-wrap-pad', key, fromHex('a65959a6'))
  return Buffer.concat([oaep(key, hash), cipher.update(bytes), cipher.final()])
}
const take = (spec: KeySpec, algorithm: WrappingAlgorithmName, encrypted: Uint8Array): Promise<ImportedKey> =>
  hsm.importMaterial({ importKey, algorithm, encrypted, target: { account, id: keyId, spec } })
const materialOf = (spec: KeySpec, { materialId, ...key }: ImportedKey): Material => ({
  keyId,
  account,
  id: materialId,
  number: 1,
  spec,
  createdAt: 0,
  ...key,
})
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

const direct = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const
const hybrid = ['RSA_AES_KEY_WRAP_SHA_1', 'RSA_AES_KEY_WRAP_SHA_256'] as const

describe.each(direct)('symmetric material under %s', (algorithm) => {
  it('encrypts and decrypts, and has the same id whenever it is imported', async () => {
    const bytes = randomBytes(32)
    const one = await take('SYMMETRIC_DEFAULT', algorithm, wrapped(bytes, algorithm))
    const other = await take('SYMMETRIC_DEFAULT', algorithm, wrapped(bytes, algorithm))
    expect(one.materialId).toMatch(/^[0-9a-f]{64}$/)
    expect(other.materialId).toBe(one.materialId)
    expect(one.protection).toBe('HSM')
    const ciphertext = await hsm.encrypt(materialOf('SYMMETRIC_DEFAULT', one), Buffer.from('x'), {})
    const opened = await hsm.decrypt(materialOf('SYMMETRIC_DEFAULT', other), parseCiphertext(ciphertext), {})
    expect(Buffer.from(opened).toString()).toBe('x')
  })

  it.each([0, 16, 24, 31, 33, 40, 64])('of %i bytes is refused', async (length) => {
    const error = await failureOf(take('SYMMETRIC_DEFAULT', algorithm, wrapped(randomBytes(length), algorithm)))
    expect(error).toBeInstanceOf(InvalidCiphertextException)
  })

  it('that was damaged, or wrapped for another key, is refused', async () => {
    const good = Buffer.from(wrapped(randomBytes(32), algorithm))
    good[100] = (good[100] ?? 0) ^ 1
    const foreign = oaep(randomBytes(32), 'sha1', await newImportKey('RSA_2048'))
    for (const bad of [good, foreign, good.subarray(1), Buffer.of(1), Buffer.alloc(512)]) {
      expect(await failureOf(take('SYMMETRIC_DEFAULT', algorithm, bad))).toBeInstanceOf(InvalidCiphertextException)
    }
    expect((await take('SYMMETRIC_DEFAULT', algorithm, wrapped(randomBytes(32), algorithm))).protection).toBe('HSM')
  })
})

describe.each([
  ['HMAC_224', 'sha224', 28],
  ['HMAC_256', 'sha256', 32],
  ['HMAC_384', 'sha384', 48],
  ['HMAC_512', 'sha512', 64],
] as const)('%s material', (spec, hash, least) => {
  it.each([least, least + 1, 64, 128].map((length) => [length]))(
    'of %i bytes gives the MACs that it gave outside',
    async (length) => {
      const bytes = randomBytes(length)
      for (const algorithm of direct) {
        const key = await take(spec, algorithm, wrapped(bytes, algorithm))
        const mac = await hsm.generateMac(materialOf(spec, key), Buffer.from('message'))
        expect(Buffer.from(mac)).toEqual(createHmac(hash, bytes).update('message').digest())
      }
    },
  )
  it('that is too short is refused', async () => {
    for (const algorithm of direct) {
      const error = await failureOf(take(spec, algorithm, wrapped(randomBytes(least - 1), algorithm)))
      expect(error).toBeInstanceOf(InvalidCiphertextException)
    }
  })
})

const pairs = {
  RSA_2048: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ECC_NIST_P256: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  ECC_NIST_P384: () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  ECC_NIST_P521: () => generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  ECC_SECG_P256K1: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  ECC_NIST_EDWARDS25519: () => generateKeyPairSync('ed25519'),
} as const
const signing = {
  RSA_2048: ['RSASSA_PKCS1_V1_5_SHA_256', 'sha256'],
  ECC_NIST_P256: ['ECDSA_SHA_256', 'sha256'],
  ECC_NIST_P384: ['ECDSA_SHA_384', 'sha384'],
  ECC_NIST_P521: ['ECDSA_SHA_512', 'sha512'],
  ECC_SECG_P256K1: ['ECDSA_SHA_256', 'sha256'],
  ECC_NIST_EDWARDS25519: ['ED25519_SHA_512', null],
} as const
const specs = Object.keys(pairs) as (keyof typeof pairs)[]

describe.each(specs)('%s material', (spec) => {
  const ways = spec === 'RSA_2048' ? hybrid : [...hybrid, ...direct]
  it.each(ways)('under %s signs as the key it was, whose public half it has', async (algorithm) => {
    // Both parities of y, in all likelihood.
    for (let round = 0; round < (spec === 'RSA_2048' ? 1 : 4); round++) {
      const { publicKey, privateKey } = pairs[spec]()
      const bytes = privateKey.export({ format: 'der', type: 'pkcs8' })
      const key = await take(spec, algorithm, wrapped(bytes, algorithm))
      expect(Buffer.from(key.publicKey ?? [])).toEqual(publicKey.export({ format: 'der', type: 'spki' }))
      expect(key.protection).toBe(spec === 'ECC_NIST_EDWARDS25519' ? 'SEALED' : 'HSM')
      const [name, hash] = signing[spec]
      const signature = await hsm.sign(materialOf(spec, key), name, 'RAW', Buffer.from('message'))
      expect(verify(hash, Buffer.from('message'), publicKey, signature)).toBe(true)
    }
  })

  it('that is another spec’s, or no key, is refused', async () => {
    const other = spec === 'ECC_NIST_P256' ? 'ECC_NIST_P384' : 'ECC_NIST_P256'
    const bytes = pairs[other]().privateKey.export({ format: 'der', type: 'pkcs8' })
    for (const algorithm of ways) {
      for (const bad of [bytes, randomBytes(48), Buffer.alloc(0)]) {
        const error = await failureOf(take(spec, algorithm, wrapped(bad, algorithm)))
        expect([algorithm, bad.length, (error as Error | undefined)?.name]).toEqual([
          algorithm,
          bad.length,
          'InvalidCiphertextException',
        ])
      }
    }
  })
})

it('an import key under another owner opens nothing', async () => {
  const encrypted = wrapped(randomBytes(32), 'RSAES_OAEP_SHA_1')
  for (const algorithm of direct) {
    const changed = { ...importKey, owner: { ...importKey.owner, materialId: 'for another' } }
    const target = { account, id: keyId, spec: 'SYMMETRIC_DEFAULT' } as const
    const error = await failureOf(hsm.importMaterial({ importKey: changed, algorithm, encrypted, target }))
    expect((error as Error | undefined)?.name).toBe('InvalidImportTokenException')
  }
})

import { execFileSync } from 'node:child_process'
import {
  constants,
  createECDH,
  createHash,
  createHmac,
  createPublicKey,
  encapsulate,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { equal, utf8 } from '../../../lib/bytes.ts'
import { curves } from '../../../lib/crypto/curves.ts'
import { verifyEd25519ph } from '../../../lib/crypto/ed25519ph.ts'
import { verifySm2 } from '../../../lib/crypto/sm2.ts'
import { algorithmsOf, type KeySpec, keySpecs } from '../../../lib/crypto/specs.ts'
import { InvalidCiphertextException, KeyUnavailableException, KMSInternalException } from '../../../lib/errors.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import type { Material } from '../../../lib/keys/key.ts'
import type { MessageType } from '../../../lib/ports.ts'
import { generated, importEc, importMaterial, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'

const specs = Object.keys(keySpecs) as KeySpec[]
const having = (usage: Parameters<typeof algorithmsOf>[1]) =>
  specs.filter((spec) => algorithmsOf(spec, usage).length > 0)
const rsaSpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096'] as const

let hsm: OpenHsm
const made = new Map<KeySpec, Material>()
const materialFor = (spec: KeySpec): Material => {
  const material = made.get(spec)
  if (!material) throw new Error(`no ${spec}`)
  return material
}
const spkiOf = ({ publicKey }: Material): Buffer => Buffer.from(publicKey ?? [])
const publicKeyOf = (material: Material): KeyObject =>
  createPublicKey({ key: spkiOf(material), format: 'der', type: 'spki' })

beforeAll(async () => {
  hsm = await openTestHsm()
  for (const material of await Promise.all(specs.map((spec) => generated(hsm, spec)))) {
    made.set(material.spec, material)
  }
}, 120_000)
afterAll(() => hsm.close())

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error) => error,
  )
const refused = async (promise: Promise<unknown>, type: typeof KMSInternalException, message: string) => {
  const error = await failureOf(promise)
  expect(error).toBeInstanceOf(type)
  expect(error).toHaveProperty('message', message)
}

describe('a new key', () => {
  const sealed = specs.filter((spec) => /EDWARDS|ML_|SM2/.test(spec))

  it.each(specs)('%s says truthfully where it is in clear when it is used', (spec) => {
    expect(materialFor(spec).protection).toBe(sealed.includes(spec) ? 'SEALED' : 'HSM')
  })

  it.each(specs.filter((spec) => keySpecs[spec].family !== 'asymmetric'))('%s has no public half', (spec) => {
    expect(materialFor(spec).publicKey).toBeUndefined()
  })

  const details: Partial<Record<KeySpec, object>> = {
    RSA_2048: { asymmetricKeyType: 'rsa', asymmetricKeyDetails: { modulusLength: 2048, publicExponent: 65537n } },
    RSA_3072: { asymmetricKeyType: 'rsa', asymmetricKeyDetails: { modulusLength: 3072, publicExponent: 65537n } },
    RSA_4096: { asymmetricKeyType: 'rsa', asymmetricKeyDetails: { modulusLength: 4096, publicExponent: 65537n } },
    ECC_NIST_P256: { asymmetricKeyType: 'ec', asymmetricKeyDetails: { namedCurve: 'prime256v1' } },
    ECC_NIST_P384: { asymmetricKeyType: 'ec', asymmetricKeyDetails: { namedCurve: 'secp384r1' } },
    ECC_NIST_P521: { asymmetricKeyType: 'ec', asymmetricKeyDetails: { namedCurve: 'secp521r1' } },
    ECC_SECG_P256K1: { asymmetricKeyType: 'ec', asymmetricKeyDetails: { namedCurve: 'secp256k1' } },
    ECC_NIST_EDWARDS25519: { asymmetricKeyType: 'ed25519' },
    ML_DSA_44: { asymmetricKeyType: 'ml-dsa-44' },
    ML_DSA_65: { asymmetricKeyType: 'ml-dsa-65' },
    ML_DSA_87: { asymmetricKeyType: 'ml-dsa-87' },
    ML_KEM_512: { asymmetricKeyType: 'ml-kem-512' },
    ML_KEM_768: { asymmetricKeyType: 'ml-kem-768' },
    ML_KEM_1024: { asymmetricKeyType: 'ml-kem-1024' },
  }
  it.each(specs.filter((spec) => keySpecs[spec].family === 'asymmetric'))(
    '%s has a public half of its kind',
    (spec) => {
      const key = publicKeyOf(materialFor(spec))
      expect(key).toMatchObject(details[spec] ?? {})
      expect(spkiOf(materialFor(spec)).equals(key.export({ format: 'der', type: 'spki' }))).toBe(true)
    },
  )

  it('is another each time', async () => {
    for (const spec of ['ECC_NIST_P256', 'ECC_NIST_EDWARDS25519', 'ML_KEM_512'] as const) {
      expect(spkiOf(await generated(hsm, spec)).equals(spkiOf(materialFor(spec)))).toBe(false)
    }
  })

  it('of RSA leaves the event loop to others while it is made', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await generated(hsm, 'RSA_2048')
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })
})

interface Case {
  readonly spec: KeySpec
  readonly algorithm: string
  readonly type: MessageType
}
const signings: readonly Case[] = having('SIGN_VERIFY').flatMap((spec) =>
  algorithmsOf(spec, 'SIGN_VERIFY').flatMap((algorithm) => {
    const types = algorithm.startsWith('ED25519_PH')
      ? (['DIGEST'] as const)
      : /ED25519|ML_DSA|SM2/.test(algorithm)
        ? (['RAW'] as const)
        : (['RAW', 'DIGEST'] as const)
    return types.map((type) => ({ spec, algorithm, type }))
  }),
)
const hashOf = (algorithm: string): string => `sha${/SHA_(\d+)$/.exec(algorithm)?.[1]}`
const message = randomBytes(4096)

function verifies({ spec, algorithm }: Case, whole: Uint8Array, signature: Uint8Array): boolean {
  const key = publicKeyOf(materialFor(spec))
  if (algorithm === 'ED25519_PH_SHA_512') {
    const digest = createHash('sha512').update(whole).digest()
    return verifyEd25519ph(
      spkiOf(materialFor(spec)).subarray(-32),
      createHash('sha512').update(digest).digest(),
      signature,
    )
  }
  if (algorithm === 'SM2DSA') return verifySm2(key, whole, signature)
  if (/ED25519|ML_DSA/.test(algorithm)) return verify(null, whole, key, signature)
  const pss = algorithm.includes('PSS') && {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  }
  return verify(hashOf(algorithm), whole, { key, ...pss }, signature)
}

describe('signing', () => {
  it.each(signings)('$spec $algorithm of $type is verified by node:crypto', async (one) => {
    const given = one.type === 'RAW' ? message : createHash(hashOf(one.algorithm)).update(message).digest()
    const signature = await hsm.sign(materialFor(one.spec), one.algorithm, one.type, given)
    expect(verifies(one, message, signature)).toBe(true)
    expect(verifies(one, Buffer.concat([message, Buffer.of(0)]), signature)).toBe(false)
  })

  it('repeats PKCS #1 v1.5 and Ed25519 signatures, and no others', async () => {
    const repeats: Record<string, boolean> = {}
    for (const { spec, algorithm, type } of signings.filter(({ spec }) => !/RSA_[34]/.test(spec))) {
      const given = type === 'RAW' ? message : createHash(hashOf(algorithm)).update(message).digest()
      const twice = await Promise.all([0, 1].map(() => hsm.sign(materialFor(spec), algorithm, type, given)))
      repeats[algorithm] = equal(twice[0] ?? new Uint8Array(), twice[1] ?? new Uint8Array())
    }
    const repeating = Object.keys(repeats).filter((algorithm) => repeats[algorithm])
    expect(repeating.sort()).toEqual([
      'ED25519_PH_SHA_512',
      'ED25519_SHA_512',
      'RSASSA_PKCS1_V1_5_SHA_256',
      'RSASSA_PKCS1_V1_5_SHA_384',
      'RSASSA_PKCS1_V1_5_SHA_512',
    ])
  })

  it('writes ECDSA signatures in DER, whatever zeros their numbers begin with', async () => {
    const lengths = new Set<number>()
    for (let i = 0; i < 300; i++) {
      const signature = await hsm.sign(materialFor('ECC_NIST_P256'), 'ECDSA_SHA_256', 'RAW', Buffer.from(`${i}`))
      expect(verify('sha256', Buffer.from(`${i}`), publicKeyOf(materialFor('ECC_NIST_P256')), signature)).toBe(true)
      lengths.add(signature.length)
    }
    expect(lengths.size).toBeGreaterThan(2)
  })

  it('refuses an algorithm that is not of the spec before the HSM is asked', async () => {
    for (const spec of specs) {
      const own = algorithmsOf(spec, 'SIGN_VERIFY')
      for (const { algorithm } of signings) {
        if (own.includes(algorithm)) continue
        const why = `A key of spec ${spec} is not for ${algorithm}`
        await refused(hsm.sign(materialFor(spec), algorithm, 'RAW', message), KMSInternalException, why)
      }
    }
  })

  it.each([
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512', 'DIGEST'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_PH_SHA_512', 'RAW'],
    ['ML_DSA_44', 'ML_DSA_SHAKE_256', 'DIGEST'],
    ['SM2', 'SM2DSA', 'DIGEST'],
  ] as const)('%s with %s does not take a %s for another kind of message', (spec, algorithm, type) =>
    refused(
      hsm.sign(materialFor(spec), algorithm, type, new Uint8Array(64)),
      KMSInternalException,
      'Not a message to sign',
    ),
  )

  it('refuses a digest of another length, and goes on', async () => {
    for (const [spec, algorithm] of [
      ['ECC_NIST_P256', 'ECDSA_SHA_256'],
      ['RSA_2048', 'RSASSA_PSS_SHA_384'],
    ] as const) {
      for (const length of [0, 31, 33, 64]) {
        const digest = new Uint8Array(length)
        await refused(
          hsm.sign(materialFor(spec), algorithm, 'DIGEST', digest),
          KMSInternalException,
          'Not a digest to sign',
        )
      }
      expect(await hsm.sign(materialFor(spec), algorithm, 'RAW', message)).toBeInstanceOf(Uint8Array)
    }
  })

  it.each(['ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'] as const)('%s signs mu for the message it is of', async (spec) => {
    const shake = (...parts: readonly Uint8Array[]) =>
      createHash('shake256', { outputLength: 64 }).update(Buffer.concat(parts)).digest()
    const key = publicKeyOf(materialFor(spec))
    for (let n = 0; n < 5; n++) {
      const given = randomBytes(32)
      const mu = shake(shake(spkiOf(materialFor(spec)).subarray(22)), Buffer.of(0, 0), given)
      const signature = await hsm.sign(materialFor(spec), 'ML_DSA_SHAKE_256', 'EXTERNAL_MU', mu)
      expect(verify(null, given, key, signature)).toBe(true)
      expect(verify(null, randomBytes(32), key, signature)).toBe(false)
    }
  })
})

describe('MACs', () => {
  it.each([
    ['HMAC_224', 28],
    ['HMAC_256', 32],
    ['HMAC_384', 48],
    ['HMAC_512', 64],
  ] as const)('%s is HMAC with a key of %i bytes', async (spec, length) => {
    const key = randomBytes(length)
    const owner = materialOwner({ spec })
    const material = materialOf(owner, importMaterial(owner, key))
    for (const data of [utf8('x'), message]) {
      const expected = createHmac(spec.replace('HMAC_', 'sha'), key).update(data).digest()
      expect(equal(await hsm.generateMac(material, data), expected)).toBe(true)
    }
  })

  it.each(having('GENERATE_VERIFY_MAC'))('%s repeats, and differs by message', async (spec) => {
    const mac = await hsm.generateMac(materialFor(spec), message)
    expect(equal(await hsm.generateMac(materialFor(spec), message), mac)).toBe(true)
    expect(equal(await hsm.generateMac(materialFor(spec), message.subarray(1)), mac)).toBe(false)
  })

  it('refuses nothing at all, and keys that make no MACs', async () => {
    await refused(hsm.generateMac(materialFor('HMAC_256'), new Uint8Array()), KMSInternalException, 'Nothing to sign')
    for (const spec of specs.filter((one) => keySpecs[one].family !== 'hmac')) {
      await refused(
        hsm.generateMac(materialFor(spec), message),
        KMSInternalException,
        `A key of spec ${spec} is not for mac`,
      )
    }
    expect(await hsm.generateMac(materialFor('HMAC_256'), message)).toHaveLength(32)
  })
})

describe('RSA decryption', () => {
  const oaep = { RSAES_OAEP_SHA_1: 'sha1', RSAES_OAEP_SHA_256: 'sha256' } as const
  const hashBytes = { RSAES_OAEP_SHA_1: 20, RSAES_OAEP_SHA_256: 32 } as const
  const algorithms = Object.keys(oaep) as (keyof typeof oaep)[]
  const encrypted = (spec: KeySpec, algorithm: keyof typeof oaep, plaintext: Uint8Array) => {
    const padding = constants.RSA_PKCS1_OAEP_PADDING
    return publicEncrypt({ key: publicKeyOf(materialFor(spec)), oaepHash: oaep[algorithm], padding }, plaintext)
  }
  const raw = (spec: KeySpec, block: Uint8Array) =>
    publicEncrypt({ key: publicKeyOf(materialFor(spec)), padding: constants.RSA_NO_PADDING }, block)

  it.each(rsaSpecs.flatMap((spec) => algorithms.map((algorithm) => ({ spec, algorithm }))))(
    '$spec $algorithm opens what node:crypto encrypted, of every length from 1',
    async ({ spec, algorithm }) => {
      const most = Number(spec.slice(4)) / 8 - 2 - 2 * hashBytes[algorithm]
      for (const length of [1, 2, 32, most - 1, most]) {
        const plaintext = randomBytes(length)
        const opened = await hsm.decryptAsymmetric(materialFor(spec), algorithm, encrypted(spec, algorithm, plaintext))
        expect(equal(opened, plaintext)).toBe(true)
      }
    },
  )

  it.each(algorithms)('%s opens what openssl encrypted', async (algorithm) => {
    const folder = mkdtempSync(join(tmpdir(), 'keystead-openssl-'))
    try {
      writeFileSync(join(folder, 'key'), spkiOf(materialFor('RSA_2048')))
      const how = ['rsa_padding_mode:oaep', `rsa_oaep_md:${oaep[algorithm]}`, `rsa_mgf1_md:${oaep[algorithm]}`]
      const key = ['-pubin', '-keyform', 'DER', '-inkey', join(folder, 'key')]
      const options = how.flatMap((option) => ['-pkeyopt', option])
      const ciphertext = execFileSync('openssl', ['pkeyutl', '-encrypt', ...key, ...options], { input: 'from openssl' })
      const opened = await hsm.decryptAsymmetric(materialFor('RSA_2048'), algorithm, ciphertext)
      expect(Buffer.from(opened).toString()).toBe('from openssl')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  describe.each(algorithms)('%s', (algorithm) => {
    const good = () => encrypted('RSA_2048', algorithm, utf8('good'))
    const other = algorithms.find((one) => one !== algorithm) ?? algorithm
    const bad: Record<string, () => Uint8Array> = {
      'a byte changed': () => good().map((byte, at) => (at === 100 ? byte ^ 1 : byte)),
      'padding with the other hash': () => encrypted('RSA_2048', other, utf8('good')),
      'padding of PKCS #1 v1.5': () =>
        publicEncrypt(
          { key: publicKeyOf(materialFor('RSA_2048')), padding: constants.RSA_PKCS1_PADDING },
          utf8('good'),
        ),
      'a block that does not begin with zero': () => raw('RSA_2048', Buffer.alloc(256, 1)),
      'a block of nothing but zeros': () => raw('RSA_2048', Buffer.alloc(256)),
      'a number not less than the modulus': () => Buffer.alloc(256, 0xff),
      'the number zero': () => Buffer.alloc(256),
      nothing: () => new Uint8Array(),
      'a byte too few': () => good().subarray(1),
      'a byte too many': () => Buffer.concat([Buffer.of(0), good()]),
      "another key's ciphertext": () => encrypted('RSA_3072', algorithm, utf8('good')),
    }
    it.each(Object.entries(bad))('says the same of %s, and goes on', async (_title, ciphertext) => {
      const material = materialFor('RSA_2048')
      await refused(hsm.decryptAsymmetric(material, algorithm, ciphertext()), InvalidCiphertextException, '')
      expect(equal(await hsm.decryptAsymmetric(material, algorithm, good()), utf8('good'))).toBe(true)
    })
  })

  it('is counted as no failure of the HSM when the ciphertext is wrong', async () => {
    const { failures } = hsm.counters
    await failureOf(hsm.decryptAsymmetric(materialFor('RSA_2048'), 'RSAES_OAEP_SHA_1', new Uint8Array(256).fill(1)))
    expect(hsm.counters.failures).toBe(failures)
  })

  it('refuses keys of other specs before the HSM is asked', async () => {
    for (const spec of specs.filter((one) => !one.startsWith('RSA'))) {
      for (const algorithm of algorithms) {
        const why = `A key of spec ${spec} is not for ${algorithm}`
        await refused(
          hsm.decryptAsymmetric(materialFor(spec), algorithm, new Uint8Array(256)),
          KMSInternalException,
          why,
        )
      }
    }
  })
})

describe('key agreement', () => {
  const agreeing = ['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521'] as const

  it.each(agreeing)('%s agrees with node:crypto', async (spec) => {
    const point = spkiOf(materialFor(spec)).subarray(-(1 + 2 * curves[spec].bytes))
    for (let i = 0; i < 5; i++) {
      const peer = createECDH(curves[spec].name)
      const shared = await hsm.deriveSharedSecret(materialFor(spec), peer.generateKeys())
      expect(equal(shared, peer.computeSecret(point))).toBe(true)
    }
  })

  it.each(agreeing)(
    '%s keeps the zeros that a secret begins with',
    async (spec) => {
      const { name, oid, bytes } = curves[spec]
      const own = createECDH(name)
      own.generateKeys()
      const owner = materialOwner({ spec })
      const d = Buffer.alloc(bytes)
      own.getPrivateKey().copy(d, bytes - own.getPrivateKey().length)
      const material = materialOf(owner, importEc(owner, oid, d))
      const peer = createECDH(name)
      // Of P-521 the first byte is 0 or 1, so it is the second that makes it short.
      const isShort = (secret: Buffer) => secret[0] === 0 && (spec !== 'ECC_NIST_P521' || secret[1] === 0)
      let point = peer.generateKeys()
      while (!isShort(own.computeSecret(point))) point = peer.generateKeys()
      const shared = await hsm.deriveSharedSecret(material, point)
      expect(shared).toHaveLength(bytes)
      expect(equal(shared, own.computeSecret(point))).toBe(true)
    },
    60_000,
  )

  it.each(agreeing)("%s agrees with itself on its own public half's secret", async (spec) => {
    const own = spkiOf(materialFor(spec)).subarray(-(1 + 2 * curves[spec].bytes))
    expect(await hsm.deriveSharedSecret(materialFor(spec), own)).toHaveLength(curves[spec].bytes)
  })

  it('refuses what is no point of the curve, and goes on', async () => {
    const material = materialFor('ECC_NIST_P256')
    for (const peer of [new Uint8Array(), new Uint8Array(65), new Uint8Array(64).fill(4), new Uint8Array(97).fill(4)]) {
      await refused(hsm.deriveSharedSecret(material, peer), KMSInternalException, 'Not a point of the curve')
    }
    const notOnIt = new Uint8Array(65).fill(4)
    expect(await failureOf(hsm.deriveSharedSecret(material, notOnIt))).toBeInstanceOf(KMSInternalException)
    expect(await hsm.deriveSharedSecret(material, createECDH('prime256v1').generateKeys())).toHaveLength(32)
  })

  it('is refused to keys of other specs', async () => {
    const peer = createECDH('prime256v1').generateKeys()
    for (const spec of specs.filter((one) => !agreeing.some((agreed) => agreed === one))) {
      const why = `A key of spec ${spec} is not for deriving`
      await refused(hsm.deriveSharedSecret(materialFor(spec), peer), KMSInternalException, why)
    }
  })
})

describe('decapsulation', () => {
  it.each(having('ENCAPSULATE_DECAPSULATE'))('%s gives the secret that node:crypto encapsulated', async (spec) => {
    const { sharedKey, ciphertext } = encapsulate(publicKeyOf(materialFor(spec)))
    expect(equal(await hsm.decapsulate(materialFor(spec), ciphertext), sharedKey)).toBe(true)
  })

  it.each(having('ENCAPSULATE_DECAPSULATE'))(
    '%s gives another secret for a changed ciphertext, always the same',
    async (spec) => {
      const { sharedKey, ciphertext } = encapsulate(publicKeyOf(materialFor(spec)))
      const changed = ciphertext.map((byte, at) => (at === 7 ? byte ^ 1 : byte))
      const secret = await hsm.decapsulate(materialFor(spec), changed)
      expect(secret).toHaveLength(32)
      expect(equal(secret, sharedKey)).toBe(false)
      expect(equal(await hsm.decapsulate(materialFor(spec), changed), secret)).toBe(true)
    },
  )

  it('refuses a ciphertext of another length', async () => {
    for (const length of [0, 767, 769, 1088]) {
      await refused(hsm.decapsulate(materialFor('ML_KEM_512'), new Uint8Array(length)), InvalidCiphertextException, '')
    }
  })
})

describe('binding', () => {
  const use: Partial<Record<KeySpec, (material: Material) => Promise<unknown>>> = {
    SYMMETRIC_DEFAULT: (material) => hsm.encrypt(material, utf8('x'), {}),
    HMAC_256: (material) => hsm.generateMac(material, utf8('x')),
    ML_KEM_768: (material) => hsm.decapsulate(material, new Uint8Array(1088)),
    RSA_2048: (material) => hsm.decryptAsymmetric(material, 'RSAES_OAEP_SHA_256', new Uint8Array(256)),
    ...Object.fromEntries(
      (['ECC_NIST_P256', 'ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519', 'ML_DSA_44', 'RSA_3072'] as const).map((spec) => [
        spec,
        (material: Material) => hsm.sign(material, algorithmsOf(spec, 'SIGN_VERIFY').at(-1) ?? '', 'RAW', utf8('x')),
      ]),
    ),
  }

  it.each(Object.keys(use) as KeySpec[])('opens no blob of another spec as %s', async (spec) => {
    for (const other of specs.filter((one) => one !== spec)) {
      const moved = { ...materialFor(spec), wrapped: materialFor(other).wrapped }
      await refused(use[spec]?.(moved) ?? Promise.resolve(), KeyUnavailableException, '')
    }
  })

  it('opens no sealed blob of another owner, warm or cold', async () => {
    const material = materialFor('ECC_NIST_EDWARDS25519')
    const sign = (one: Material) => hsm.sign(one, 'ED25519_SHA_512', 'RAW', utf8('x'))
    await sign(material)
    for (const change of [{ account: '111111111111' }, { keyId: 'another' }, { id: 'ee'.repeat(32) }]) {
      await refused(sign({ ...material, ...change }), KeyUnavailableException, '')
    }
  })

  it('uses no sealed body but its own, even beside a right binding that is warm', async () => {
    const material = materialFor('ECC_NIST_EDWARDS25519')
    const other = await generated(hsm, 'ECC_NIST_EDWARDS25519')
    const sign = (one: Material) => hsm.sign(one, 'ED25519_SHA_512', 'RAW', utf8('x'))
    await sign(material)
    const forged = { ...material, wrapped: { ...material.wrapped, blob: other.wrapped.blob } }
    await refused(sign(forged), KMSInternalException, '')
    expect(await sign(material)).toHaveLength(64)
  })
})

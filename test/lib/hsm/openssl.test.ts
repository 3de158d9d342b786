/**
 * OpenSSL's command line on the one side, the token and lib/crypto on the other, both ways: what the one makes, the other
 * takes. An algorithm that this OpenSSL lacks is said to be lacking, and that it is, is what is tested.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hex } from '../../../lib/bytes.ts'
import { peerPoint } from '../../../lib/crypto/agreement.ts'
import { encapsulateTo } from '../../../lib/crypto/encapsulation.ts'
import { encryptOaep } from '../../../lib/crypto/rsa.ts'
import { isSignature } from '../../../lib/crypto/signing.ts'
import { algorithmsOf, type KeySpec, keySpecs } from '../../../lib/crypto/specs.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import type { Material } from '../../../lib/keys/key.ts'
import { generated, importMaterial, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'

let hsm: OpenHsm
let folder: string
beforeAll(async () => {
  hsm = await openTestHsm()
  folder = mkdtempSync(join(tmpdir(), 'keystead-openssl-'))
})
afterAll(() => {
  hsm.close()
  rmSync(folder, { recursive: true })
})

const openssl = (...args: readonly string[]): Buffer =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
let files = 0
const path = (): string => join(folder, `${files++}`)
const file = (bytes: Uint8Array): string => {
  const name = path()
  writeFileSync(name, bytes)
  return name
}
const spkiOf = ({ publicKey }: Material): Uint8Array => publicKey ?? new Uint8Array()
const publicKeyArgs = (spki: Uint8Array) => ['-pubin', '-keyform', 'DER', '-inkey', file(spki)]

/** A key that OpenSSL makes: the file of its private half, and the public one. */
function opensslKey(...args: readonly string[]): { readonly key: string; readonly spki: Uint8Array } {
  const key = path()
  openssl('genpkey', ...args, '-out', key)
  return { key, spki: new Uint8Array(openssl('pkey', '-in', key, '-pubout', '-outform', 'DER')) }
}

const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`]
const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`]
/** How OpenSSL makes a key of each spec. */
const making: Readonly<Partial<Record<KeySpec, readonly string[]>>> = {
  RSA_2048: rsa(2048),
  RSA_3072: rsa(3072),
  RSA_4096: rsa(4096),
  ECC_NIST_P256: curve('P-256'),
  ECC_NIST_P384: curve('P-384'),
  ECC_NIST_P521: curve('P-521'),
  ECC_SECG_P256K1: curve('secp256k1'),
  ECC_NIST_EDWARDS25519: ['-algorithm', 'ED25519'],
  SM2: ['-algorithm', 'SM2'],
  ML_DSA_44: ['-algorithm', 'ML-DSA-44'],
  ML_DSA_65: ['-algorithm', 'ML-DSA-65'],
  ML_DSA_87: ['-algorithm', 'ML-DSA-87'],
  ML_KEM_512: ['-algorithm', 'ML-KEM-512'],
  ML_KEM_768: ['-algorithm', 'ML-KEM-768'],
  ML_KEM_1024: ['-algorithm', 'ML-KEM-1024'],
}
const specs = Object.keys(making) as KeySpec[]
const has = (spec: KeySpec): boolean => spawnSync('openssl', ['genpkey', ...(making[spec] ?? [])]).status === 0
const lacking = specs.filter((spec) => !has(spec))
const having = (usage: Parameters<typeof algorithmsOf>[1]) =>
  specs.flatMap((spec) => algorithmsOf(spec, usage).map((algorithm) => ({ spec, algorithm })))

it(`every asymmetric spec is crossed but those that this OpenSSL lacks: ${lacking.join(', ') || 'none'}`, () => {
  expect(specs).toEqual(Object.keys(keySpecs).filter((spec) => keySpecs[spec as KeySpec].family === 'asymmetric'))
  expect(lacking.filter((spec) => !spec.startsWith('ML_'))).toEqual([])
  const version = openssl('version').toString()
  if (/^OpenSSL 3\.[5-9]/.test(version)) expect(lacking).toEqual([])
})

/** Ed25519ph is not to be had from `openssl pkeyutl` before 3.5: RFC 8032's vectors are its test (ed25519ph.test.ts). */
const signings = having('SIGN_VERIFY').filter(
  ({ spec, algorithm }) => !lacking.includes(spec) && algorithm !== 'ED25519_PH_SHA_512',
)

describe.each(signings)('$algorithm with $spec', ({ spec, algorithm }) => {
  const hash = /SHA_(\d+)$/.exec(algorithm)?.[1]
  const pss = ['rsa_padding_mode:pss', 'rsa_pss_saltlen:digest', `rsa_mgf1_md:sha${hash}`]
  const how = [
    ...(/^(?:RSA|ECDSA)/.test(algorithm) ? ['-digest', `sha${hash}`] : []),
    ...(algorithm === 'SM2DSA' ? ['-digest', 'sm3', '-pkeyopt', 'distid:1234567812345678'] : []),
    ...(algorithm.includes('PSS') ? pss.flatMap((option) => ['-pkeyopt', option]) : []),
  ]
  const message = randomBytes(1000)

  it('OpenSSL verifies what the HSM signs', async () => {
    const material = await generated(hsm, spec)
    const signature = file(await hsm.sign(material, algorithm, 'RAW', message))
    const of = (text: Uint8Array) => ['-sigfile', signature, '-in', file(text)]
    const verifying = ['pkeyutl', '-verify', '-rawin', ...how, ...publicKeyArgs(spkiOf(material))]
    expect(openssl(...verifying, ...of(message)).toString()).toContain('Signature Verified Successfully')
    expect(spawnSync('openssl', [...verifying, ...of(randomBytes(1000))]).status).not.toBe(0)
  }, 30_000)

  it('what OpenSSL signs is verified, as a message and as its digest', () => {
    const { key, spki } = opensslKey(...(making[spec] ?? []))
    const signature = new Uint8Array(openssl('pkeyutl', '-sign', '-rawin', ...how, '-inkey', key, '-in', file(message)))
    expect(isSignature(algorithm, 'RAW', spki, message, signature)).toBe(true)
    expect(isSignature(algorithm, 'RAW', spki, randomBytes(1000), signature)).toBe(false)
    if (!/^(?:RSA|ECDSA)/.test(algorithm)) return
    const digest = createHash(`sha${hash}`).update(message).digest()
    expect(isSignature(algorithm, 'DIGEST', spki, digest, signature)).toBe(true)
    expect(isSignature(algorithm, 'DIGEST', spki, digest.reverse(), signature)).toBe(false)
  }, 30_000)
})

describe.each(having('ENCRYPT_DECRYPT'))('$algorithm with $spec', ({ spec, algorithm }) => {
  const hash = algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256'
  const how = ['rsa_padding_mode:oaep', `rsa_oaep_md:${hash}`, `rsa_mgf1_md:${hash}`].flatMap((each) => [
    '-pkeyopt',
    each,
  ])

  it('the HSM decrypts what OpenSSL encrypts, and OpenSSL what is encrypted here', async () => {
    const plaintext = randomBytes(100)
    const material = await generated(hsm, spec)
    const sealed = openssl('pkeyutl', '-encrypt', ...how, ...publicKeyArgs(spkiOf(material)), '-in', file(plaintext))
    expect(hex(await hsm.decryptAsymmetric(material, algorithm, new Uint8Array(sealed)))).toBe(hex(plaintext))

    const { key, spki } = opensslKey(...(making[spec] ?? []))
    const ours = file(encryptOaep(spki, spec, algorithm, plaintext))
    expect(hex(openssl('pkeyutl', '-decrypt', ...how, '-inkey', key, '-in', ours))).toBe(hex(plaintext))
  }, 30_000)
})

describe.each(having('KEY_AGREEMENT'))('$algorithm with $spec', ({ spec }) => {
  it('OpenSSL and the HSM agree on a secret', async () => {
    const material = await generated(hsm, spec)
    const { key, spki } = opensslKey(...(making[spec] ?? []))
    const peer = ['-peerform', 'DER', '-peerkey', file(spkiOf(material))]
    const theirs = openssl('pkeyutl', '-derive', '-inkey', key, ...peer)
    expect(hex(await hsm.deriveSharedSecret(material, peerPoint(spki, spec)))).toBe(hex(theirs))
  })
})

const encapsulations = having('ENCAPSULATE_DECAPSULATE').filter(({ spec }) => !lacking.includes(spec))
if (encapsulations.length > 0) {
  describe.each(encapsulations)('$algorithm with $spec', ({ spec }) => {
    it('each opens the secret that the other encapsulates', async () => {
      const material = await generated(hsm, spec)
      const secret = path()
      const capsule = path()
      openssl('pkeyutl', '-encap', ...publicKeyArgs(spkiOf(material)), '-out', capsule, '-secret', secret)
      const opened = await hsm.decapsulate(material, new Uint8Array(readFileSync(capsule)))
      expect(hex(opened)).toBe(hex(readFileSync(secret)))

      const { key, spki } = opensslKey(...(making[spec] ?? []))
      const ours = encapsulateTo(spki)
      openssl('pkeyutl', '-decap', '-inkey', key, '-in', file(ours.ciphertext), '-secret', secret)
      expect(hex(readFileSync(secret))).toBe(hex(ours.secret))
    })
  })
}

describe.each([224, 256, 384, 512])('HMAC_%i', (bits) => {
  it('OpenSSL makes the same MAC under the same key', async () => {
    const [key, message] = [randomBytes(bits / 8), randomBytes(4096)]
    const owner = materialOwner({ spec: `HMAC_${bits}` })
    const mac = await hsm.generateMac(materialOf(owner, importMaterial(owner, key)), message)
    const options = ['-digest', `sha${bits}`, '-macopt', `hexkey:${hex(key)}`, '-in', file(message), '-binary']
    expect(hex(mac)).toBe(hex(openssl('mac', ...options, 'HMAC')))
  })
})

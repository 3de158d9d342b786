/** Project Wycheproof's private keys, in the token: taken in as a caller's would be, where callers can bring such. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hex } from '../../../lib/bytes.ts'
import { peerPoint } from '../../../lib/crypto/agreement.ts'
import { curves } from '../../../lib/crypto/curves.ts'
import { demandCapsule } from '../../../lib/crypto/encapsulation.ts'
import type { KeySpec } from '../../../lib/crypto/specs.ts'
import { InvalidCiphertextException, ValidationException } from '../../../lib/errors.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { unwrapped } from '../../../lib/hsm/import-formats.ts'
import { decapsulated, seedKinds } from '../../../lib/hsm/seeds.ts'
import type { Material } from '../../../lib/keys/key.ts'
import { wrapFor } from '../../harness/import.ts'
import { importEc, importMaterial, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'
import { wycheproof } from '../../harness/wycheproof.ts'

let hsm: OpenHsm
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())

const outcomeOf = (promise: Promise<Uint8Array>): Promise<string> =>
  promise.then(hex, (error: unknown) => (error instanceof InvalidCiphertextException ? 'invalid' : String(error)))

/** By GetParametersForImport and ImportKeyMaterial, from the point of view of the HSM. */
async function importRsa(spec: KeySpec, pkcs8: Uint8Array): Promise<Material> {
  const { id, account } = materialOwner()
  const owner = { purpose: 'import-key', account, id, materialId: 'for the test', spec: 'RSA_4096' } as const
  const { wrapped, publicKey = new Uint8Array() } = await hsm.generate(owner)
  const algorithm = 'RSA_AES_KEY_WRAP_SHA_256'
  const encrypted = Buffer.from(wrapFor(Buffer.from(publicKey).toString('base64'), algorithm, pkcs8), 'base64')
  const importKey = { owner, wrapped }
  const taken = await hsm.importMaterial({ importKey, algorithm, encrypted, target: { account, id, spec } })
  return { ...materialOf(materialOwner({ spec, materialId: taken.materialId }), taken.wrapped), ...taken }
}

describe.each(wycheproof('oaep'))('%s', (_, groups) => {
  it('opens what Wycheproof opens, and no other ciphertext, under an imported key', async () => {
    for (const { spec, algorithm, bytes, cases } of groups) {
      const material = await importRsa(spec as KeySpec, bytes('privateKeyPkcs8'))
      for (const { id, result, bytes: of } of cases) {
        // AWS has no labels: a ciphertext with one is another's.
        const expected = result === 'valid' && of('label').length === 0 ? hex(of('msg')) : 'invalid'
        const outcome = await outcomeOf(hsm.decryptAsymmetric(material, algorithm, of('ct')))
        expect([id, outcome]).toEqual([id, expected])
      }
    }
  }, 60_000)
})

describe.each(wycheproof('mac'))('%s', (_, groups) => {
  it('makes Wycheproof’s MACs in the token, and none that it calls wrong', async () => {
    let made = 0
    for (const { spec, cases } of groups) {
      const owner = materialOwner({ spec })
      for (const { id, result, bytes: of } of cases) {
        if (of('msg').length === 0) continue
        const mac = await hsm.generateMac(materialOf(owner, importMaterial(owner, of('key'))), of('msg'))
        expect([id, hex(mac) === hex(of('tag'))]).toEqual([id, result === 'valid'])
        made++
      }
    }
    expect(made).toBeGreaterThan(4)
  })
})

describe.each(wycheproof('ecdh'))('%s', (_, groups) => {
  it('agrees on Wycheproof’s secrets, and takes no public key but a point of the curve, written in one way', async () => {
    let agreed = 0
    for (const { spec, cases } of groups) {
      const { oid, bytes } = curves[spec as keyof typeof curves]
      const owner = materialOwner({ spec })
      for (const { id, result, bytes: of } of cases) {
        const agree = async () => {
          const peer = peerPoint(of('public'), spec as KeySpec)
          const number = BigInt(`0x${hex(of('private'))}`).toString(16)
          const d = Buffer.from(number.padStart(2 * bytes, '0'), 'hex')
          return hsm.deriveSharedSecret(materialOf(owner, importEc(owner, oid, d)), peer)
        }
        const secret = await agree().catch((error: unknown) => {
          if (!(error instanceof ValidationException)) throw error
          return undefined
        })
        if (result === 'valid') expect([id, secret && hex(secret)]).toEqual([id, hex(of('shared'))])
        if (result === 'invalid') expect([id, secret]).toEqual([id, undefined])
        // What Wycheproof leaves open (another way to write the key) is refused, or gives the right secret.
        if (secret) {
          expect([id, hex(secret)]).toEqual([id, hex(of('shared'))])
          agreed++
        }
      }
    }
    expect(agreed).toBeGreaterThan(8)
  })
})

describe.each(wycheproof('decapsulate'))('%s', (_, groups) => {
  it('opens Wycheproof’s ciphertexts to its secrets, and refuses other lengths', () => {
    for (const { spec, cases } of groups) {
      const kind = seedKinds[spec as keyof typeof seedKinds]
      for (const { id, result, bytes: of } of cases) {
        const open = () => {
          demandCapsule(spec, of('c'))
          return hex(decapsulated(kind, of('seed'), of('c')))
        }
        if (result === 'valid') expect([id, open()]).toEqual([id, hex(of('K'))])
        else expect(open, `${id}`).toThrow(InvalidCiphertextException)
      }
    }
  })
})

describe.each(wycheproof('kwp'))('%s', (_, groups) => {
  it('opens what Wycheproof opens, and nothing else', () => {
    for (const { cases } of groups) {
      for (const { id, result, bytes: of } of cases) {
        const open = () => hex(unwrapped(of('key'), of('ct')))
        if (result === 'valid') expect([id, open()]).toEqual([id, hex(of('msg'))])
        if (result === 'invalid') expect(open, `${id}`).toThrow(InvalidCiphertextException)
      }
    }
  })
})

import {
  constants,
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto'
import { concat, fromHex } from '../../lib/bytes.ts'
import { curves } from '../../lib/crypto/curves.ts'
import type { WrappingAlgorithmName } from '../../lib/crypto/import-wrapping.ts'
import { isImportable, type KeySpec } from '../../lib/crypto/specs.ts'
import { KmsError } from '../../lib/errors.ts'
import type { Hsm, ImportedKey, Owner } from '../../lib/ports.ts'
import type { SeedFile } from './file.ts'
import type { GivenMaterial } from './format.ts'

type Fail = SeedFile['fail']

const secretBytes: Readonly<Partial<Record<KeySpec, number>>> = {
  SYMMETRIC_DEFAULT: 32,
  HMAC_224: 28,
  HMAC_256: 32,
  HMAC_384: 48,
  HMAC_512: 64,
}

/** @throws SeedError */
export function privateKeyIn({ path, text }: GivenMaterial, fail: Fail): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    // OpenSSL's own words say nothing to a reader, and might say too much.
    return fail(path, 'must be a private key in PEM without a password')
  }
}

/** The spec of a key pair; undefined where there is none for it. */
export function specOf(key: KeyObject): string | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return `RSA_${modulusLength}`
  if (key.asymmetricKeyType === 'ed25519') return 'ECC_NIST_EDWARDS25519'
  return Object.entries(curves).find(([, { name }]) => name === namedCurve)?.[0]
}

/** The bytes that ImportKeyMaterial takes. The caller wipes them. @throws SeedError */
function bytesOf(spec: KeySpec, given: GivenMaterial, fail: Fail): Uint8Array {
  const length = secretBytes[spec]
  if (length !== undefined) {
    const isHex = given.text.length === 2 * length && /^[0-9a-f]*$/i.test(given.text)
    return isHex ? fromHex(given.text) : fail(given.path, `must be ${2 * length} hexadecimal digits (${spec})`)
  }
  if (!isImportable(spec)) return fail(given.path, `cannot be given: keys of ${spec} have no import`)
  const key = privateKeyIn(given, fail)
  if (specOf(key) !== spec) return fail(given.path, `must be a private key of ${spec}`)
  return key.export({ format: 'der', type: 'pkcs8' })
}

/** As any other that brings key material: wrapped for a key of the HSM, which opens and keeps it. */
export interface Importer {
  take(target: Pick<Owner, 'account' | 'id'> & { spec: KeySpec }, given: GivenMaterial): Promise<ImportedKey>
}

const kwpIv = fromHex('a65959a6')

/** One import key serves a whole file: it is made when the first material comes, and kept nowhere. */
export function importer(hsm: Hsm, account: string, fail: Fail): Importer {
  const owner: Owner = { purpose: 'import-key', account, id: 'seed', materialId: 'seed', spec: 'RSA_2048' }
  let made: ReturnType<Hsm['generate']> | undefined

  async function send(target: Pick<Owner, 'account' | 'id' | 'spec'>, material: Uint8Array, isSecret: boolean) {
    made ??= hsm.generate(owner)
    const { wrapped, publicKey } = await made
    if (!publicKey) throw new Error('INVARIANT: import keys are key pairs')
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' })
    const sealed = (bytes: Uint8Array) =>
      publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, bytes)
    const imported = (algorithm: WrappingAlgorithmName, encrypted: Uint8Array) =>
      hsm.importMaterial({ importKey: { owner, wrapped }, algorithm, encrypted, target })
    if (isSecret) return imported('RSAES_OAEP_SHA_1', sealed(material))
    const ephemeral = await hsm.random(32)
    try {
      const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, kwpIv)
      const encrypted = concat(sealed(ephemeral), cipher.update(material), cipher.final())
      return await imported('RSA_AES_KEY_WRAP_SHA_1', encrypted)
    } finally {
      ephemeral.fill(0)
    }
  }

  return {
    async take({ account, id, spec }, given) {
      const material = bytesOf(spec, given, fail)
      try {
        return await send({ account, id, spec }, material, secretBytes[spec] !== undefined)
      } catch (error) {
        if (!(error instanceof KmsError) || error.fault === 'server') throw error
        return fail(given.path, `is refused by the HSM (${error.name}${error.message && `: ${error.message}`})`)
      } finally {
        material.fill(0)
      }
    },
  }
}

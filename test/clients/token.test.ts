/**
 * A token that is not SoftHSM, from provisioning to each spec, through AWS's SDK: Kryoptic, built here by Cargo, or yours
 * with KEYSTEAD_TEST_HSM_MODULE, KEYSTEAD_TEST_HSM_LABEL and KEYSTEAD_TEST_HSM_PIN, initialised by its maker's tool.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CreateKeyCommand,
  DecryptCommand,
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateMacCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
  InvalidCiphertextException,
  type KeyMetadata,
  type KeySpec,
  type KeyUsageType,
  KMSClient,
  SignCommand,
  UnsupportedOperationException,
  VerifyCommand,
  VerifyMacCommand,
} from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wrapFor } from '../harness/import.ts'
import { cleanEnv, type RunningServer, startServer } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'keystead-token-'))
const manifest = `[package]\nname = "module"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]
kryoptic = { version = "=1.5.4", default-features = false, features = ["minimal"] }
kryoptic-lib = { version = "=1.5.4", default-features = false, features = ["dynamic"] }\n`
const succeeds = (program: string, args: readonly string[], cwd = folder): boolean =>
  spawnSync(program, args, { cwd, stdio: 'ignore' }).status === 0

interface Place {
  readonly module: string
  readonly label: string
  readonly pin: string
  readonly env: Readonly<Record<string, string>>
}

/** The module and a token on it; undefined where the module cannot be built. */
function kryoptic(): Place | undefined {
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src/lib.rs'), '')
  writeFileSync(join(folder, 'Cargo.toml'), manifest)
  if (!succeeds('cargo', ['build', '--quiet', '--release', '--package', 'kryoptic'])) return undefined
  const module = join(folder, 'target/release/libkryoptic_pkcs11.so')
  const config = join(folder, 'kryoptic.conf')
  writeFileSync(config, `[[slots]]\nslot = 0\ndbtype = "sqlite"\ndbargs = "${folder}/token.sql"\n`)
  const pin = randomBytes(16).toString('hex')
  process.env.KRYOPTIC_CONF = config
  const officer = ['--so-pin', randomBytes(16).toString('hex')]
  const tool = (...args: readonly string[]) => succeeds('pkcs11-tool', ['--module', module, '--slot', '0', ...args])
  const made =
    tool('--init-token', '--label', 'keystead', ...officer) &&
    tool('--login', '--login-type', 'so', ...officer, '--init-pin', '--pin', pin)
  return made ? { module, label: 'keystead', pin, env: { KRYOPTIC_CONF: config } } : undefined
}

const {
  KEYSTEAD_TEST_HSM_MODULE: given,
  KEYSTEAD_TEST_HSM_LABEL: label = 'keystead',
  KEYSTEAD_TEST_HSM_PIN: pin = '',
} = process.env
const token = given === undefined ? kryoptic() : { module: given, label, pin, env: {} }

const home = join(folder, 'home')
const settings = {
  KEYSTEAD_HOME: home,
  KEYSTEAD_HSM_MODULE: token?.module ?? '',
  KEYSTEAD_HSM_PROFILE: 'generic',
  KEYSTEAD_HSM_TOKEN_LABEL: token?.label ?? '',
  KEYSTEAD_HSM_PIN: token?.pin ?? '',
  ...token?.env,
}
const provision = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ['scripts/provision.ts', ...args], {
    cwd: root,
    env: cleanEnv(settings),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

const why = token ? '' : '(stood aside: Kryoptic needs cargo, clang, pkcs11-tool and the headers of OpenSSL and SQLite)'
describe.skipIf(!token)(`another maker's token ${why}`, () => {
  let server: RunningServer
  let kms: KMSClient
  const start = async () => {
    server = await startServer('local', { home, env: settings })
    const { url: endpoint, credentials } = server
    kms = new KMSClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })
  }
  const stop = async () => {
    kms.destroy()
    expect(await server.stop()).toBe(0)
  }

  beforeAll(async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
    const pem = join(folder, 'escrow.pem')
    writeFileSync(pem, publicKey.export({ type: 'spki', format: 'pem' }))
    if (given === undefined) {
      const said = provision('--escrow', pem)
      expect(said).toContain(`Provisioned: token keystead of ${token?.module}\n`)
      const { keys } = JSON.parse(readFileSync(join(home, 'hsm/escrow.json'), 'utf8'))
      expect(Object.keys(keys)).toHaveLength(4)
      for (const sent of Object.values<string>(keys)) {
        expect(privateDecrypt({ key: privateKey, oaepHash: 'sha1' }, Buffer.from(sent, 'hex'))).toHaveLength(32)
      }
    }
    expect(provision()).toMatch(given === undefined ? /^Already provisioned: / : /rovisioned: /)
    await start()
  })
  afterAll(async () => {
    if (server) await stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const key = async (KeySpec: KeySpec, KeyUsage: KeyUsageType): Promise<Partial<KeyMetadata>> =>
    (await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata ?? {}
  const Message = Buffer.from('hello')

  /** Opens what it sealed, refuses it when damaged, and opens it again: the login stands. */
  async function opens(
    KeyId = '',
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' | 'RSAES_OAEP_SHA_1' | 'RSAES_OAEP_SHA_256',
  ) {
    const { CiphertextBlob = new Uint8Array() } = await kms.send(
      new EncryptCommand({ KeyId, Plaintext: Message, EncryptionAlgorithm }),
    )
    const damaged = CiphertextBlob.map((byte, at) => (at === CiphertextBlob.length - 1 ? byte ^ 1 : byte))
    const opened = () => kms.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm }))
    expect(Buffer.from((await opened()).Plaintext ?? []).toString()).toBe('hello')
    const refused = kms.send(new DecryptCommand({ KeyId, CiphertextBlob: damaged, EncryptionAlgorithm }))
    await expect(refused).rejects.toThrow(InvalidCiphertextException)
    expect(Buffer.from((await opened()).Plaintext ?? []).toString()).toBe('hello')
    return CiphertextBlob
  }

  test.each(['SYMMETRIC_DEFAULT', 'RSA_2048', 'RSA_3072', 'RSA_4096'] as const)('encrypts with %s', async (spec) => {
    const { KeyId, EncryptionAlgorithms = [] } = await key(spec, 'ENCRYPT_DECRYPT')
    expect(EncryptionAlgorithms).not.toEqual([])
    for (const each of EncryptionAlgorithms) await opens(KeyId, each as 'RSAES_OAEP_SHA_1')
  })

  const signing = [
    'RSA_2048',
    'RSA_4096',
    'ECC_NIST_P256',
    'ECC_NIST_P384',
    'ECC_NIST_P521',
    'ECC_SECG_P256K1',
    'ML_DSA_65',
  ]
  test.each([...signing, 'ECC_NIST_EDWARDS25519'] as KeySpec[])(
    'signs with %s, or says that it has no such keys',
    async (spec) => {
      const made = await key(spec, 'SIGN_VERIFY').catch((error: unknown) => error)
      if (made instanceof Error) {
        expect(made).toBeInstanceOf(UnsupportedOperationException)
        expect(made.message).toBe(`The HSM makes no keys of spec ${spec}.`)
        return
      }
      const { KeyId, SigningAlgorithms = [] } = made as Partial<KeyMetadata>
      expect(SigningAlgorithms).not.toEqual([])
      for (const SigningAlgorithm of SigningAlgorithms.filter((each) => !each.includes('_PH_'))) {
        const { Signature } = await kms.send(new SignCommand({ KeyId, Message, SigningAlgorithm }))
        const { SignatureValid } = await kms.send(new VerifyCommand({ KeyId, Message, Signature, SigningAlgorithm }))
        expect(SignatureValid).toBe(true)
      }
    },
  )

  test.each(['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512'] as const)('makes MACs with %s', async (spec) => {
    const { KeyId, MacAlgorithms: [MacAlgorithm] = [] } = await key(spec, 'GENERATE_VERIFY_MAC')
    const { Mac } = await kms.send(new GenerateMacCommand({ KeyId, Message, MacAlgorithm }))
    expect((await kms.send(new VerifyMacCommand({ KeyId, Message, Mac, MacAlgorithm }))).MacValid).toBe(true)
  })

  test.each([
    ['ECC_NIST_P256', 'P-256'],
    ['ECC_NIST_P521', 'P-521'],
  ] as const)('agrees on a secret with %s', async (spec, namedCurve) => {
    const { KeyId } = await key(spec, 'KEY_AGREEMENT')
    const PublicKey = generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'der' })
    const agreed = await kms.send(new DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey }))
    expect(agreed.SharedSecret).toHaveLength(namedCurve === 'P-256' ? 32 : 66)
  })

  const pkcs8 = () =>
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'der' })
  test.each([
    ['RSAES_OAEP_SHA_1', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', () => randomBytes(32)],
    ['RSAES_OAEP_SHA_256', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', () => randomBytes(32)],
    ['RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048', 'ENCRYPT_DECRYPT', pkcs8],
    ['RSA_AES_KEY_WRAP_SHA_256', 'RSA_2048', 'ENCRYPT_DECRYPT', pkcs8],
  ] as const)(
    'takes in what is wrapped by %s, and refuses it when damaged',
    async (algorithm, KeySpec, KeyUsage, make) => {
      const create = new CreateKeyCommand({ Origin: 'EXTERNAL', KeySpec, KeyUsage })
      const made: Partial<KeyMetadata> = (await kms.send(create)).KeyMetadata ?? {}
      const { KeyId, EncryptionAlgorithms = [] } = made
      const { PublicKey = new Uint8Array(), ImportToken } = await kms.send(
        new GetParametersForImportCommand({ KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: 'RSA_4096' }),
      )
      const good = Buffer.from(wrapFor(Buffer.from(PublicKey).toString('base64'), algorithm, make()), 'base64')
      const bad = good.map((byte, at) => (at === 9 ? byte ^ 1 : byte))
      const take = (EncryptedKeyMaterial: Uint8Array) =>
        kms.send(
          new ImportKeyMaterialCommand({
            KeyId,
            ImportToken,
            EncryptedKeyMaterial,
            ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
          }),
        )
      await expect(take(bad)).rejects.toThrow(InvalidCiphertextException)
      await take(good)
      await opens(KeyId, EncryptionAlgorithms[0] as 'SYMMETRIC_DEFAULT')
    },
  )

  test('opens after a restart what it sealed before', async () => {
    const { KeyId } = await key('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT')
    const CiphertextBlob = await opens(KeyId, 'SYMMETRIC_DEFAULT')
    await stop()
    await start()
    const { Plaintext = new Uint8Array() } = await kms.send(new DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(Plaintext).toString()).toBe('hello')
  })
})

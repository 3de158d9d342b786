/**
 * The drill of docs/recovery.md: a deployment is destroyed, token and store, and restored from two of three shares and a
 * backup. The commands are those of the document, word for word, and all of them.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AttachUserPolicyCommand, CreateAccessKeyCommand, CreateUserCommand, IAMClient } from '@aws-sdk/client-iam'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { wrapFor } from '../harness/import.ts'
import { cleanEnv, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const documented = Array.from(
  readFileSync(join(root, 'docs/recovery.md'), 'utf8').matchAll(/^npm run (.+)$/gm),
  ([, command = '']) => command,
)
const drilled = new Set<string>()

const desk = newHome()
const home = join(desk, 'home')
// The drill is of one machine, its embedded store included, whatever the other tests run on.
const env = { KEYSTEAD_HOME: home, KEYSTEAD_STORE: 'embedded' }
const at = (...names: readonly string[]): string => join(desk, ...names)

/** Runs a command, where the custodians' secrets lie in a directory. */
function ran(command: string): SpawnSyncReturns<string> {
  const [script = '', , ...args] = command.split(' ')
  const secrets = args.includes('--custodian') || args.includes('--share') ? ['--secrets', at('secrets')] : []
  return spawnSync(process.execPath, [join(root, 'scripts', `${script}.ts`), ...args, ...secrets], {
    cwd: desk,
    env: cleanEnv(env),
    encoding: 'utf8',
  })
}
/** A command of the document. */
function step(command: string): string {
  expect(documented).toContain(command)
  const { status, stdout, stderr } = ran(command)
  expect([status, stderr]).toEqual([0, ''])
  drilled.add(command)
  return stdout
}
const refused = (command: string): string => {
  const { status, stderr } = ran(command)
  expect(status).toBe(1)
  return stderr
}
const changed = (file: string, change: (content: string) => string): (() => void) => {
  const before = readFileSync(at(file), 'utf8')
  writeFileSync(at(file), change(before))
  return () => writeFileSync(at(file), before)
}

let server: RunningServer | undefined
let rootUser: RunningServer['credentials']
let user: RunningServer['credentials']
/** Of all that was made. */
const later: Trial[] = []
const start = async (): Promise<RunningServer> => {
  server = await startServer('local', { home, env })
  return server
}
const clientOf = ({ url }: RunningServer, credentials: RunningServer['credentials']) =>
  new kms.KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })

beforeAll(() => {
  mkdirSync(at('secrets'))
  for (const name of ['alice', 'bob', 'dave']) writeFileSync(at('secrets', name), `six random words of ${name}`)
  const carol = generateKeyPairSync('rsa', { modulusLength: 3072 })
  writeFileSync(at('carol.pem'), carol.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(at('secrets', 'carol'), carol.privateKey.export({ type: 'pkcs8', format: 'pem' }))
})
afterAll(async () => {
  await server?.stop('SIGKILL')
  removeHome(desk)
})

const message = Buffer.from('kept through the fire')

/** Each makes something with a key, and says how it is tried afterwards. */
type Trial = (client: kms.KMSClient) => Promise<void>
const trials = new Map<string, (client: kms.KMSClient) => Promise<Trial>>()

const createdKey = async (client: kms.KMSClient, input: kms.CreateKeyCommandInput): Promise<string> =>
  (await client.send(new kms.CreateKeyCommand(input))).KeyMetadata?.KeyId ?? ''

function encrypts(
  name: string,
  input: kms.CreateKeyCommandInput,
  EncryptionAlgorithm: kms.EncryptionAlgorithmSpec,
): void {
  trials.set(name, async (client) => {
    const KeyId = await createdKey(client, { KeyUsage: 'ENCRYPT_DECRYPT', ...input })
    const made = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: message, EncryptionAlgorithm }))
    return async (later) => {
      const { CiphertextBlob } = made
      const opened = await later.send(new kms.DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm }))
      expect(Buffer.from(opened.Plaintext ?? [])).toEqual(message)
    }
  })
}
function signs(KeySpec: kms.KeySpec, SigningAlgorithm: kms.SigningAlgorithmSpec): void {
  trials.set(KeySpec, async (client) => {
    const KeyId = await createdKey(client, { KeySpec, KeyUsage: 'SIGN_VERIFY' })
    const { Signature } = await client.send(new kms.SignCommand({ KeyId, Message: message, SigningAlgorithm }))
    return async (later) => {
      const again = await later.send(new kms.SignCommand({ KeyId, Message: message, SigningAlgorithm }))
      for (const each of [Signature, again.Signature]) {
        const input = { KeyId, Message: message, Signature: each, SigningAlgorithm }
        expect((await later.send(new kms.VerifyCommand(input))).SignatureValid).toBe(true)
      }
    }
  })
}
encrypts('SYMMETRIC_DEFAULT', {}, 'SYMMETRIC_DEFAULT')
encrypts('a multi-Region key', { MultiRegion: true }, 'SYMMETRIC_DEFAULT')
encrypts('RSA_2048', { KeySpec: 'RSA_2048' }, 'RSAES_OAEP_SHA_256')
signs('ECC_NIST_P256', 'ECDSA_SHA_256')
signs('ECC_NIST_EDWARDS25519', 'ED25519_SHA_512')
signs('ML_DSA_44', 'ML_DSA_SHAKE_256')
trials.set('HMAC_256', async (client) => {
  const KeyId = await createdKey(client, { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' })
  const input = { KeyId, Message: message, MacAlgorithm: 'HMAC_SHA_256' } as const
  const { Mac } = await client.send(new kms.GenerateMacCommand(input))
  return async (later) => {
    expect((await later.send(new kms.VerifyMacCommand({ ...input, Mac }))).MacValid).toBe(true)
  }
})
trials.set('a key that was rotated, disabled and named', async (client) => {
  const KeyId = await createdKey(client, { Description: 'named', Tags: [{ TagKey: 'team', TagValue: 'fire' }] })
  await client.send(new kms.CreateAliasCommand({ AliasName: 'alias/named', TargetKeyId: KeyId }))
  const blobs: (Uint8Array | undefined)[] = []
  for (const rotates of [true, false]) {
    blobs.push((await client.send(new kms.EncryptCommand({ KeyId, Plaintext: message }))).CiphertextBlob)
    if (rotates) await client.send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  }
  await client.send(new kms.DisableKeyCommand({ KeyId }))
  return async (later) => {
    const tags = await later.send(new kms.ListResourceTagsCommand({ KeyId }))
    expect(tags.Tags).toEqual([{ TagKey: 'team', TagValue: 'fire' }])
    const sealed = later.send(new kms.EncryptCommand({ KeyId: 'alias/named', Plaintext: message }))
    await expect(sealed).rejects.toMatchObject({ name: 'DisabledException' })
    await later.send(new kms.EnableKeyCommand({ KeyId }))
    for (const CiphertextBlob of blobs) {
      const { Plaintext } = await later.send(new kms.DecryptCommand({ CiphertextBlob }))
      expect(Buffer.from(Plaintext ?? [])).toEqual(message)
    }
    await later.send(new kms.DisableKeyCommand({ KeyId }))
  }
})

trials.set('an imported key', async (client) => {
  const KeyId = await createdKey(client, { Origin: 'EXTERNAL' })
  const WrappingAlgorithm = 'RSAES_OAEP_SHA_256'
  const { PublicKey = new Uint8Array(), ImportToken } = await client.send(
    new kms.GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' }),
  )
  const publicKey = Buffer.from(PublicKey).toString('base64')
  const EncryptedKeyMaterial = Buffer.from(wrapFor(publicKey, WrappingAlgorithm, Buffer.alloc(32, 7)), 'base64')
  const ExpirationModel = 'KEY_MATERIAL_DOES_NOT_EXPIRE'
  await client.send(new kms.ImportKeyMaterialCommand({ KeyId, ImportToken, EncryptedKeyMaterial, ExpirationModel }))
  const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId, Plaintext: message }))
  return async (later) => {
    const { Plaintext } = await later.send(new kms.DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(Plaintext ?? [])).toEqual(message)
  }
})
/** How many keys there are: one of each, and one of them twice. */
const kept = trials.size + 1

/** A user with an access key. */
async function newUser({ url, credentials }: RunningServer): Promise<RunningServer['credentials']> {
  const iam = new IAMClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })
  await iam.send(new CreateUserCommand({ UserName: 'erin' }))
  const PolicyArn = 'arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser'
  await iam.send(new AttachUserPolicyCommand({ UserName: 'erin', PolicyArn }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'erin' }))
  return { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
}

const restoreToken = 'ceremony -- restore --escrow escrow.json --share alice.share.json --share carol.share.json'
const restoreStore = 'restore -- --in backup.jsonl'
const takeBackup = 'backup -- --out backup.jsonl'

test('a deployment that was destroyed is restored from two of three shares and a backup, and opens all it ever made', async () => {
  step('ceremony -- create --threshold 2 --custodian alice --custodian bob --custodian carol=carol.pem --out ceremony')
  step('provision -- --escrow ceremony/escrow.pem')
  step('ceremony -- check --share ceremony/alice.share.json')

  const first = await start()
  rootUser = first.credentials
  const old = clientOf(first, rootUser)
  user = await newUser(first)
  for (const trial of trials.values()) later.push(await trial(old))
  expect(step('ceremony -- rotate --escrow ceremony/escrow.pem')).toContain('The token has the root regional-2.')
  expect(refused(takeBackup)).toMatch(
    /^keystead: The store in .* is open already: only one process at a time can use it\.\n$/,
  )
  await first.stop()
  const second = await start()
  for (const trial of later) await trial(clientOf(second, rootUser))
  const afterRotation = trials.get('SYMMETRIC_DEFAULT')
  if (afterRotation) later.push(await afterRotation(clientOf(second, rootUser)))
  await second.stop()
  expect(step(takeBackup)).toContain(`  key: ${kept}\n`)
  expect(refused(takeBackup)).toContain('is there already')
  expect(refused(restoreStore)).toContain('a backup is restored where there is none')

  // What is kept apart; the rest burns.
  copyFileSync(join(home, 'hsm', 'escrow.json'), at('escrow.json'))
  for (const name of ['alice', 'bob', 'carol'])
    copyFileSync(at('ceremony', `${name}.share.json`), at(`${name}.share.json`))
  rmSync(home, { recursive: true })

  // Two of three, and each of the two.
  const undo = [changed('secrets/alice', () => 'six random words of mallory')]
  expect(refused(restoreToken)).toBe('alice.share.json, the share of alice, does not open: the passphrase is wrong.\n')
  undo.pop()?.()
  undo.push(changed('carol.share.json', (share) => share.replace(/"locked": "../, '"locked": "??')))
  expect(refused(restoreToken)).toBe('carol.share.json, the share of carol, is corrupted.\n')
  undo.pop()?.()
  undo.push(changed('carol.share.json', () => readFileSync(at('alice.share.json'), 'utf8')))
  expect(refused(restoreToken)).toBe('carol.share.json is a share of alice, which was given already.\n')
  undo.pop()?.()
  expect(existsSync(join(home, 'hsm'))).toBe(false)

  step(restoreToken)
  undo.push(changed('backup.jsonl', (lines) => lines.replace('kms:*', 'iam:*')))
  expect(refused(restoreStore)).toMatch(/^keystead: The backup is corrupted: line \d+ is not as it was written/)
  undo.pop()?.()
  expect(existsSync(join(home, 'store'))).toBe(false)
  expect(step(restoreStore)).toContain(`  key: ${kept}\n`)

  const third = await opensAll()
  expect(third.credentials.accessKeyId).not.toBe(rootUser.accessKeyId)
  await third.stop()
}, 180_000)

/** A start at which everything opens, and everybody signs in. */
async function opensAll(): Promise<RunningServer> {
  const started = await start()
  for (const trial of later) await trial(clientOf(started, rootUser))
  const listed = await clientOf(started, user).send(new kms.ListKeysCommand({}))
  expect(listed.Keys).toHaveLength(kept)
  return started
}

const digests = (): number => readdirSync(join(home, 'audit', 'digests')).length
const rewrap = 'rewrap -- --escrow escrow.json --share alice.share.json --share carol.share.json'
const retire = 'ceremony -- retire-root regional-1 --yes'

test('what hangs from an old root is wrapped again by two of three custodians, and opens when that root is retired', async () => {
  const hanging = /regional-1: (\d+) access-key, (\d+) material/.exec(ran('rewrap -- --dry-run').stdout) ?? []
  expect(refused(retire)).toBe(
    `${hanging[1]} access-key, ${hanging[2]} material hang from regional-1: npm run rewrap.\n`,
  )
  expect(refused('rewrap -- --escrow escrow.json --share alice.share.json')).toBe(
    'keystead: 1 of the 2 shares that are needed were given.\n',
  )
  expect(ran(`${rewrap} --dry-run`).stdout).toContain(
    `Would be wrapped again from regional-1: ${hanging[1]} access-key, ${hanging[2]} material.`,
  )
  expect(refused(retire)).toContain('hang from regional-1')
  const said = step(rewrap)
  expect(said).toContain(`Wrapped again from regional-1: ${hanging[1]} access-key, ${hanging[2]} material.`)
  expect(said).toContain('0 left under regional-1.')
  expect(step(rewrap)).toContain('There is nothing to wrap again.')
  expect(refused('ceremony -- retire-root regional-2 --yes')).toContain('regional-2 is what is wrapped under now')
  expect(refused('ceremony -- retire-root regional-1')).toContain('There is no terminal to confirm it at: give --yes.')

  step(retire)
  const sealed = digests()
  expect(refused(retire)).toBe('The token has no root regional-1.\n')
  const started = await opensAll()
  await started.stop()
  expect(digests()).toBeGreaterThan(sealed)
  const verified = spawnSync(
    process.execPath,
    [join(root, 'scripts/audit-verify.ts'), join(home, 'audit'), '--key', join(home, 'audit', 'public-key.pem')],
    { encoding: 'utf8', env: cleanEnv() },
  )
  expect([verified.status, verified.stderr]).toEqual([0, ''])
}, 180_000)

test('a backup from before a root was retired opens with that root from escrow: in a restored token, or wrapped again', async () => {
  rmSync(join(home, 'store'), { recursive: true })
  step(restoreStore)
  const lost = await start()
  const [trial] = later
  await expect(trial?.(clientOf(lost, rootUser))).rejects.toMatchObject({ name: 'KeyUnavailableException' })
  await lost.stop()
  expect(step(rewrap)).toContain('0 left under regional-1.')
  await (await opensAll()).stop()

  rmSync(home, { recursive: true })
  step(restoreToken)
  step(restoreStore)
  await (await opensAll()).stop()
}, 180_000)

test('a backup opens under no other roots', async () => {
  rmSync(home, { recursive: true })
  step('provision -- --escrow ceremony/escrow.pem')
  expect(refused(restoreStore)).toContain('The backup was not sealed by a token with these roots')
})

test('every command of the document was run', () => {
  mkdirSync(at('successors'), { recursive: true })
  copyFileSync(at('ceremony', 'escrow.pem'), at('successors', 'escrow.pem'))
  step(
    'ceremony -- readdress --escrow escrow.json --share alice.share.json --share bob.share.json --to successors/escrow.pem --out new-escrow.json',
  )
  expect(documented.filter((command) => !drilled.has(command))).toEqual([])
})

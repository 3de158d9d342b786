/**
 * The drill of docs/recovery.md: a deployment is destroyed, token and store, and restored from two of three shares and a
 * backup. The commands are those of the document, word for word, and all of them.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AttachUserPolicyCommand, CreateAccessKeyCommand, CreateUserCommand, IAMClient } from '@aws-sdk/client-iam'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

/** Runs a command of the document, where the custodians' secrets lie in a directory. */
function ran(command: string): SpawnSyncReturns<string> {
  expect(documented).toContain(command)
  const [script = '', , ...args] = command.split(' ')
  const secrets = args.includes('--custodian') || args.includes('--share') ? ['--secrets', at('secrets')] : []
  return spawnSync(process.execPath, [join(root, 'scripts', `${script}.ts`), ...args, ...secrets], {
    cwd: desk,
    env: cleanEnv(env),
    encoding: 'utf8',
  })
}
function step(command: string): string {
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
  const old = clientOf(first, first.credentials)
  const user = await newUser(first)
  const later: Trial[] = []
  for (const trial of trials.values()) later.push(await trial(old))
  expect(step('ceremony -- rotate --escrow ceremony/escrow.pem')).toContain('The token has the root regional-2.')
  expect(refused(takeBackup)).toMatch(
    /^keystead: The store in .* is open already: only one process at a time can use it\.\n$/,
  )
  await first.stop()
  const second = await start()
  for (const trial of later) await trial(clientOf(second, first.credentials))
  const afterRotation = trials.get('SYMMETRIC_DEFAULT')
  if (afterRotation) later.push(await afterRotation(clientOf(second, first.credentials)))
  await second.stop()
  expect(step(takeBackup)).toMatch(/^ {2}key: 9\n/m)
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
  expect(step(restoreStore)).toMatch(/^ {2}key: 9\n/m)

  const third = await start()
  for (const trial of later) await trial(clientOf(third, first.credentials))
  const listed = await clientOf(third, user).send(new kms.ListKeysCommand({}))
  expect(listed.Keys).toHaveLength(9)
  expect(third.credentials.accessKeyId).not.toBe(first.credentials.accessKeyId)
  await third.stop()
})

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

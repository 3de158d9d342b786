/** The seed files of docs/seed.md, planted by a start as a user starts it, on a real token. */
import { spawnSync } from 'node:child_process'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateMacCommand,
  GetKeyRotationStatusCommand,
  GetPublicKeyCommand,
  KMSClient,
  ListKeysCommand,
  ListResourceTagsCommand,
  SignCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms'
import { afterEach, expect, inject, test } from 'vitest'
import { cleanEnv, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'

const page = readFileSync(new URL('../../docs/seed.md', import.meta.url), 'utf8')
function example(name: string): string {
  const [, text] = new RegExp(`<!-- ${name} -->\\n\`{3}yaml\\n([\\s\\S]*?)^\`{3}$`, 'm').exec(page) ?? []
  if (text === undefined) throw new Error(`docs/seed.md has no ${name}`)
  return text
}

const homes: string[] = []
const running: RunningServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop('SIGTERM')))
  for (const home of homes.splice(0)) removeHome(home)
})
function newSeed(text: string): { home: string; file: string } {
  const home = newHome()
  homes.push(home)
  const file = join(home, 'seed.yaml')
  writeFileSync(file, text)
  return { home, file }
}
async function start(home: string, file: string): Promise<{ server: RunningServer; client: KMSClient }> {
  const server = await startServer(inject('hostKind'), { home, env: { KEYSTEAD_SEED: file } })
  running.push(server)
  const { url: endpoint, credentials } = server
  return { server, client: new KMSClient({ endpoint, region: 'us-east-1', credentials, maxAttempts: 1 }) }
}
const idsIn = async (client: KMSClient) => (await client.send(new ListKeysCommand({}))).Keys?.map(({ KeyId }) => KeyId)

const ids = [1, 2, 3, 4].map((digit) => `${String(digit).repeat(8)}-2222-4333-8444-555555555555`)
const [payroll, versioned, hmac, pair] = ids

test('the example of the page makes its keys, and a second start finds them', async () => {
  const text = example('seed')
  const { home, file } = newSeed(text)
  const { server, client } = await start(home, file)
  expect(server.output()).toContain(`Seeded from ${file}: 6 made, 0 there already`)
  expect(await idsIn(client)).toEqual(ids)

  const tags = await client.send(new ListResourceTagsCommand({ KeyId: payroll }))
  expect(tags.Tags).toEqual([{ TagKey: 'team', TagValue: 'payroll' }])
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId: 'alias/payroll', Plaintext: Buffer.from('salary') }),
  )
  const { CurrentKeyMaterialId } = (await client.send(new DescribeKeyCommand({ KeyId: versioned }))).KeyMetadata ?? {}

  const secret = Buffer.from(/HMAC_256[\s\S]*?- ([0-9a-f]{64})/.exec(text)?.[1] ?? '', 'hex')
  const { Mac } = await client.send(
    new GenerateMacCommand({ KeyId: hmac, MacAlgorithm: 'HMAC_SHA_256', Message: Buffer.from('message') }),
  )
  expect(Buffer.from(Mac ?? []).toString('hex')).toBe(createHmac('sha256', secret).update('message').digest('hex'))

  const [pem = ''] = /-----BEGIN[\s\S]*?END PRIVATE KEY-----/.exec(text) ?? []
  const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: 'alias/tokens' }))
  expect(Buffer.from(PublicKey ?? [])).toEqual(
    createPublicKey(pem.replaceAll(/^ +/gm, '')).export({ format: 'der', type: 'spki' }),
  )
  await client.send(new UpdateKeyDescriptionCommand({ KeyId: pair, Description: 'changed since' }))

  await server.stop()
  const again = await start(home, file)
  expect(again.server.output()).toContain(`Seeded from ${file}: 0 made, 6 there already`)
  expect(await idsIn(again.client)).toEqual(ids)
  const { Plaintext } = await again.client.send(new DecryptCommand({ CiphertextBlob }))
  expect(Buffer.from(Plaintext ?? []).toString()).toBe('salary')
  const { KeyMetadata } = await again.client.send(new DescribeKeyCommand({ KeyId: pair }))
  expect(KeyMetadata?.Description).toBe('changed since')

  // Elsewhere, what was given is the same, to the id of the material.
  const elsewhere = newSeed(text)
  const { client: third } = await start(elsewhere.home, elsewhere.file)
  const material = (await third.send(new DescribeKeyCommand({ KeyId: versioned }))).KeyMetadata?.CurrentKeyMaterialId
  expect(material).toBe(CurrentKeyMaterialId)
})

test('every kind of key material can be given', async () => {
  const pairs = {
    RSA_2048: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    RSA_4096: generateKeyPairSync('rsa', { modulusLength: 4096 }),
    ECC_NIST_P384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
    ECC_NIST_P521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
    ECC_SECG_P256K1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    ECC_NIST_EDWARDS25519: generateKeyPairSync('ed25519'),
  }
  const lengths = { HMAC_224: 28, HMAC_256: 32, HMAC_384: 48, HMAC_512: 64 }
  const id = (index: number) => `0000000${index.toString(16)}-2222-4333-8444-555555555555`
  const secrets = Object.entries(lengths).map(([spec, bytes]) => ({ spec, secret: Buffer.alloc(bytes, spec) }))
  const { home, file } = newSeed(
    JSON.stringify({
      Keys: [
        ...Object.entries(pairs).map(([KeySpec, { privateKey }], index) => ({
          KeyId: id(index),
          KeySpec,
          KeyUsage: 'SIGN_VERIFY',
          KeyMaterial: [privateKey.export({ format: 'pem', type: 'pkcs8' })],
        })),
        ...secrets.map(({ spec: KeySpec, secret }, index) => ({
          KeyId: id(8 + index),
          KeySpec,
          KeyUsage: 'GENERATE_VERIFY_MAC',
          KeyMaterial: [secret.toString('hex')],
        })),
        { KeyId: id(15), MultiRegion: false, Origin: 'EXTERNAL', KeyMaterial: ['5a'.repeat(32)] },
      ],
    }),
  )
  const { client } = await start(home, file)
  for (const [index, [spec, { publicKey }]] of Object.entries(pairs).entries()) {
    const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: id(index) }))
    expect([spec, Buffer.from(PublicKey ?? [])]).toEqual([spec, publicKey.export({ format: 'der', type: 'spki' })])
  }
  for (const [index, { spec, secret }] of secrets.entries()) {
    const [, bits] = spec.split('_')
    const MacAlgorithm = `HMAC_SHA_${bits}` as 'HMAC_SHA_256'
    const asked = { KeyId: id(8 + index), MacAlgorithm, Message: Buffer.from('m') }
    const { Mac } = await client.send(new GenerateMacCommand(asked))
    const expected = createHmac(`sha${bits}`, secret).update('m').digest('hex')
    expect([spec, Buffer.from(Mac ?? []).toString('hex')]).toEqual([spec, expected])
  }
  const { Signature } = await client.send(
    new SignCommand({ KeyId: id(0), SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256', Message: Buffer.from('m') }),
  )
  expect(Signature).toHaveLength(256)
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId: id(15), Plaintext: Buffer.from('x') }))
  const { Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob }))
  expect(Buffer.from(Plaintext ?? []).toString()).toBe('x')
})

test('a file of local-kms makes its keys', async () => {
  const { home, file } = newSeed(example('local-kms'))
  const { client } = await start(home, file)
  const status = await client.send(new GetKeyRotationStatusCommand({ KeyId: '55555555-2222-4333-8444-555555555555' }))
  expect([status.KeyRotationEnabled, status.NextRotationDate]).toEqual([true, new Date('2040-09-12T15:19:21Z')])
  const states = await Promise.all(
    ['alias/testing', '66666666-2222-4333-8444-555555555555'].map(
      async (KeyId) => (await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState,
    ),
  )
  expect(states).toEqual(['Enabled', 'PendingImport'])
  const { KeySpec } = await client.send(new GetPublicKeyCommand({ KeyId: '77777777-2222-4333-8444-555555555555' }))
  expect(KeySpec).toBe('ECC_NIST_P384')
})

test('a mistake ends the start with its place, and nothing is made', async () => {
  const { home, file } = newSeed(example('seed').replace('HMAC_256', 'HMAC_255'))
  const { status, stderr } = spawnSync(process.execPath, ['scripts/serve.ts'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: cleanEnv({ KEYSTEAD_HOME: home, KEYSTEAD_PORT: '0', KEYSTEAD_SEED: file }),
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^keystead: \S+seed\.yaml:23:14: Keys\[2\]\.KeySpec must satisfy enum value set: \[[^\n]+\]\n$/,
    ),
  ])
  writeFileSync(file, 'Keys: []\n')
  const { client } = await start(home, file)
  expect(await idsIn(client)).toEqual([])
})

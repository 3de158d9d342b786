/** Two Regions on this machine: two hosts, two tokens of one domain, two stores. */
import { execFileSync } from 'node:child_process'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OpenStore, openStore } from '../../lib/store/store.ts'
import { cleanEnv, newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import { runProvision, softHsmModule } from '../harness/token.ts'

const domain = fileURLToPath(new URL('../../scripts/domain.ts', import.meta.url))

interface Region {
  readonly name: string
  readonly home: string
  server?: RunningServer
}
const east: Region = { name: 'us-east-1', home: newHome() }
const west: Region = { name: 'us-west-2', home: newHome() }

async function start(region: Region, more: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  region.server = await startServer('local', {
    home: region.home,
    env: { KEYSTEAD_REGION: region.name, KEYSTEAD_CACHE_TTL_MS: '0', ...more },
  })
  return region.server
}
const stop = async (region: Region) => {
  await region.server?.stop()
}
const portOf = ({ url }: RunningServer): string => new URL(url).port
const peers = (name: string, url: string) => ({ KEYSTEAD_PEERS: JSON.stringify({ [name]: url }) })

/** Both know where the other is: the second one is started again where it was. */
async function startBoth(): Promise<void> {
  const port = portOf(await start(west))
  await start(east, peers(west.name, `http://127.0.0.1:${port}`))
  await stop(west)
  await start(west, { KEYSTEAD_PORT: port, ...peers(east.name, east.server?.url ?? '') })
}

const directoryOf = ({ home }: Region): string => join(home, 'hsm')

beforeAll(async () => {
  for (const region of [east, west]) runProvision('--directory', directoryOf(region))
  const join = ['join', '--module', softHsmModule(), '--directory', directoryOf(west), '--with', directoryOf(east)]
  execFileSync(process.execPath, [domain, ...join], { env: cleanEnv() })
  await startBoth()
})
afterAll(async () => {
  for (const region of [east, west]) {
    await stop(region)
    removeHome(region.home)
  }
})

function clientOf({ server, name }: Region): kms.KMSClient {
  if (!server) throw new Error(`${name} is not running`)
  return new kms.KMSClient({ endpoint: server.url, region: name, credentials: server.credentials, maxAttempts: 1 })
}
const encrypt = async (region: Region, KeyId: string, text: string) =>
  (await clientOf(region).send(new kms.EncryptCommand({ KeyId, Plaintext: Buffer.from(text) }))).CiphertextBlob
const decrypt = async (region: Region, CiphertextBlob: Uint8Array | undefined, KeyId?: string) => {
  const { Plaintext } = await clientOf(region).send(new kms.DecryptCommand({ CiphertextBlob, KeyId }))
  return Buffer.from(Plaintext ?? []).toString()
}
const metadata = async (region: Region, KeyId: string) =>
  (await clientOf(region).send(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata

async function family(): Promise<string> {
  const { KeyMetadata } = await clientOf(east).send(new kms.CreateKeyCommand({ MultiRegion: true }))
  const KeyId = KeyMetadata?.KeyId ?? ''
  await clientOf(east).send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: west.name }))
  return KeyId
}

/** The store of a Region whose host is stopped. */
async function inStore<T>(region: Region, use: (store: OpenStore) => Promise<T>): Promise<T> {
  const endpoint = process.env.KEYSTEAD_TEST_DYNAMODB_ENDPOINT
  const place =
    endpoint === undefined
      ? ({ kind: 'embedded', directory: join(region.home, 'store') } as const)
      : ({ kind: 'dynamodb', region: 'us-east-1', table: basename(region.home), endpoint } as const)
  const store = await openStore({ ...place, cacheTtlMs: 0, now: Date.now })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

test('what one Region encrypts opens in the other', async () => {
  const KeyId = await family()
  expect(await metadata(west, KeyId)).toMatchObject({
    KeyState: 'Enabled',
    MultiRegionConfiguration: { MultiRegionKeyType: 'REPLICA', PrimaryKey: { Region: 'us-east-1' } },
  })
  expect(await decrypt(west, await encrypt(east, KeyId, 'from the east'))).toBe('from the east')
  expect(await decrypt(east, await encrypt(west, KeyId, 'from the west'))).toBe('from the west')
  const other = (await metadata(east, KeyId))?.Arn
  await expect(decrypt(west, await encrypt(west, KeyId, 'x'), other)).rejects.toMatchObject({
    name: 'IncorrectKeyException',
    message: 'The key ID in the request does not identify a CMK that can perform this operation.',
  })
})

test('a rotation of the primary shows in the replica, and what both encrypt then opens in both', async () => {
  const KeyId = await family()
  const old = await encrypt(west, KeyId, 'old')
  await clientOf(east).send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  const current = (await metadata(east, KeyId))?.CurrentKeyMaterialId
  expect((await metadata(west, KeyId))?.CurrentKeyMaterialId).toBe(current)
  for (const blob of [await encrypt(east, KeyId, 'new'), await encrypt(west, KeyId, 'new')]) {
    expect([await decrypt(east, blob), await decrypt(west, blob)]).toEqual(['new', 'new'])
  }
  expect([await decrypt(east, old), await decrypt(west, old)]).toEqual(['old', 'old'])
})

test('keys of every kind of material work in both Regions', async () => {
  const kinds = ['RSA_2048', 'ECC_NIST_P256', 'ECC_NIST_EDWARDS25519', 'ML_DSA_44'] as const
  const algorithms = ['RSASSA_PSS_SHA_256', 'ECDSA_SHA_256', 'ED25519_SHA_512', 'ML_DSA_SHAKE_256'] as const
  for (const [at, KeySpec] of kinds.entries()) {
    const SigningAlgorithm = algorithms[at]
    const input = { MultiRegion: true, KeySpec, KeyUsage: 'SIGN_VERIFY' } as const
    const { KeyMetadata } = await clientOf(east).send(new kms.CreateKeyCommand(input))
    const KeyId = KeyMetadata?.KeyId
    await clientOf(east).send(new kms.ReplicateKeyCommand({ KeyId, ReplicaRegion: west.name }))
    const signing = { KeyId, Message: Buffer.from('signed in the west'), SigningAlgorithm }
    const { Signature } = await clientOf(west).send(new kms.SignCommand(signing))
    const { SignatureValid } = await clientOf(east).send(new kms.VerifyCommand({ ...signing, Signature }))
    expect([KeySpec, SignatureValid]).toEqual([KeySpec, true])
  }
})

test('the primary moves, and the new one decides', async () => {
  const KeyId = await family()
  await clientOf(east).send(new kms.UpdatePrimaryRegionCommand({ KeyId, PrimaryRegion: west.name }))
  expect((await metadata(east, KeyId))?.MultiRegionConfiguration?.MultiRegionKeyType).toBe('REPLICA')
  expect((await metadata(west, KeyId))?.MultiRegionConfiguration?.MultiRegionKeyType).toBe('PRIMARY')
  await clientOf(west).send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  expect(await decrypt(east, await encrypt(west, KeyId, 'decided in the west'))).toBe('decided in the west')
})

test('a Region works on while the other is down', async () => {
  const KeyId = await family()
  const blob = await encrypt(east, KeyId, 'shared')
  const port = portOf(west.server as RunningServer)
  await stop(west)
  expect(await decrypt(east, blob)).toBe('shared')
  await clientOf(east).send(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }))
  await expect(clientOf(east).send(new kms.RotateKeyOnDemandCommand({ KeyId }))).rejects.toMatchObject({
    name: 'DependencyTimeoutException',
    message: 'Region us-west-2 cannot be reached. The request can be retried.',
  })
  await start(west, { KEYSTEAD_PORT: port, ...peers(east.name, east.server?.url ?? '') })
  expect(await decrypt(west, blob)).toBe('shared')
  await clientOf(east).send(new kms.RotateKeyOnDemandCommand({ KeyId }))
  const status = await clientOf(west).send(new kms.GetKeyRotationStatusCommand({ KeyId }))
  expect([status.KeyRotationEnabled, status.RotationPeriodInDays]).toEqual([true, 90])
})

test('material crosses as it is stored, under the domain root; that of a single-Region key opens in no other Region', async () => {
  const KeyId = await family()
  const { KeyMetadata } = await clientOf(east).send(new kms.CreateKeyCommand({}))
  const singleId = KeyMetadata?.KeyId ?? ''
  const blob = await encrypt(east, singleId, 'at home')
  await stop(east)
  await stop(west)
  const [sent, single, singleMaterial] = await inStore(east, async ({ keys, materials }) => [
    await materials.list(KeyId),
    await keys.find(singleId),
    (await materials.list(singleId))[0],
  ])
  const received = await inStore(west, ({ materials }) => materials.list(KeyId))
  expect(received).toEqual(sent)
  expect(received.map(({ wrapped }) => wrapped.rootId)).toEqual([expect.stringMatching(/^domain-2-[0-9a-f]{16}$/)])
  if (!single || !singleMaterial) throw new Error('the store has no such key')
  const arn = single.arn.replace(east.name, west.name)
  await inStore(west, ({ keys }) => keys.create({ ...single, arn }, singleMaterial))
  await startBoth()
  await expect(decrypt(west, blob)).rejects.toMatchObject({ name: 'KeyUnavailableException' })
  expect(await decrypt(east, blob)).toBe('at home')
})

test('nobody but a Region of the domain comes in by its door', async () => {
  const { url = '' } = west.server ?? {}
  for (const body of ['', '{}', '\u0000', 'x'.repeat(100_000)]) {
    const response = await fetch(`${url}/peers`, { method: 'POST', body })
    expect([response.status, await response.json()]).toEqual([
      400,
      { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
    ])
  }
})

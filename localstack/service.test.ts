/** The service with its tables and its bus on a stand-in for AWS: started, stopped, and started again on what is there. */
import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyRotationCommand,
  EncryptCommand,
  GetParametersForImportCommand,
  ImportKeyMaterialCommand,
  KMSClient,
  ListKeyRotationsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Key } from '../lib/keys/key.ts'
import { openStore } from '../lib/store/store.ts'
import { makeTables } from '../scripts/tables.ts'
import { wrapFor } from '../test/harness/import.ts'
import { newHome, type RunningServer, removeHome, startServer } from '../test/harness/server.ts'
import { type Bus, openBus } from './bus.ts'

const ground = inject('ground')
const { endpoint } = ground
const home = newHome()
/** As the harness names the store's table, where there is a server for it. */
const tables = { KEYSTEAD_TABLE: basename(home), KEYSTEAD_AUDIT_TABLE: `${basename(home)}-audit` }
const local = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

let bus: Bus
let server: RunningServer
let kms: KMSClient

async function start(): Promise<void> {
  const env = {
    KEYSTEAD_EVENT_BUS: bus.name,
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.endpoint,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    ...(endpoint !== undefined && {
      KEYSTEAD_STORE: 'dynamodb',
      KEYSTEAD_DYNAMODB_ENDPOINT: endpoint,
      KEYSTEAD_AUDIT_SINK: 'dynamodb',
      ...tables,
    }),
  }
  server = await startServer('local', { home, env })
  const { url, credentials } = server
  kms = new KMSClient({ endpoint: url, region: 'us-east-1', credentials })
}

beforeAll(async () => {
  bus = await openBus(ground)
  if (endpoint !== undefined) {
    const client = new DynamoDBClient({ ...local, endpoint })
    await makeTables(client, tables)
    client.destroy()
  }
  await start()
})
afterAll(async () => {
  kms?.destroy()
  await server?.stop()
  await bus?.close()
  removeHome(home)
})

const created = async (): Promise<string> => (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? ''
const eventsOf = async (id: string) =>
  (await bus.received())
    .filter(({ resources }) => resources.some((arn) => arn.endsWith(id)))
    .map((event) => [event['detail-type'], event.detail['key-state']].filter(Boolean).join(' '))
const soon = { timeout: 20_000, interval: 250 }

async function imported(): Promise<string> {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Origin: 'EXTERNAL' }))
  const KeyId = KeyMetadata?.KeyId ?? ''
  const algorithm = 'RSAES_OAEP_SHA_256'
  const { PublicKey, ImportToken } = await kms.send(
    new GetParametersForImportCommand({ KeyId, WrappingAlgorithm: algorithm, WrappingKeySpec: 'RSA_2048' }),
  )
  const wrapped = wrapFor(Buffer.from(PublicKey ?? []).toString('base64'), algorithm, randomBytes(32))
  await kms.send(
    new ImportKeyMaterialCommand({
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: Buffer.from(wrapped, 'base64'),
      ExpirationModel: 'KEY_MATERIAL_EXPIRES',
      ValidTo: new Date(Date.now() + 86_400_000),
    }),
  )
  return KeyId
}

/** What is due some day is due now: the service is not running, and finds it so when it starts. */
async function makeDue(changes: ReadonlyMap<string, (key: Key) => Key>): Promise<void> {
  const store = await openStore({
    cacheTtlMs: 0,
    now: Date.now,
    ...(endpoint === undefined
      ? { kind: 'embedded', directory: `${home}/store` }
      : { kind: 'dynamodb', endpoint, region: 'us-east-1', table: tables.KEYSTEAD_TABLE }),
  })
  for (const [id, change] of changes) {
    const key = await store.keys.find(id)
    if (!key) throw new Error(`${id} is not in the store`)
    await store.keys.replace(change(key))
  }
  await store.close()
}

describe(`the service on ${ground.kind}`, () => {
  test('opens what it sealed, and tells the bus of changes and of nothing else', async () => {
    const KeyId = await created()
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('kept') }))
    const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(Plaintext ?? []).toString()).toBe('kept')
    await kms.send(new DisableKeyCommand({ KeyId }))
    await expect(kms.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject({ name: 'DisabledException' })
    await expect.poll(() => eventsOf(KeyId), soon).toEqual(['Key State Change Enabled', 'Key State Change Disabled'])
  })

  test('does what is due when it starts: rotates, expires and deletes, and tells the bus', async () => {
    const [rotating, expiring, ending] = [await created(), await imported(), await created()]
    await kms.send(new EnableKeyRotationCommand({ KeyId: rotating }))
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: ending, PendingWindowInDays: 7 }))
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: rotating, Plaintext: Buffer.from('old') }))
    kms.destroy()
    expect(await server.stop()).toBe(0)

    const past = Date.now() - 1000
    await makeDue(
      new Map<string, (key: Key) => Key>([
        [rotating, (key) => ({ ...key, rotation: { periodInDays: 365, ...key.rotation, nextAt: past } })],
        [expiring, (key) => ({ ...key, imports: (key.imports ?? []).map((each) => ({ ...each, validTo: past })) })],
        [ending, (key) => ({ ...key, deletion: { at: past } })],
      ]),
    )
    await start()

    const rotations = async () => (await kms.send(new ListKeyRotationsCommand({ KeyId: rotating }))).Rotations ?? []
    const state = async (KeyId: string) => (await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState
    await expect
      .poll(async () => (await rotations()).map(({ RotationType }) => RotationType), soon)
      .toEqual(['AUTOMATIC'])
    await expect.poll(() => state(expiring), soon).toBe('PendingImport')
    await expect.poll(() => state(ending).catch(({ name }: Error) => name), soon).toBe('NotFoundException')
    await expect.poll(() => eventsOf(rotating), soon).toContain('KMS CMK Rotation')
    await expect.poll(() => eventsOf(expiring), soon).toContain('KMS Imported Key Material Expiration')
    await expect.poll(() => eventsOf(ending), soon).toContain('KMS CMK Deletion')
    const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob }))
    expect(Buffer.from(Plaintext ?? []).toString()).toBe('old')
  })
})

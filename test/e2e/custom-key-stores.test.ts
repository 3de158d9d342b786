/** A second token as a custom key store, by AWS's own SDK, as docs/custom-key-stores.md tells it. */
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import {
  ConnectCustomKeyStoreCommand,
  CreateCustomKeyStoreCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteCustomKeyStoreCommand,
  DescribeCustomKeyStoresCommand,
  DescribeKeyCommand,
  DisconnectCustomKeyStoreCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateRandomCommand,
  KMSClient,
} from '@aws-sdk/client-kms'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { newHome, type RunningServer, removeHome, startServer } from '../harness/server.ts'
import { runProvision } from '../harness/token.ts'
import { certificateFor } from '../harness/xks-proxy.ts'

const cluster = 'cluster-2a23b4cdefg'
const home = newHome()
const directory = join(home, 'finance')
let server: RunningServer
let client: KMSClient

async function start(more: { readonly tokenDirectory?: string }): Promise<void> {
  const token = { tokenLabel: 'finance', pinFile: join(directory, 'pin'), ...more }
  const env = { KEYSTEAD_KEY_STORES: JSON.stringify({ [cluster]: token }) }
  server = await startServer(inject('hostKind'), { home, env })
  const { url, credentials } = server
  client = new KMSClient({ endpoint: url, region: 'us-east-1', credentials, maxAttempts: 1 })
}

beforeAll(async () => {
  runProvision('--directory', directory, '--label', 'finance')
  await start({ tokenDirectory: join(directory, 'tokens') })
})
afterAll(async () => {
  client?.destroy()
  await server?.stop('SIGINT')
  removeHome(home)
})

const stateOf = async (id: string) => {
  const { CustomKeyStores = [] } = await client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: id }))
  return CustomKeyStores[0]
}

test('a key lives in another token: used while its store is connected, and kept when it is not', async () => {
  const { CustomKeyStoreId = '' } = await client.send(
    new CreateCustomKeyStoreCommand({
      CustomKeyStoreName: 'finance',
      CloudHsmClusterId: cluster,
      TrustAnchorCertificate: certificateFor('finance.example').cert,
      KeyStorePassword: readFileSync(join(directory, 'pin'), 'utf8'),
    }),
  )
  const store = { CustomKeyStoreId }
  await client.send(new ConnectCustomKeyStoreCommand(store))
  expect(await stateOf(CustomKeyStoreId)).toMatchObject({ ConnectionState: 'CONNECTED', CloudHsmClusterId: cluster })

  const { KeyMetadata } = await client.send(new CreateKeyCommand({ Origin: 'AWS_CLOUDHSM', ...store }))
  const { KeyId = '', Arn } = KeyMetadata ?? {}
  expect(KeyMetadata).toMatchObject({ ...store, CloudHsmClusterId: cluster, KeyState: 'Enabled' })
  const Plaintext = Buffer.from('attack at dawn')
  const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext }))
  const { CiphertextBlob: dataKey } = await client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))
  const decrypted = await client.send(new DecryptCommand({ CiphertextBlob: dataKey }))
  expect(decrypted.Plaintext).toHaveLength(32)
  const random = await client.send(new GenerateRandomCommand({ NumberOfBytes: 16, ...store }))
  expect(random.Plaintext).toHaveLength(16)

  await client.send(new DisconnectCustomKeyStoreCommand(store))
  const unavailable = { name: 'KMSInvalidStateException', message: `${Arn} is unavailable.` }
  await expect(client.send(new EncryptCommand({ KeyId, Plaintext }))).rejects.toMatchObject(unavailable)
  await expect(client.send(new DecryptCommand({ CiphertextBlob }))).rejects.toMatchObject(unavailable)
  const described = await client.send(new DescribeKeyCommand({ KeyId }))
  expect(described.KeyMetadata).toMatchObject({ KeyState: 'Unavailable', Enabled: false })
  await expect(client.send(new DeleteCustomKeyStoreCommand(store))).rejects.toMatchObject({
    name: 'CustomKeyStoreHasCMKsException',
    message: `Custom key store ${CustomKeyStoreId} contains KMS keys.`,
  })

  await client.send(new ConnectCustomKeyStoreCommand(store))
  const opened = await client.send(new DecryptCommand({ CiphertextBlob }))
  expect(Buffer.from(opened.Plaintext ?? [])).toEqual(Plaintext)

  // A process that starts while the store is connected opens the token by itself, wherever it lies now.
  client.destroy()
  await server.stop('SIGINT')
  for (const name of readdirSync(join(directory, 'tokens'))) {
    renameSync(join(directory, 'tokens', name), join(home, 'hsm', 'tokens', name))
  }
  await start({})
  const later = await client.send(new DecryptCommand({ CiphertextBlob }))
  expect(Buffer.from(later.Plaintext ?? [])).toEqual(Plaintext)
  expect(server.output()).not.toContain(readFileSync(join(directory, 'pin'), 'utf8'))
})

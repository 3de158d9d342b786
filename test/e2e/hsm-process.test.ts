/** A host whose HSM's process hangs or dies while it serves: what clients see of it, and what is on record. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateKeyCommand, DecryptCommand, DescribeKeyCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, removeHome, startServer } from '../harness/server.ts'

let server: RunningServer
let kms: KMSClient
let patient: KMSClient
let KeyId = ''

const hsmProcesses = (): readonly number[] =>
  readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
const kill = (signal: NodeJS.Signals): void => {
  for (const pid of hsmProcesses()) process.kill(pid, signal)
}
const encrypt = (client = kms) => client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('plain') }))
const opened = async (CiphertextBlob: Uint8Array | undefined): Promise<string> =>
  Buffer.from((await patient.send(new DecryptCommand({ CiphertextBlob }))).Plaintext ?? []).toString()
const deepHealth = async () => (await fetch(`${server.url}/health?deep`)).status

// Only Linux tells which processes are whose children.
describe.runIf(process.platform === 'linux')("the host's HSM", () => {
  beforeAll(async () => {
    server = await startServer('local', { env: { KEYSTEAD_HSM_TIMEOUT_MS: '1500', KEYSTEAD_AUDIT_SINK: 'file' } })
    const options = { endpoint: server.url, region: 'us-east-1', credentials: server.credentials }
    kms = new KMSClient({ ...options, maxAttempts: 1 })
    patient = new KMSClient({ ...options, maxAttempts: 5 })
    KeyId = (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId ?? ''
  })
  afterAll(async () => {
    expect(await server.stop()).toBe(0)
    removeHome(server.home)
  })

  test('is in a process that alone has loaded a PKCS #11 module', async () => {
    await encrypt()
    const hasModule = (pid: number) => /pkcs11|softhsm/i.test(readFileSync(`/proc/${pid}/maps`, 'utf8'))
    expect([hasModule(server.pid), ...hsmProcesses().map(hasModule)]).toEqual([false, true])
  })

  test('hangs, and only what needs it is told to come again, until another stands in', async () => {
    const { CiphertextBlob } = await encrypt()
    const before = hsmProcesses()
    expect(before).toHaveLength(1)
    kill('SIGSTOP')
    const hanging = encrypt()
    expect((await kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.KeyState).toBe('Enabled')
    expect(await deepHealth()).toBe(503)
    await expect(hanging).rejects.toMatchObject({
      name: 'DependencyTimeoutException',
      message: 'The HSM did not answer in time. The request can be retried.',
      $metadata: { httpStatusCode: 503 },
    })
    expect(await opened(CiphertextBlob)).toBe('plain')
    expect(hsmProcesses()).toHaveLength(1)
    expect(hsmProcesses()).not.toEqual(before)
    expect(await deepHealth()).toBe(200)
    expect(server.output()).toContain("the HSM's process has ended")
  })

  test('dies under load again and again, which clients that try again do not notice', async () => {
    const blobs: Uint8Array[] = []
    let busy = true
    const working = Array.from({ length: 8 }, async () => {
      while (busy) blobs.push((await encrypt(patient)).CiphertextBlob ?? new Uint8Array())
    })
    for (let kills = 0; kills < 3; kills++) {
      const before = blobs.length
      kill('SIGKILL')
      while (blobs.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    busy = false
    await Promise.all(working)
    const all = await Promise.all(blobs.map(opened))
    expect(new Set(all)).toEqual(new Set(['plain']))
  })

  test('is on record with what it could not do', () => {
    const directory = join(server.home, 'audit')
    const records = readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
    expect(records.some((line) => line.includes('"Encrypt"') && line.includes('DependencyTimeout'))).toBe(true)
  })
})

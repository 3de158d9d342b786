/** AWS's client-side encryption library, with a key of ours as its wrapping key. */
import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { buildClient, CommitmentPolicy, KMS, KmsKeyringNode } from '@aws-crypto/client-node'
import { CreateAliasCommand, CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { afterAll, expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'

const settings = { endpoint: inject('url'), region: 'us-east-1', credentials: credentialsIn(inject('credentialsFile')) }
const admin = new KMSClient(settings)
afterAll(() => admin.destroy())

test('encrypts a 10 MB file under a key named by alias ARN, with a context, and decrypts it', async () => {
  const { KeyMetadata } = await admin.send(new CreateKeyCommand({}))
  const name = `alias/files-${KeyMetadata?.KeyId}`
  await admin.send(new CreateAliasCommand({ AliasName: name, TargetKeyId: KeyMetadata?.KeyId }))
  // Its types know an older SDK.
  const clientProvider = (() => new KMS(settings)) as never
  const keyring = new KmsKeyringNode({ generatorKeyId: `arn:aws:kms:us-east-1:000000000000:${name}`, clientProvider })
  const opener = new KmsKeyringNode({ keyIds: [KeyMetadata?.Arn ?? ''], clientProvider })
  const { encryptStream, decryptStream } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

  const folder = mkdtempSync(join(tmpdir(), 'keystead-esdk-'))
  try {
    const [plain, sealed, opened] = ['plain', 'sealed', 'opened'].map((file) => join(folder, file)) as [
      string,
      string,
      string,
    ]
    writeFileSync(plain, randomBytes(10 * 1024 * 1024))
    const context = { department: 'payroll', year: '2026' }
    await pipeline(
      createReadStream(plain),
      encryptStream(keyring, { encryptionContext: context }),
      createWriteStream(sealed),
    )
    expect(readFileSync(sealed).includes(readFileSync(plain).subarray(0, 64))).toBe(false)

    let seen: Record<string, string> = {}
    const stream = decryptStream(opener).on(
      'MessageHeader',
      (header: { encryptionContext: Record<string, string> }) => {
        seen = header.encryptionContext
      },
    )
    await pipeline(createReadStream(sealed), stream, createWriteStream(opened))
    expect(readFileSync(opened).equals(readFileSync(plain))).toBe(true)
    expect(seen).toMatchObject(context)

    await admin.send(new DisableKeyCommand({ KeyId: KeyMetadata?.KeyId }))
    await expect(pipeline(createReadStream(sealed), decryptStream(opener), createWriteStream(opened))).rejects.toThrow(
      /is disabled/,
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

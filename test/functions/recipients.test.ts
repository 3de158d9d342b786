/** Plaintexts for an attested enclave alone: `Recipient` and CiphertextForRecipient (kms-api.md §10.7). */
import { constants, createDecipheriv, privateDecrypt } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { Enclave } from '../harness/enclave.ts'
import { account, base64, TestWorld } from '../harness/world.ts'

let world: TestWorld
let enclave: Enclave
let keyId: string
let Recipient: { KeyEncryptionAlgorithm: string; AttestationDocument: string }
beforeEach(async () => {
  world = await TestWorld.start()
  enclave = await Enclave.start(world.nowMs)
  Object.assign(world.open, { attestationRoot: await enclave.root() })
  keyId = (await world.key()).KeyId
  const document = await enclave.document(world.nowMs)
  Recipient = { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: base64(document) }
})

/** What the enclave finds in a CMS message of ours: the parts have fixed places from the end, and their lengths before. */
function opened(cms: string): Buffer {
  const bytes = Buffer.from(cms, 'base64')
  const rsa = bytes.indexOf(Buffer.from('04820100', 'hex'))
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const sealedKey = bytes.subarray(rsa + 4, rsa + 260)
  const key = privateDecrypt({ key: enclave.recipient.privateKey, padding, oaepHash: 'sha256' }, sealedKey)
  const ivAt = bytes.indexOf(Buffer.from('60864801650304012a0410', 'hex')) + 11
  const rest = bytes.subarray(ivAt + 16)
  const header = (rest[1] ?? 0) < 0x80 ? 2 : 2 + ((rest[1] ?? 0) & 0x7f)
  const decipher = createDecipheriv('aes-256-cbc', key, bytes.subarray(ivAt, ivAt + 16))
  return Buffer.concat([decipher.update(rest.subarray(header)), decipher.final()])
}

describe('with a recipient', () => {
  test('Decrypt answers sealed for the enclave, and nothing in clear', async () => {
    const sealed = await world.call('Encrypt', { KeyId: keyId, Plaintext: base64('for the enclave') })
    const { status, json } = await world.call('Decrypt', { CiphertextBlob: sealed.json.CiphertextBlob, Recipient })
    expect(status).toBe(200)
    expect(Object.keys(json).sort()).toEqual(['CiphertextForRecipient', 'EncryptionAlgorithm', 'KeyId'])
    expect(opened(json.CiphertextForRecipient).toString()).toBe('for the enclave')
  })

  test('GenerateDataKey gives the enclave the key that its ciphertext opens to', async () => {
    const { json } = await world.call('GenerateDataKey', { KeyId: keyId, KeySpec: 'AES_256', Recipient })
    expect(Object.keys(json).sort()).toEqual(['CiphertextBlob', 'CiphertextForRecipient', 'KeyId'])
    const { json: again } = await world.call('Decrypt', { CiphertextBlob: json.CiphertextBlob })
    expect(opened(json.CiphertextForRecipient).toString('base64')).toBe(again.Plaintext)
  })

  test('GenerateRandom too', async () => {
    const { json } = await world.call('GenerateRandom', { NumberOfBytes: 100, Recipient })
    expect(Object.keys(json)).toEqual(['CiphertextForRecipient'])
    expect(opened(json.CiphertextForRecipient)).toHaveLength(100)
  })

  test('the record tells which enclave, and holds neither document nor answer', async () => {
    const { json } = await world.call('GenerateDataKey', { KeyId: keyId, KeySpec: 'AES_256', Recipient })
    expect(world.records.at(-1)?.additionalEventData).toMatchObject({
      recipient: {
        attestationDocumentModuleId: 'i-1234567890abcdef0-enc1234567890abcde',
        attestationDocumentEnclaveImageDigest: '00'.repeat(48),
      },
    })
    const text = JSON.stringify(world.records)
    for (const secret of [Recipient.AttestationDocument, json.CiphertextForRecipient])
      expect(text).not.toContain(secret)
  })

  test('a key policy can demand an image', async () => {
    const policyFor = (digest: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Principal: { AWS: account }, NotAction: 'kms:GenerateDataKey', Resource: '*' },
          {
            Effect: 'Allow',
            Principal: { AWS: account },
            Action: 'kms:GenerateDataKey',
            Resource: '*',
            Condition: { StringEqualsIgnoreCase: { 'kms:RecipientAttestation:PCR3': digest } },
          },
        ],
      })
    const generate = (recipient?: object) =>
      world.call('GenerateDataKey', { KeyId: keyId, KeySpec: 'AES_256', Recipient: recipient })
    await world.call('PutKeyPolicy', { KeyId: keyId, Policy: policyFor('03'.repeat(48)) })
    expect((await generate(Recipient)).status).toBe(200)
    expect((await generate()).json.__type).toBe('AccessDeniedException')
    await world.call('PutKeyPolicy', { KeyId: keyId, Policy: policyFor('04'.repeat(48)) })
    expect((await generate(Recipient)).json.__type).toBe('AccessDeniedException')
  })

  test.each([
    ['a document of another root', async () => (await Enclave.start(world.nowMs)).document(world.nowMs)],
    ['an old document', () => enclave.document(world.nowMs - 600_000)],
    ['garbage', async () => Buffer.from('garbage')],
  ])('%s is refused, never ignored', async (_what, document) => {
    const recipient = { ...Recipient, AttestationDocument: base64(await document()) }
    const { status, json } = await world.call('GenerateRandom', { NumberOfBytes: 1, Recipient: recipient })
    expect([status, json]).toEqual([
      400,
      { __type: 'ValidationException', message: 'The attestation document is not valid.' },
    ])
  })

  test('half a recipient is refused', async () => {
    for (const half of [
      {},
      { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' },
      { AttestationDocument: Recipient.AttestationDocument },
    ]) {
      const { json } = await world.call('GenerateRandom', { NumberOfBytes: 1, Recipient: half })
      expect(json.__type).toBe('ValidationException')
    }
  })
})

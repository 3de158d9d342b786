/** Key versions against a running server and its token, by RESTful routes; AWS's own client meets the same keys. */
import { constants, createPublicKey, publicEncrypt, verify } from 'node:crypto'
import { DecryptCommand, KMSClient, SignCommand, VerifyCommand, VerifyMacCommand } from '@aws-sdk/client-kms'
import { expect, inject, test } from 'vitest'
import { credentialsIn } from '../harness/server.ts'
import { signedHeaders } from '../harness/sign.ts'

const url = new URL(inject('url'))
const credentials = credentialsIn(inject('credentialsFile'))
const client = new KMSClient({ endpoint: url.href, region: 'us-east-1', credentials, maxAttempts: 1 })

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member
async function call(method: string, target: string, input?: object): Promise<any> {
  const body = input === undefined ? '' : JSON.stringify(input)
  const headers = await signedHeaders(
    { method, target, headers: { host: url.host, 'content-type': 'application/json' }, body },
    credentials,
  )
  const response = await fetch(new URL(target, url), { method, headers, ...(body !== '' && { body }) })
  return response.json()
}
const keyOf = async (KeySpec: string, KeyUsage: string): Promise<string> =>
  (await call('POST', '/keys', { KeySpec, KeyUsage })).KeyMetadata.KeyId
const message = Buffer.from('attack at dawn')
const Message = message.toString('base64')
const spki = (PublicKey: string) =>
  createPublicKey({ key: Buffer.from(PublicKey, 'base64'), format: 'der', type: 'spki' })

test('signatures of every version verify, and a disabled one’s do not', async () => {
  const KeyId = await keyOf('ECC_NIST_P256', 'SIGN_VERIFY')
  const SigningAlgorithm = 'ECDSA_SHA_256'
  const before = await client.send(new SignCommand({ KeyId, Message: message, SigningAlgorithm }))
  const { KeyVersion } = await call('POST', `/keys/${KeyId}/versions`, { SetAsPrimary: false })
  const announced = await call('GET', `/keys/${KeyId}/public-key?KeyVersionId=${KeyVersion.KeyVersionId}`)
  expect(announced.PublicKey).toBe(KeyVersion.PublicKey)
  await call('PUT', `/keys/${KeyId}/versions/${KeyVersion.KeyVersionId}`, { SetAsPrimary: true })
  const after = await call('POST', `/keys/${KeyId}/sign`, { Message, SigningAlgorithm })
  expect(after.KeyVersionId).toBe(KeyVersion.KeyVersionId)
  expect(verify('sha256', message, spki(announced.PublicKey), Buffer.from(after.Signature, 'base64'))).toBe(true)
  const check = (Signature: Uint8Array | undefined) =>
    client.send(new VerifyCommand({ KeyId, Message: message, SigningAlgorithm, Signature }))
  expect((await check(before.Signature)).SignatureValid).toBe(true)
  expect((await check(Buffer.from(after.Signature, 'base64'))).SignatureValid).toBe(true)
  const { KeyVersions } = await call('GET', `/keys/${KeyId}/versions`)
  await call('PUT', `/keys/${KeyId}/versions/${KeyVersions[0].KeyVersionId}`, { Enabled: false })
  await expect(check(before.Signature)).rejects.toMatchObject({ name: 'KMSInvalidSignatureException' })
  expect((await check(Buffer.from(after.Signature, 'base64'))).SignatureValid).toBe(true)
})

test('RSA ciphertexts of every version open in the token, whatever their numbers', async () => {
  const KeyId = await keyOf('RSA_2048', 'ENCRYPT_DECRYPT')
  for (let n = 0; n < 2; n++) await call('POST', `/keys/${KeyId}/versions`, {})
  const { KeyVersions } = await call('GET', `/keys/${KeyId}/versions`)
  expect(KeyVersions).toHaveLength(3)
  for (const EncryptionAlgorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
    const oaepHash = EncryptionAlgorithm.endsWith('256') ? 'sha256' : 'sha1'
    for (const { KeyVersionId, PublicKey } of KeyVersions) {
      const key = { key: spki(PublicKey), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }
      // Several, as a number may be more than a newer version's modulus, which the token says in another way.
      for (let n = 0; n < 4; n++) {
        const CiphertextBlob = publicEncrypt(key, Buffer.from(`${n}`))
        const opened = await client.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm }))
        expect(Buffer.from(opened.Plaintext ?? []).toString()).toBe(`${n}`)
        const blob = { KeyId, EncryptionAlgorithm, CiphertextBlob: CiphertextBlob.toString('base64') }
        expect(await call('POST', '/decrypt', blob)).toMatchObject({ KeyVersionId })
      }
    }
    for (const CiphertextBlob of [
      Buffer.alloc(256),
      Buffer.alloc(256, 0xff),
      Buffer.alloc(256, 1),
      Buffer.alloc(255, 1),
    ]) {
      await expect(
        client.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm })),
      ).rejects.toMatchObject({ name: 'InvalidCiphertextException' })
    }
  }
})

test('MACs of every version stay right, and rotation is asked for by name', async () => {
  const KeyId = await keyOf('HMAC_256', 'GENERATE_VERIFY_MAC')
  const MacAlgorithm = 'HMAC_SHA_256'
  const { Mac } = await call('POST', `/keys/${KeyId}/mac`, { Message, MacAlgorithm })
  await call('POST', `/keys/${KeyId}/versions`, {})
  const check = new VerifyMacCommand({ KeyId, Message: message, MacAlgorithm, Mac: Buffer.from(Mac, 'base64') })
  expect((await client.send(check)).MacValid).toBe(true)
  expect(await call('PUT', `/keys/${KeyId}/rotation`, {})).toEqual({ __type: 'UnsupportedOperationException' })
  expect(await call('PUT', `/keys/${KeyId}/rotation`, { CreateKeyVersions: true })).toEqual({})
  expect(await call('GET', `/keys/${KeyId}/rotation`)).toMatchObject({ KeyRotationEnabled: true })
})

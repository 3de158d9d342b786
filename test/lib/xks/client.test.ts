import { SignatureV4 } from '@smithy/signature-v4'
import { beforeEach, describe, expect, test } from 'vitest'
import { concat, utf8 } from '../../../lib/bytes.ts'
import { SigningKeys } from '../../../lib/identity/signing-keys.ts'
import { failures } from '../../../lib/stores/failures.ts'
import type { XksProxy } from '../../../lib/stores/key-store.ts'
import type { ExternalCiphertext, Xks } from '../../../lib/stores/ports.ts'
import { proxyCredential as wrappedCredential } from '../../../lib/stores/secrets.ts'
import { integrityValue, openXks, type ProxyRequest, type ProxyResponse } from '../../../lib/xks/client.ts'
import { Sha256 } from '../../harness/sign.ts'
import { SoftHsm } from '../../harness/soft-hsm.ts'
import { proxyCredential, XksProxyDouble } from '../../harness/xks-proxy.ts'

const now = Date.UTC(2026, 10, 24, 12)
const account = '000000000000'
const call = { principalArn: `arn:aws:iam::${account}:root`, operation: 'Encrypt', requestId: 'request-1' }
const aad = utf8('aad')
const plaintext = utf8('a whole ciphertext of ours')

let double: XksProxyDouble
let xks: Xks
let proxy: XksProxy
beforeEach(async () => {
  double = new XksProxyDouble(() => now)
  double.addKey('external-1')
  const hsm = new SoftHsm()
  const signingKeys = new SigningKeys(hsm, new Uint8Array(32))
  xks = openXks({ region: 'us-east-1', signingKeys, now: () => now, send: double.send })
  const credential = await wrappedCredential(hsm, proxyCredential, { id: 'credential-1', account, now })
  proxy = {
    connectivity: 'PUBLIC_ENDPOINT',
    endpoint: 'https://proxy.example',
    path: '/example/kms/xks/v1',
    credential,
  }
})

const sealed = () => xks.encrypt(proxy, 'external-1', plaintext, aad, call)
const opened = (ciphertext: ExternalCiphertext) => xks.decrypt(proxy, 'external-1', ciphertext, aad, call)
const uninterpretable = { name: 'ProxyFailure', message: failures.uninterpretable.message }

/** Changes the members of the proxy's proper answers. */
function tamper(change: (json: Record<string, unknown>) => Record<string, unknown>): void {
  double.fault = (_, proper) => {
    const { status, body } = proper()
    return { status, body: utf8(JSON.stringify(change(JSON.parse(Buffer.from(body).toString())))) }
  }
}
function answering(answer: ProxyResponse): void {
  double.fault = () => answer
}
const longer = (value: unknown): string =>
  Buffer.concat([Buffer.from(String(value), 'base64'), Buffer.of(0)]).toString('base64')

test('what was encrypted is decrypted, under the same additional data only', async () => {
  const ciphertext = await sealed()
  expect(await opened(ciphertext)).toEqual(plaintext)
  const other = xks.decrypt(proxy, 'external-1', ciphertext, utf8('other'), call)
  await expect(other).rejects.toMatchObject({ name: 'ProxyFailure', reason: 'InvalidCiphertextException' })
})

test('the integrity value is that of the specification', () => {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
  const value = integrityValue(utf8('project=nile,department=marketing'), {
    metadata: bytes('a2V5X3ZlcnNpb249MQ=='),
    iv: bytes('HMrlRw85cAJUd5Ax'),
    ciphertext: bytes('ghxkK1txeDNn3q8Y'),
    tag: bytes('vBxN2ncH1oEkR8WVXpmyYQ=='),
  })
  expect(Buffer.from(value).toString('base64')).toBe('qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=')
})

test('a request is signed as AWS’s own signer signs it', async () => {
  const sent: ProxyRequest[] = []
  const hsm = new SoftHsm()
  const credential = await wrappedCredential(hsm, proxyCredential, { id: 'credential-2', account, now })
  const client = openXks({
    region: 'eu-west-3',
    signingKeys: new SigningKeys(hsm, new Uint8Array(32)),
    now: () => now,
    send: async (request) => {
      sent.push(request)
      return double.send(request)
    },
  })
  const asked = client.describeKey({ ...proxy, endpoint: 'https://Proxy.example', credential }, 'a.key_1', call)
  await expect(asked).rejects.toMatchObject({ name: 'ProxyFailure' })
  const [request] = sent
  if (!request) throw new Error('nothing was sent')
  const signer = new SignatureV4({
    credentials: { accessKeyId: proxyCredential.AccessKeyId, secretAccessKey: proxyCredential.RawSecretAccessKey },
    region: 'eu-west-3',
    service: 'kms-xks-proxy',
    sha256: Sha256,
    applyChecksum: false,
  })
  const { path, body } = request
  const hostname = 'proxy.example'
  const unsigned = { method: 'POST', protocol: 'https:', hostname, path, headers: { host: hostname }, body }
  const { headers } = await signer.sign(unsigned, { signingDate: new Date(now) })
  expect(request.headers).toMatchObject({ host: hostname, 'x-amz-date': headers['x-amz-date'] })
  expect(request.headers.authorization).toBe(headers.authorization)
})

test('a proxy with the wrong secret knows us not', async () => {
  double.secret = 'another-secret-of-forty-three-characters-00'
  await expect(sealed()).rejects.toMatchObject({ reason: 'AuthenticationFailedException' })
})

describe('an encryption is not taken', () => {
  test.each([
    ['without a ciphertext', { ciphertext: undefined }],
    ['with a ciphertext that is no text', { ciphertext: 7 }],
    ['with a ciphertext that is no base64', { ciphertext: '***' }],
    ['without an IV', { initializationVector: undefined }],
    ['with an IV of 11 bytes', { initializationVector: Buffer.alloc(11).toString('base64') }],
    ['with a tag of 15 bytes', { authenticationTag: Buffer.alloc(15).toString('base64') }],
    ['with metadata of 21 bytes', { ciphertextMetadata: Buffer.alloc(21).toString('base64') }],
    ['with metadata that is not in the integrity value', { ciphertextMetadata: 'AAAA' }],
    ['without an integrity value', { ciphertextDataIntegrityValue: undefined }],
    ['with another integrity value', { ciphertextDataIntegrityValue: Buffer.alloc(32).toString('base64') }],
  ])('%s', async (_, change) => {
    tamper((json) => ({ ...json, ...change }))
    await expect(sealed()).rejects.toMatchObject(uninterpretable)
  })

  test('with a ciphertext longer than the plaintext', async () => {
    tamper((json) => ({ ...json, ciphertext: longer(json.ciphertext) }))
    await expect(sealed()).rejects.toMatchObject(uninterpretable)
  })
})

test('a decryption is not taken with a plaintext of another length', async () => {
  const ciphertext = await sealed()
  tamper((json) => ({ plaintext: longer(json.plaintext) }))
  await expect(opened(ciphertext)).rejects.toMatchObject(uninterpretable)
})

describe('an answer is not taken', () => {
  const body = (text: string) => utf8(text)
  test.each<[string, ProxyResponse]>([
    ['that is empty', { status: 200, body: body('') }],
    ['that is no JSON', { status: 200, body: body('<html>') }],
    ['that is a list', { status: 200, body: body('[]') }],
    ['that is null', { status: 200, body: body('null') }],
    ['that is not UTF-8', { status: 200, body: concat(body('{"a":"'), Uint8Array.of(0xff), body('"}')) }],
    ['that redirects', { status: 302, body: body('{"ciphertext":""}') }],
    ['with an error that has no name', { status: 500, body: body('{}') }],
    ['with an error of an unknown name', { status: 400, body: body('{"errorName":"NovelException"}') }],
    ['with an error named as something that objects have', { status: 400, body: body('{"errorName":"constructor"}') }],
    ['with an error named as a failure of ours', { status: 400, body: body('{"errorName":"no TLS"}') }],
    ['with an error’s name and a success’s status', { status: 201, body: body('{"errorName":"InternalException"}') }],
  ])('%s', async (_, answer) => {
    answering(answer)
    await expect(sealed()).rejects.toMatchObject(uninterpretable)
    await expect(xks.checkHealth(proxy, call)).rejects.toMatchObject(uninterpretable)
    await expect(xks.describeKey(proxy, 'external-1', call)).rejects.toMatchObject(uninterpretable)
  })

  test.each([
    ['of a key without usages', { keyUsage: undefined }],
    ['of a key with eleven usages', { keyUsage: Array.from({ length: 11 }, () => 'ENCRYPT') }],
    ['of a key with a usage that is no word', { keyUsage: ['ENCRYPT, and more of what a proxy may say'] }],
    ['of a key with a spec that is no word', { keySpec: '<b>AES_256</b>' }],
    ['of a key whose status is no text', { keyStatus: 1 }],
  ])('%s', async (_, change) => {
    tamper((json) => ({ ...json, ...change }))
    await expect(xks.describeKey(proxy, 'external-1', call)).rejects.toMatchObject(uninterpretable)
  })

  test.each([
    ['of a proxy with no fleet', { xksProxyFleetSize: 0 }],
    ['of a proxy that lists no manager', { ekmFleetDetails: [] }],
    ['of a proxy that lists nothing for a manager', { ekmFleetDetails: [null] }],
  ])('%s', async (_, change) => {
    tamper((json) => ({ ...json, ...change }))
    await expect(xks.checkHealth(proxy, call)).rejects.toMatchObject(uninterpretable)
  })
})

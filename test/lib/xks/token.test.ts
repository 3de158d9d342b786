/** The parts of an external key store that the HSM has a hand in, with a real token. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { SigningKeys } from '../../../lib/identity/signing-keys.ts'
import type { Key, Material } from '../../../lib/keys/key.ts'
import { newMaterial } from '../../../lib/keys/materials.ts'
import type { Hsm } from '../../../lib/ports.ts'
import { throughKeyStores } from '../../../lib/stores/custody.ts'
import type { XksProxy } from '../../../lib/stores/key-store.ts'
import type { KeyStores, Xks } from '../../../lib/stores/ports.ts'
import { proxyCredential as wrappedCredential, wrappedPassword } from '../../../lib/stores/secrets.ts'
import { openXks } from '../../../lib/xks/client.ts'
import { noClusters } from '../../harness/clusters.ts'
import { aKey, place } from '../../harness/store.ts'
import { openTestHsm } from '../../harness/token.ts'
import { proxyCredential, XksProxyDouble } from '../../harness/xks-proxy.ts'

const now = Date.UTC(2026, 10, 24, 12)
const { account } = place
const call = { principalArn: 'arn:aws:iam::111122223333:root', operation: 'Encrypt', requestId: 'r' }
const context = { team: 'red' }

let hsm: OpenHsm
let double: XksProxyDouble
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())
beforeEach(() => {
  double = new XksProxyDouble(() => now)
  double.addKey('external-1')
})

const xksOf = (): Xks => {
  const signingKeys = new SigningKeys(hsm, new Uint8Array(32))
  return openXks({ region: 'us-east-1', signingKeys, now: () => now, send: double.send })
}

async function proxyWith(secret: string): Promise<XksProxy> {
  const given = { ...proxyCredential, RawSecretAccessKey: secret }
  const credential = await wrappedCredential(hsm, given, { id: randomUUID(), account, now })
  const path = '/example/kms/xks/v1'
  return { connectivity: 'PUBLIC_ENDPOINT', endpoint: 'https://proxy.example', path, credential }
}

test.each([43, 60, 61, 64])('a secret of %i characters signs from inside the token', async (length) => {
  double.secret = 'abcdefghijklmnopqrstuvwxyz0123456789/+=ABCDEFGHIJKLMNOPQRSTUVWXYZ'.slice(0, length)
  await expect(xksOf().checkHealth(await proxyWith(double.secret), call)).resolves.toBeUndefined()
})

test('a password is nowhere in what is stored of it', async () => {
  const wrapped = await wrappedPassword(hsm, account, 'cks-1234567890abcdef0', 'kmsPswd1')
  expect(Buffer.from(wrapped.blob).includes('kmsPswd1')).toBe(false)
})

async function external(): Promise<{ key: Key; material: Material; through: Hsm; proxy: XksProxy }> {
  const key = aKey({ origin: 'EXTERNAL_KEY_STORE', keyStore: { id: 'cks-1', externalKeyId: 'external-1' } })
  const material = await newMaterial(hsm, key, 1, now)
  const proxy = await proxyWith(double.secret)
  const stores = [{ id: 'cks-1', name: 'vault', createdAt: now, state: 'CONNECTED', proxy }] as const
  const keyStores: KeyStores = { of: async () => ({ account, revision: 1, stores }), replace: async () => {} }
  return {
    key,
    material,
    proxy,
    through: throughKeyStores(hsm, [key], { keyStores, clusters: noClusters, xks: xksOf() }, call),
  }
}

test('what is encrypted twice opens with both keys, and with neither alone', async () => {
  const { material, through } = await external()
  const plaintext = new Uint8Array(4096).fill(7)
  const blob = await through.encrypt(material, plaintext, context)
  expect(blob.length).toBeLessThanOrEqual(6144)
  expect(Buffer.from(await through.decrypt(material, parseCiphertext(blob), context))).toEqual(Buffer.from(plaintext))
  const byTokenAlone = hsm.decrypt(material, parseCiphertext(blob), context)
  await expect(byTokenAlone).rejects.toMatchObject({ name: 'InvalidCiphertextException' })
  const inner = Buffer.from(double.asked.at(-2)?.json.plaintext, 'base64')
  expect(inner.includes(Buffer.from(plaintext.subarray(0, 16)))).toBe(false)
})

test('everything else is still the token’s own', async () => {
  const { through } = await external()
  expect(await through.random(32)).toHaveLength(32)
  await expect(through.check()).resolves.toBeUndefined()
  const own = await newMaterial(hsm, aKey(), 1, now)
  const blob = await through.encrypt(own, new Uint8Array([1]), context)
  expect(blob[0]).toBe(1)
  expect([...(await through.decrypt(own, parseCiphertext(blob), context))]).toEqual([1])
})

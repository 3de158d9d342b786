import { createDecipheriv, createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, hex } from '../../../lib/bytes.ts'
import { parseCiphertext } from '../../../lib/crypto/ciphertext.ts'
import type { EncryptionContext } from '../../../lib/crypto/context.ts'
import type { OpenHsm } from '../../../lib/hsm/hsm.ts'
import { SigningKeys } from '../../../lib/identity/signing-keys.ts'
import { throughKeyStores } from '../../../lib/stores/custody.ts'
import { parseSealed, sealedBlob } from '../../../lib/stores/envelope.ts'
import { proxyCredential as wrappedCredential } from '../../../lib/stores/secrets.ts'
import { openXks } from '../../../lib/xks/client.ts'
import { noClusters } from '../../harness/clusters.ts'
import { aKey } from '../../harness/store.ts'
import { importMaterial, materialOf, materialOwner, openTestHsm } from '../../harness/token.ts'
import { proxyCredential, XksProxyDouble } from '../../harness/xks-proxy.ts'
import vectors from '../../vectors/external-ciphertext-2.json' with { type: 'json' }

/* Frozen, like those of version 1: every ciphertext ever made must open for ever. */

const lengthFirst = (text: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

let hsm: OpenHsm
beforeAll(async () => {
  hsm = await openTestHsm()
})
afterAll(() => hsm.close())

describe.each(vectors)('ciphertext version 2: $title', (vector) => {
  const context: EncryptionContext = vector.context
  const blob = Buffer.from(vector.blob, 'hex')

  test('holds a version 1 that the external key encrypted, bound to key and context', () => {
    const pairs = Object.entries(context).map((pair) => pair.map((text) => Buffer.from(text)))
    pairs.sort(([a = Buffer.of()], [b = Buffer.of()]) => Buffer.compare(a, b))
    const bound = [Buffer.from('keystead-xks-1'), Buffer.from(vector.keyArn), ...pairs.flat()].map(lengthFirst)
    const aad = createHash('sha256').update(Buffer.concat(bound)).digest()

    const ivBytes = blob[51] ?? 0
    const tagAt = 52 + ivBytes
    const bodyAt = tagAt + 17 + (blob[tagAt + 16] ?? 0)
    const metadata = blob.subarray(tagAt + 17, bodyAt)
    expect([blob[0], blob[50], metadata.toString('hex')]).toEqual([2, 0, vector.metadata])
    const opening = createDecipheriv('aes-256-gcm', fromHex(vector.externalKey), blob.subarray(52, tagAt))
    opening.setAAD(Buffer.concat([aad, metadata])).setAuthTag(blob.subarray(tagAt, tagAt + 16))
    expect(Buffer.concat([opening.update(blob.subarray(bodyAt)), opening.final()]).toString('hex')).toBe(vector.inner)
    expect(vector.inner.slice(2, 100)).toBe(vector.blob.slice(2, 100))
  })

  test('opens by the proxy and the HSM together', async () => {
    const now = Date.UTC(2026, 10, 24)
    const double = new XksProxyDouble(() => now)
    double.addKey('external-1', { secret: fromHex(vector.externalKey) })
    const owner = materialOwner({ id: vector.keyId, materialId: vector.materialId })
    const material = materialOf(owner, importMaterial(owner, fromHex(vector.materialKey)))
    const key = aKey({ id: vector.keyId, arn: vector.keyArn, keyStore: { id: 'cks-1', externalKeyId: 'external-1' } })
    const credential = await wrappedCredential(hsm, proxyCredential, { id: 'vector', account: key.account, now })
    const proxy = {
      connectivity: 'PUBLIC_ENDPOINT',
      endpoint: 'https://proxy.example',
      path: '/example/kms/xks/v1',
      credential,
    } as const
    const stores = [{ id: 'cks-1', name: 'vault', createdAt: now, state: 'CONNECTED', proxy }] as const
    const keyStores = { of: async () => ({ account: key.account, revision: 1, stores }), replace: async () => {} }
    const signingKeys = new SigningKeys(hsm, new Uint8Array(32))
    const xks = openXks({ region: 'us-east-1', signingKeys, now: () => now, send: double.send })
    const call = { principalArn: 'arn:aws:iam::111122223333:root', operation: 'Decrypt', requestId: 'r' }
    const through = throughKeyStores(hsm, [key], { keyStores, clusters: noClusters, xks }, call)
    expect(hex(await through.decrypt(material, parseCiphertext(blob), context))).toBe(vector.plaintext)
  })
})

const bytesOf = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })
const sealed = fc.record({
  iv: fc.oneof(bytesOf(12), bytesOf(16)),
  tag: bytesOf(16),
  metadata: bytesOf(0, 20),
  ciphertext: bytesOf(1, 200),
})

test('what is put into a blob comes out of it, and no beginning of it is taken for the whole', () => {
  fc.assert(
    fc.property(fc.uuid(), bytesOf(32), sealed, (keyId, materialId, given) => {
      const blob = sealedBlob(keyId, hex(materialId), given)
      const parsed = parseCiphertext(blob)
      expect([parsed.keyId, parsed.materialId, parsed.external]).toEqual([keyId, hex(materialId), true])
      expect(parseSealed(parsed.body)).toEqual(given)
      const head = parsed.body.length - given.ciphertext.length
      for (let length = 0; length <= head; length++) {
        expect(parseSealed(parsed.body.subarray(0, length))).toBeUndefined()
      }
    }),
  )
})

test('any bytes at all are parsed or refused, without a crash', () => {
  fc.assert(fc.property(bytesOf(0, 80), (body) => void parseSealed(body)))
})

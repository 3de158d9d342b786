import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SigningKeys } from '../../../lib/identity/signing-keys.ts'
import { failures } from '../../../lib/stores/failures.ts'
import type { XksProxy } from '../../../lib/stores/key-store.ts'
import { proxyCredential as wrappedCredential } from '../../../lib/stores/secrets.ts'
import { openXks, type ProxyResponse } from '../../../lib/xks/client.ts'
import { type HttpsOptions, openHttps } from '../../../lib/xks/https.ts'
import { SoftHsm } from '../../harness/soft-hsm.ts'
import { type ListeningProxy, listen, proxyCredential, XksProxyDouble } from '../../harness/xks-proxy.ts'

const double = new XksProxyDouble(Date.now)
const hsm = new SoftHsm()
let server: ListeningProxy
let proxy: XksProxy
const opened: { close(): void }[] = []

beforeAll(async () => {
  double.addKey('external-1')
  server = await listen(double)
  const credential = await wrappedCredential(hsm, proxyCredential, { id: 'c', account: '000000000000', now: 0 })
  proxy = { connectivity: 'PUBLIC_ENDPOINT', endpoint: 'https://localhost', path: '/example/kms/xks/v1', credential }
})
beforeEach(() => {
  double.fault = undefined
})
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})
afterAll(() => server.close())

function client(options: Partial<HttpsOptions> = {}) {
  const https = openHttps({ timeoutMs: 5000, ca: server.certificate, port: server.port, ...options })
  opened.push(https)
  const signingKeys = new SigningKeys(hsm, new Uint8Array(32))
  return openXks({ region: 'us-east-1', signingKeys, now: Date.now, send: https.send })
}

const call = { principalArn: 'arn:aws:iam::000000000000:root', operation: 'ConnectCustomKeyStore', requestId: 'r' }
const health = (options?: Partial<HttpsOptions>) => client(options).checkHealth(proxy, call)
const fails = (reason: keyof typeof failures) => ({ name: 'ProxyFailure', reason, message: failures[reason].message })

describe('over TLS', () => {
  test('a proxy is asked, its signature checked, and its keys used', async () => {
    const xks = client()
    await xks.checkHealth(proxy, call)
    const [aad, plaintext] = [Buffer.from('aad'), Buffer.alloc(4215, 7)]
    const sealed = await xks.encrypt(proxy, 'external-1', plaintext, aad, call)
    expect(Buffer.from(await xks.decrypt(proxy, 'external-1', sealed, aad, call))).toEqual(plaintext)
  })

  test('a certificate of an unknown authority is refused', async () => {
    const { port } = server
    const https = openHttps({ timeoutMs: 5000, port })
    opened.push(https)
    const signingKeys = new SigningKeys(hsm, new Uint8Array(32))
    const xks = openXks({ region: 'us-east-1', signingKeys, now: Date.now, send: https.send })
    await expect(xks.checkHealth(proxy, call)).rejects.toMatchObject(fails('no TLS'))
  })

  test('a certificate for another host is refused', async () => {
    const other = await listen(double, 'elsewhere.example')
    try {
      const asking = health({ ca: other.certificate, port: other.port })
      await expect(asking).rejects.toMatchObject(fails('no TLS'))
    } finally {
      await other.close()
    }
  })

  test('a server that speaks no TLS is refused', async () => {
    const plain = createServer((socket) => {
      socket.on('error', () => {})
      socket.resume().end('HTTP/1.1 200 OK\r\n\r\n{}')
    })
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    const { port } = plain.address() as AddressInfo
    await expect(health({ port })).rejects.toMatchObject(fails('no TLS'))
    await new Promise((resolve) => plain.close(resolve))
  })

  test('a port where nobody listens is told apart', async () => {
    const gone = await listen(double)
    await gone.close()
    await expect(health({ port: gone.port })).rejects.toMatchObject(fails('no connection'))
  })

  test('a redirection is not followed', async () => {
    const asked = double.asked.length
    double.fault = () => ({ status: 302, body: Buffer.from('{}') })
    await expect(health()).rejects.toMatchObject(fails('uninterpretable'))
    expect(double.asked).toHaveLength(asked)
  })

  test('an answer that is right and far too long is cut off', async () => {
    double.fault = (_, proper) => ({ status: 200, body: Buffer.concat([proper().body, Buffer.alloc(200_000, ' ')]) })
    await expect(health()).rejects.toMatchObject(fails('uninterpretable'))
  })

  test('a proxy that does not answer is given up in time, and answers the next call', async () => {
    const { promise, resolve } = Promise.withResolvers<ProxyResponse>()
    double.fault = () => promise
    await expect(health({ timeoutMs: 250 })).rejects.toMatchObject(fails('no answer in time'))
    resolve({ status: 200, body: Buffer.from('{}') })
    double.fault = undefined
    await expect(health()).resolves.toBeUndefined()
  })

  test('a connection that the proxy closed meanwhile is made anew', async () => {
    const xks = client()
    await xks.checkHealth(proxy, call)
    server.closeConnections()
    await expect(xks.checkHealth(proxy, call)).resolves.toBeUndefined()
  })
})

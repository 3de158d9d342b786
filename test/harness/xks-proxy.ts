import { execFileSync } from 'node:child_process'
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, utf8 } from '../../lib/bytes.ts'
import { deriveSigningKey, readSignature, signatureMatches } from '../../lib/identity/sigv4.ts'
import type { ProxyRequest, ProxyResponse } from '../../lib/xks/client.ts'

interface ExternalKey {
  spec: string
  status: string
  usages: string[]
  readonly secret: Uint8Array
}

export const proxyCredential = {
  AccessKeyId: 'ABCDEFGHIJKLMNOPQRST',
  RawSecretAccessKey: 'x/Secret+of=a/proxy0123456789abcdefghijklmnop',
}
const prefix = '/example/kms/xks/v1'

/** The members of a CreateCustomKeyStore that make a store of this proxy. */
export const storeInput = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  CustomKeyStoreName: name,
  CustomKeyStoreType: 'EXTERNAL_KEY_STORE',
  XksProxyConnectivity: 'PUBLIC_ENDPOINT',
  XksProxyUriEndpoint: `https://${name.toLowerCase()}.proxy.example`,
  XksProxyUriPath: prefix,
  XksProxyAuthenticationCredential: proxyCredential,
  ...more,
})

class Refusal extends Error {
  readonly status: number
  constructor(status: number, errorName: string) {
    super(errorName)
    this.status = status
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a request's JSON, taken apart by hand as a stranger to our schemas would
type Json = any

const bytes = (text: unknown): Uint8Array => {
  if (typeof text !== 'string') throw new Refusal(400, 'ValidationException')
  return new Uint8Array(Buffer.from(text, 'base64'))
}
const base64 = (of: Uint8Array): string => Buffer.from(of).toString('base64')

/** An external key store proxy with its external keys, by the published API (1.0.3), in the test's hands. */
export class XksProxyDouble {
  readonly keys = new Map<string, ExternalKey>()
  /** As it was asked, path by path. */
  readonly asked: { readonly path: string; readonly json: Json }[] = []
  secret = proxyCredential.RawSecretAccessKey
  health: readonly string[] = ['ACTIVE']
  /** What goes into each ciphertext as metadata. */
  metadata: Uint8Array = new Uint8Array()
  /** Answers instead of the proxy, when it returns something. */
  fault: ((path: string, proper: () => ProxyResponse) => ProxyResponse | Promise<ProxyResponse> | undefined) | undefined
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  addKey(id: string, given: Partial<ExternalKey> = {}): ExternalKey {
    const key = {
      spec: 'AES_256',
      status: 'ENABLED',
      usages: ['ENCRYPT', 'DECRYPT'],
      secret: new Uint8Array(randomBytes(32)),
      ...given,
    }
    this.keys.set(id, key)
    return key
  }

  readonly send = async ({ path, headers, body }: ProxyRequest): Promise<ProxyResponse> => {
    const proper = () => this.#answer({ method: 'POST', path, headers, body })
    return (await this.fault?.(path, proper)) ?? proper()
  }

  #answer(request: Omit<ProxyRequest, 'endpoint'> & { method: string }): ProxyResponse {
    try {
      return { status: 200, body: utf8(JSON.stringify(this.#perform(request))) }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const refusal = { errorName: error.message, errorMessage: 'What the proxy says of it, which nobody repeats.' }
      return { status: error.status, body: utf8(JSON.stringify(refusal)) }
    }
  }

  #perform(request: Omit<ProxyRequest, 'endpoint'> & { method: string }): object {
    this.#authenticate(request)
    const json: Json = JSON.parse(Buffer.from(request.body).toString())
    this.asked.push({ path: request.path, json })
    if (!json.requestMetadata?.kmsRequestId || !json.requestMetadata?.kmsOperation) {
      throw new Refusal(400, 'ValidationException')
    }
    if (!request.path.startsWith(`${prefix}/`)) throw new Refusal(404, 'InvalidUriPathException')
    const [what = '', id = '', verb = ''] = request.path.slice(prefix.length + 1).split('/')
    if (what === 'health') return this.#health()
    const key = this.keys.get(id)
    if (!key) throw new Refusal(404, 'KeyNotFoundException')
    if (!json.requestMetadata.awsPrincipalArn) throw new Refusal(400, 'ValidationException')
    if (verb === 'metadata') return { keySpec: key.spec, keyUsage: key.usages, keyStatus: key.status }
    if (key.status !== 'ENABLED') throw new Refusal(400, 'InvalidStateException')
    if (!key.usages.includes(verb.toUpperCase())) throw new Refusal(400, 'InvalidKeyUsageException')
    if (json.encryptionAlgorithm !== 'AES_GCM') throw new Refusal(400, 'ValidationException')
    return verb === 'encrypt' ? this.#encrypt(key, json) : this.#decrypt(key, json)
  }

  /** SigV4 by the code that verifies it for Keystead, with the secret as the proxy's administrator set it. */
  #authenticate(request: Omit<ProxyRequest, 'endpoint'> & { method: string }): void {
    try {
      const scope = { service: 'kms-xks-proxy', region: 'us-east-1' }
      const signature = readSignature({ ...request, query: '' }, { ...scope, now: this.#now() })
      const dateKey = createHmac('sha256', `AWS4${this.secret}`).update(signature.date8).digest()
      const known = signature.accessKeyId === proxyCredential.AccessKeyId
      if (known && signatureMatches(signature, deriveSigningKey(dateKey, scope.region, scope.service))) return
    } catch {
      // Refused below, like a wrong signature.
    }
    throw new Refusal(401, 'AuthenticationFailedException')
  }

  #health(): object {
    return {
      xksProxyFleetSize: 1,
      xksProxyVendor: 'Keystead tests',
      xksProxyModel: 'double',
      ekmVendor: 'Keystead tests',
      ekmFleetDetails: this.health.map((healthStatus, index) => ({
        id: `ekm-${index}`,
        model: 'double',
        healthStatus,
      })),
    }
  }

  #aad(json: Json): Uint8Array {
    const aad =
      json.additionalAuthenticatedData === undefined ? new Uint8Array() : bytes(json.additionalAuthenticatedData)
    if (aad.length > 8192) throw new Refusal(400, 'ValidationException')
    return aad
  }

  #encrypt({ secret }: ExternalKey, json: Json): object {
    const plaintext = bytes(json.plaintext)
    if (plaintext.length > 4300) throw new Refusal(400, 'ValidationException')
    const aad = this.#aad(json)
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', secret, iv).setAAD(concat(aad, this.metadata))
    const ciphertext = concat(cipher.update(plaintext), cipher.final())
    const tag = cipher.getAuthTag()
    const integrity = createHash('sha256')
      .update(concat(aad, this.metadata, iv, ciphertext, tag))
      .digest()
    return {
      ciphertext: base64(ciphertext),
      initializationVector: base64(iv),
      authenticationTag: base64(tag),
      ...(this.metadata.length > 0 && { ciphertextMetadata: base64(this.metadata) }),
      ...(json.ciphertextDataIntegrityValueAlgorithm === 'SHA_256' && {
        ciphertextDataIntegrityValue: base64(integrity),
      }),
    }
  }

  #decrypt({ secret }: ExternalKey, json: Json): object {
    const metadata = json.ciphertextMetadata === undefined ? new Uint8Array() : bytes(json.ciphertextMetadata)
    try {
      const decipher = createDecipheriv('aes-256-gcm', secret, bytes(json.initializationVector), { authTagLength: 16 })
      decipher.setAAD(concat(this.#aad(json), metadata)).setAuthTag(bytes(json.authenticationTag))
      return { plaintext: base64(concat(decipher.update(bytes(json.ciphertext)), decipher.final())) }
    } catch (error) {
      throw error instanceof Refusal ? error : new Refusal(400, 'InvalidCiphertextException')
    }
  }
}

export interface ListeningProxy {
  readonly port: number
  /** The certificate, which is its own authority, in PEM. */
  readonly certificate: string
  /** As a proxy does that has waited long enough for another request. */
  closeConnections(): void
  close(): Promise<void>
}

/** A certificate for one host name, valid for a day, with its key. */
export function certificateFor(host: string): { readonly key: string; readonly cert: string } {
  const directory = mkdtempSync(join(tmpdir(), 'keystead-xks-'))
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
    execFileSync('openssl', [...request, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The double behind HTTPS on loopback. @param host whom its certificate is for */
export async function listen(proxy: XksProxyDouble, host = 'localhost'): Promise<ListeningProxy> {
  const { key, cert } = certificateFor(host)
  const server: Server = createServer({ key, cert }, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', async () => {
      const headers = textsOf(request.headers)
      const answer = await proxy.send({ endpoint: '', path: request.url ?? '', headers, body: Buffer.concat(parts) })
      if (answer.status === 302) response.setHeader('location', 'https://localhost/elsewhere')
      response.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    certificate: cert,
    closeConnections: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const textsOf = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

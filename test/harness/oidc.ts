/** A real OIDC provider on loopback, with keys that a test may change. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

type Keys = Awaited<ReturnType<typeof generateKeyPair>>

export class TestIssuer {
  readonly #server = createServer((request, response) => {
    this.asked.push(request.url ?? '')
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': {
        issuer: this.issuer,
        jwks_uri: `${this.issuer}/keys`,
        ...this.description,
      },
      '/keys': { keys: this.published },
    }
    const document = documents[request.url ?? '']
    if (document === undefined || this.failing) return void response.writeHead(503).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document))
  })
  /** Paths that were asked for. */
  readonly asked: string[] = []
  published: object[] = []
  description: object = {}
  failing = false
  #keys: Keys | undefined
  #kid = ''
  #algorithm = ''

  static async start(): Promise<TestIssuer> {
    const made = new TestIssuer()
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', resolve))
    await made.rotate('key-1')
    return made
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  get issuer(): string {
    return `http://${this.url}`
  }

  /** Signs with a new key from now on, and publishes it alone. */
  async rotate(kid: string, algorithm = 'RS256'): Promise<void> {
    this.#keys = await generateKeyPair(algorithm)
    this.#kid = kid
    this.#algorithm = algorithm
    this.published = [{ ...(await exportJWK(this.#keys.publicKey)), kid, alg: algorithm, use: 'sig' }]
  }

  /** @param now seconds since the epoch */
  async token(claims: JWTPayload, now: number, header: object = {}): Promise<string> {
    if (!this.#keys) throw new Error('start the issuer first')
    const whole = { iss: this.issuer, aud: 'app', sub: 'somebody', iat: now, exp: now + 300, ...claims }
    return new SignJWT(whole)
      .setProtectedHeader({ alg: this.#algorithm, kid: this.#kid, ...header })
      .sign(this.#keys.privateKey)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

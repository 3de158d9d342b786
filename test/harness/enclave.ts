import 'reflect-metadata'
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, type webcrypto } from 'node:crypto'
import { BasicConstraintsExtension, type X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
import { encode } from 'cborg'

const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const
const hour = 3_600_000

interface Issuer {
  readonly certificate: X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

async function certificate(name: string, issuer: Issuer | undefined, isCa: boolean, now: number): Promise<Issuer> {
  const keys = await newKeys()
  const made = await X509CertificateGenerator.create({
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(now - hour),
    notAfter: new Date(now + 3 * hour),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions: [new BasicConstraintsExtension(isCa)],
  })
  return { certificate: made, keys }
}

const der = ({ certificate: made }: Issuer): Uint8Array => new Uint8Array(made.rawData)

/** Something that attests as a Nitro enclave does, under a root of its own. */
export class Enclave {
  readonly recipient = generateKeyPairSync('rsa', { modulusLength: 2048 })
  readonly #chain: readonly Issuer[]

  private constructor(chain: readonly Issuer[]) {
    this.#chain = chain
  }

  static async start(now: number, options: { readonly issuerIsCa?: boolean } = {}): Promise<Enclave> {
    const root = await certificate('root', undefined, true, now)
    const zone = await certificate('zone', root, options.issuerIsCa ?? true, now)
    const leaf = await certificate('enclave', zone, false, now)
    return new Enclave([root, zone, leaf])
  }

  /** SHA-256 fingerprint of the root certificate. */
  async root(): Promise<string> {
    const [root] = this.#chain
    const digest = await crypto.subtle.digest('SHA-256', new Uint8Array(root ? der(root) : []))
    return Buffer.from(digest)
      .toString('hex')
      .toUpperCase()
      .replace(/(..)(?=.)/g, '$1:')
  }

  /** A COSE_Sign1 attestation document; what `claims` names stands in place of what is true. */
  async document(
    now: number,
    claims: Readonly<Record<string, unknown>> = {},
    header: unknown = new Map([[1, -35]]),
  ): Promise<Uint8Array> {
    const [root, zone, leaf] = this.#chain
    if (!root || !zone || !leaf) throw new Error('the chain has three certificates')
    const payload = encode(
      new Map<string, unknown>(
        Object.entries({
          module_id: 'i-1234567890abcdef0-enc1234567890abcde',
          digest: 'SHA384',
          timestamp: now,
          pcrs: new Map(Array.from({ length: 16 }, (_, index) => [index, new Uint8Array(48).fill(index)])),
          certificate: der(leaf),
          cabundle: [der(root), der(zone)],
          public_key: new Uint8Array(this.recipient.publicKey.export({ format: 'der', type: 'spki' })),
          user_data: null,
          nonce: null,
          ...claims,
        }),
      ),
    )
    const protectedHeader = encode(header)
    const signed = encode(['Signature1', protectedHeader, new Uint8Array(), payload])
    const key: KeyObject = createPrivateKey({
      key: Buffer.from(await crypto.subtle.exportKey('pkcs8', leaf.keys.privateKey)),
      format: 'der',
      type: 'pkcs8',
    })
    const signature = new Uint8Array(sign('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }))
    return encode([protectedHeader, new Map(), payload, signature])
  }
}

/** The client of external key store proxies: the XKS proxy API 1.0.3, signed with SigV4 as its service kms-xks-proxy. */
import { createHash } from 'node:crypto'
import { concat, equal, textOf, utf8 } from '../bytes.ts'
import { signed } from '../identity/signing.ts'
import type { SigningKeys } from '../identity/signing-keys.ts'
import { type FailureReason, failures, ProxyFailure } from '../stores/failures.ts'
import type { XksProxy } from '../stores/key-store.ts'
import type { ExternalCiphertext, ProxyCall, Xks } from '../stores/ports.ts'

export interface ProxyRequest {
  /** `https://` and a host name. */
  readonly endpoint: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}
export interface ProxyResponse {
  readonly status: number
  readonly body: Uint8Array
}

export interface XksOptions {
  readonly region: string
  readonly signingKeys: SigningKeys
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Sends a POST and gives the whole answer. @throws ProxyFailure */
  readonly send: (request: ProxyRequest) => Promise<ProxyResponse>
}

const service = 'kms-xks-proxy'
const algorithm = 'AES_GCM'
const integrity = 'SHA_256'

export function openXks({ region, signingKeys, now, send }: XksOptions): Xks {
  async function post(
    { endpoint, path: prefix, credential }: XksProxy,
    suffix: string,
    members: object,
  ): Promise<Answer> {
    const path = `${prefix}/${suffix}`
    if (hasOddSegment(prefix)) throw new ProxyFailure('InvalidUriPathException')
    if (hasOddSegment(path)) throw new ProxyFailure('KeyNotFoundException')
    const body = utf8(JSON.stringify(members))
    const host = endpoint.slice('https://'.length).toLowerCase()
    const { accessKeyId } = credential
    const keyOf = (date8: string) => signingKeys.of(credential, { date8, region, service })
    const signer = { accessKeyId, region, service, keyOf }
    const headers = {
      ...(await signed({ method: 'POST', path, host, body }, signer, now())),
      'content-type': 'application/json',
    }
    return answerOf(await send({ endpoint, path, headers, body }))
  }

  return {
    async checkHealth(proxy, { operation, requestId }) {
      const requestMetadata = { kmsRequestId: requestId, kmsOperation: operation }
      demandWorking(await post(proxy, 'health', { requestMetadata }))
    },

    async describeKey(proxy, externalKeyId, call) {
      const answer = await post(proxy, `keys/${externalKeyId}/metadata`, { requestMetadata: metadataOf(call) })
      return {
        spec: textIn(answer, 'keySpec'),
        status: textIn(answer, 'keyStatus'),
        usages: listIn(answer, 'keyUsage').map(asWord),
      }
    },

    async encrypt(proxy, externalKeyId, plaintext, aad, call) {
      const answer = await post(proxy, `keys/${externalKeyId}/encrypt`, {
        requestMetadata: metadataOf(call),
        plaintext: base64(plaintext),
        encryptionAlgorithm: algorithm,
        additionalAuthenticatedData: base64(aad),
        ciphertextDataIntegrityValueAlgorithm: integrity,
      })
      const sealed = {
        ciphertext: bytesIn(answer, 'ciphertext', [plaintext.length]),
        iv: bytesIn(answer, 'initializationVector', [12, 16]),
        tag: bytesIn(answer, 'authenticationTag', [16]),
        metadata: answer.ciphertextMetadata === undefined ? new Uint8Array() : bytesIn(answer, 'ciphertextMetadata'),
      }
      if (sealed.metadata.length > 20) throw uninterpretable()
      if (!equal(bytesIn(answer, 'ciphertextDataIntegrityValue', [32]), integrityValue(aad, sealed))) {
        throw uninterpretable()
      }
      return sealed
    },

    async decrypt(proxy, externalKeyId, { ciphertext, iv, tag, metadata }, aad, call) {
      const answer = await post(proxy, `keys/${externalKeyId}/decrypt`, {
        requestMetadata: metadataOf(call),
        ciphertext: base64(ciphertext),
        encryptionAlgorithm: algorithm,
        initializationVector: base64(iv),
        authenticationTag: base64(tag),
        additionalAuthenticatedData: base64(aad),
        ...(metadata.length > 0 && { ciphertextMetadata: base64(metadata) }),
      })
      return bytesIn(answer, 'plaintext', [ciphertext.length])
    },
  }
}

/** Segments that signers and servers read in different ways. */
const hasOddSegment = (path: string): boolean =>
  path
    .split('/')
    .slice(1)
    .some((segment) => /^\.{0,2}$/.test(segment))

const metadataOf = ({ principalArn, operation, requestId, keyArn }: ProxyCall) => ({
  awsPrincipalArn: principalArn,
  kmsOperation: operation,
  kmsRequestId: requestId,
  ...(keyArn !== undefined && { kmsKeyArn: keyArn }),
})

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** What the proxy hashes of what it has encrypted, before it goes over the wire. */
export const integrityValue = (aad: Uint8Array, { metadata, iv, ciphertext, tag }: ExternalCiphertext): Uint8Array =>
  new Uint8Array(sha256(concat(aad, metadata, iv, ciphertext, tag)))

type Answer = Readonly<Record<string, unknown>>

const uninterpretable = (options?: ErrorOptions) => new ProxyFailure('uninterpretable', options)

/** Of the reasons, those that a proxy gives by name. */
const isErrorName = (name: unknown): name is FailureReason =>
  typeof name === 'string' && name.endsWith('Exception') && Object.hasOwn(failures, name)

/** The members of a proper answer. Anything else, a redirection too, is a failure. */
function answerOf({ status, body }: ProxyResponse): Answer {
  const json = jsonOf(body)
  if (status === 200) return json
  throw isErrorName(json.errorName) && status >= 400 ? new ProxyFailure(json.errorName) : uninterpretable()
}

function jsonOf(body: Uint8Array): Answer {
  try {
    const json: unknown = JSON.parse(textOf(body))
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  } catch (cause) {
    throw uninterpretable({ cause })
  }
  throw uninterpretable()
}

/** An upper-case word, as they go into messages. */
function asWord(value: unknown): string {
  if (typeof value !== 'string' || !/^[A-Z][A-Z0-9_]{0,63}$/.test(value)) throw uninterpretable()
  return value
}

const textIn = (answer: Answer, name: string): string => asWord(answer[name])

function listIn(answer: Answer, name: string): readonly unknown[] {
  const value = answer[name]
  if (!Array.isArray(value) || value.length > 10) throw uninterpretable()
  return value
}

function bytesIn(answer: Answer, name: string, lengths?: readonly number[]): Uint8Array {
  const value = answer[name]
  if (typeof value !== 'string') throw uninterpretable()
  const bytes = new Uint8Array(Buffer.from(value, 'base64'))
  if (base64(bytes) !== value || (lengths && !lengths.includes(bytes.length))) throw uninterpretable()
  return bytes
}

function demandWorking(answer: Answer): void {
  const fleet = listIn(answer, 'ekmFleetDetails')
  if (!(Number(answer.xksProxyFleetSize) > 0) || fleet.length === 0) throw uninterpretable()
  const statuses = fleet.map((each) => asWord((each as { healthStatus?: unknown } | null)?.healthStatus))
  if (statuses.every((status) => status === 'UNAVAILABLE')) throw new ProxyFailure('unavailable')
}

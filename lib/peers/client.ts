/** The other Regions, over HTTP: one signed POST a letter. */
import { textOf } from '../bytes.ts'
import {
  DependencyTimeoutException,
  KMSInternalException,
  MalformedPolicyDocumentException,
  UnsupportedOperationException,
} from '../errors.ts'
import { peerAccessKeyId, peerPath, peerService, peerSigningKey } from '../identity/peer-signature.ts'
import { signed } from '../identity/signing.ts'
import type { Hsm } from '../ports.ts'
import type { Letters, Peers } from '../regions/peers.ts'

export interface PeersOptions {
  /** Where each Region is: `https://host`, or `http://` on this machine. */
  readonly endpoints: Readonly<Record<string, string>>
  readonly hsm: Pick<Hsm, 'macForPeers'>
  readonly letters: Letters
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Sends a POST and gives the whole answer. Rejects when there is none. */
  readonly post: Post
}

export type Post = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
) => Promise<{ readonly status: number; readonly body: Uint8Array }>

export function openPeers({ endpoints, hsm, letters, now, post }: PeersOptions): Peers {
  return {
    regions: Object.keys(endpoints).sort(),
    async send(region, letter) {
      const endpoint = endpoints[region]
      if (endpoint === undefined) throw unreachable(region)
      const url = new URL(peerPath, endpoint)
      const body = letters.write(letter)
      const signer = {
        accessKeyId: peerAccessKeyId,
        region,
        service: peerService,
        keyOf: (date8: string) => peerSigningKey(hsm, date8, region),
      }
      const toSign = { method: 'POST', path: url.pathname, host: url.host, body }
      const headers = await signed(toSign, signer, now())
      const answer = await post(url, headers, body).catch((cause: unknown) => {
        throw unreachable(region, { cause })
      })
      if (answer.status === 200) return letters.readAnswer(answer.body)
      throw refusal(region, answer.status, answer.body)
    },
  }
}

/** Over the network. Redirections are not followed; certificates are always verified. */
export const postWithin =
  (timeoutMs: number): Post =>
  async (url, { host: _, ...headers }, body) => {
    const request = { method: 'POST', headers, body: Buffer.from(body), redirect: 'error' } as const
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(timeoutMs) })
    return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
  }

const unreachable = (region: string, options?: ErrorOptions) =>
  new DependencyTimeoutException(`Region ${region} cannot be reached. The request can be retried.`, options)

/** What the caller of the operation can do something about is told as it was said; all else is between the Regions. */
const told = { UnsupportedOperationException, DependencyTimeoutException, MalformedPolicyDocumentException } as const

function refusal(region: string, status: number, bytes: Uint8Array): Error {
  let said: { readonly __type?: unknown; readonly message?: unknown } = {}
  try {
    said = Object(JSON.parse(textOf(bytes)))
  } catch {
    // Not one of ours: a gateway's page.
  }
  const [, Told] = Object.entries(told).find(([name]) => name === said.__type) ?? []
  if (Told) return new Told(typeof said.message === 'string' ? said.message : undefined)
  if (status >= 500 && said.__type === undefined) return unreachable(region)
  const cause = new Error(`${region} answered ${status} ${String(said.__type)}: ${String(said.message)}`)
  return new KMSInternalException(undefined, { cause })
}

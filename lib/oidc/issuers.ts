/**
 * The keys of OIDC providers, fetched from where their discovery documents say. A provider is registered before it is
 * ever asked, and asked no oftener than `cooldownMs` allows, whatever tokens arrive.
 */
import { textOf } from '../bytes.ts'
import { IDPCommunicationError } from '../errors.ts'
import type { Issuers } from '../identity/ports.ts'

export interface IssuerOptions {
  readonly now: () => number
  /** Providers on this machine are reached by http. */
  readonly httpOnLoopback: boolean
  readonly timeoutMs?: number
}

type Json = Readonly<Record<string, unknown>>

interface Fetched {
  readonly at: number
  readonly keys: Promise<readonly Json[]>
}

/** A key that a provider has withdrawn is trusted no longer than this. */
const maxAgeMs = 10 * 60_000
/** At least this long between two fetches of one provider's keys. */
const cooldownMs = 10_000
const maxBytes = 256 * 1024
const maxProviders = 1000

const loopback = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?(?:\/|$)/

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

export function openIssuers({ now, httpOnLoopback, timeoutMs = 5000 }: IssuerOptions): Issuers {
  const fetched = new Map<string, Fetched>()
  const byHttp = (url: string): boolean => httpOnLoopback && loopback.test(url)

  /** @throws IDPCommunicationError, which does not say what the network answered */
  async function read(from: string): Promise<Json> {
    try {
      const url = new URL(from)
      const allowed = url.protocol === 'https:' || (url.protocol === 'http:' && byHttp(`${url.host}/`))
      if (!allowed || url.username !== '') throw new Error(`${url.protocol} is not the way to an OIDC provider`)
      // A redirect could lead anywhere.
      const response = await fetch(url, {
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
        headers: { accept: 'application/json' },
      })
      if (response.status !== 200) throw new Error(`status ${response.status}`)
      const json: unknown = JSON.parse(textOf(await bodyOf(response)))
      if (!isObject(json)) throw new Error('no JSON object')
      return json
    } catch (cause) {
      throw new IDPCommunicationError('Could not communicate with the identity provider.', { cause })
    }
  }

  async function fetchKeys(url: string): Promise<readonly Json[]> {
    const origin = `${byHttp(url) ? 'http' : 'https'}://${url}`
    const description = await read(`${origin.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { issuer, jwks_uri: from } = description
    const sameIssuer = typeof issuer === 'string' && issuer.replace(/^https?:\/\//, '') === url
    const { keys } = sameIssuer && typeof from === 'string' ? await read(from) : {}
    if (!Array.isArray(keys)) throw new IDPCommunicationError('Could not communicate with the identity provider.')
    return keys.filter(isObject)
  }

  return {
    keysOf(url, unknownKey = false) {
      const known = fetched.get(url)
      const age = known ? now() - known.at : Number.POSITIVE_INFINITY
      if (known && age >= 0 && age < (unknownKey ? cooldownMs : maxAgeMs)) return known.keys
      const keys = fetchKeys(url)
      fetched.delete(url)
      if (fetched.size >= maxProviders) fetched.delete(fetched.keys().next().value ?? url)
      fetched.set(url, { at: now(), keys })
      // A failure is remembered for as long as a fetch would be spared.
      keys.catch(() => fetched.set(url, { at: now() - maxAgeMs + cooldownMs, keys }))
      return keys
    },
    urlOf(issuer) {
      const [, scheme, url] = /^(https?):\/\/([!-~]+)$/.exec(issuer) ?? []
      return url !== undefined && (scheme === 'https' || byHttp(url)) ? url : undefined
    },
  }
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBytes) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What kinds of settings there are, and how each is read from an environment variable. */
import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'

export interface Setting<T> {
  readonly summary: string
  /** As the README shows it, where the default is worked out. */
  readonly byDefault: string
  readonly read: (text: string | undefined, env: Env) => T
}
export type Env = Readonly<Record<string, string | undefined>>

/** A configuration that cannot be used; the message says which variable and what would do. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

export const text = (summary: string, byDefault: string, pattern = /^[^\0\n]+$/, what = 'text'): Setting<string> => ({
  summary,
  byDefault,
  read: (given) => {
    const value = given ?? byDefault
    if (!pattern.test(value)) throw new ConfigurationError(what)
    return value
  },
})

export const optionalText = (summary: string, pattern = /^[^\0\n]+$/, what = 'text'): Setting<string | undefined> => ({
  summary,
  byDefault: '',
  read: (given) => {
    if (given !== undefined && !pattern.test(given)) throw new ConfigurationError(what)
    return given
  },
})

export const whole = (summary: string, byDefault: number, min: number, max: number): Setting<number> => ({
  summary,
  byDefault: String(byDefault),
  read: (given) => {
    const value = given === undefined ? byDefault : Number(given)
    if (!Number.isInteger(value) || value < min || value > max || given === '') {
      throw new ConfigurationError(`a whole number from ${min} to ${max}`)
    }
    return value
  },
})

export const choice = <const V extends readonly string[]>(summary: string, values: V): Setting<V[number]> => ({
  summary: `${summary} ${values.map((value) => `\`${value}\``).join(', ')}.`,
  byDefault: values[0] ?? '',
  read: (given) => {
    const value = given ?? values[0]
    if (value === undefined || !values.includes(value)) throw new ConfigurationError(`one of ${values.join(', ')}`)
    return value
  },
})

export const homeOf = (env: Env): string => resolve(env.KEYSTEAD_HOME ?? '.keystead')

export const inHome = (summary: string, name: string): Setting<string> => ({
  summary,
  byDefault: `$KEYSTEAD_HOME/${name}`,
  read: (given, env) => resolve(given ?? join(homeOf(env), name)),
})

/** Addresses, and networks as `10.0.0.0/8`. */
export const networks = (summary: string): Setting<BlockList> => ({
  summary,
  byDefault: '',
  read: (given) => {
    const list = new BlockList()
    for (const each of given?.split(',') ?? []) {
      const [, address = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(each) ?? []
      const version = isIP(address)
      const most = version === 6 ? 128 : 32
      const width = bits === undefined ? most : Number(bits)
      if (version === 0 || width > most) throw new ConfigurationError('addresses or networks with commas between')
      list.addSubnet(address, width, version === 6 ? 'ipv6' : 'ipv4')
    }
    return list
  },
})

/** @throws ConfigurationError saying what would do, where a text is no JSON object */
export function objectIn(text: string, what: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new ConfigurationError(what)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new ConfigurationError(what)
  return { ...json }
}

export const regionName = /^[a-z]{2,}(?:-[a-z]+)+-\d+$/

/** Over TLS, or on this machine; and nothing but a host. */
function isPeer(endpoint: unknown): boolean {
  const url = typeof endpoint === 'string' ? URL.parse(endpoint) : null
  if (!url) return false
  const near = url.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  return (near || url.protocol === 'https:') && url.href === `${url.origin}/`
}

/** Where other Regions are, by their names. */
export function peersIn(text: string): Readonly<Record<string, string>> {
  const what = 'JSON: an object of "https://host" (or "http://127.0.0.1:port") by Region'
  const json = objectIn(text, what)
  for (const [region, endpoint] of Object.entries(json)) {
    if (!isPeer(endpoint) || !regionName.test(region)) throw new ConfigurationError(what)
  }
  return json as Readonly<Record<string, string>>
}

/** What kinds of settings there are, and how each is read from an environment variable. */
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

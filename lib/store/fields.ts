/** How the members of a record are written into an item and checked on the way back. */

export interface Field<T> {
  readonly encode: (value: T) => unknown
  /** Undefined when what is stored is not a T: nothing is coerced, so nothing is half read. */
  readonly decode: (stored: unknown) => T | undefined
  readonly optional?: true
}

/** A field for every member, and an optional one for exactly the optional members. */
export type FieldsOf<T> = {
  readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> &
    (Record<never, never> extends Pick<T, K> ? { readonly optional: true } : { readonly optional?: never })
}

const same = <T>(accepts: (stored: unknown) => stored is T): Field<T> & { readonly optional?: never } => ({
  encode: (value) => {
    // INVARIANT: what is written can be read back.
    if (!accepts(value)) throw new TypeError('not a value that can be stored')
    return value
  },
  decode: (stored) => (accepts(stored) ? stored : undefined),
})

/** Text that UTF-8 can hold: a lone surrogate would come back as another character. */
export const text = same((stored): stored is string => typeof stored === 'string' && stored.isWellFormed())

/** A count, a revision or a time in milliseconds. */
export const whole = same((stored): stored is number => Number.isSafeInteger(stored) && Number(stored) >= 0)

export const bytes = same((stored): stored is Uint8Array => stored instanceof Uint8Array)

export const flag = same((stored): stored is boolean => typeof stored === 'boolean')

export const oneOf = <const T extends string>(values: readonly T[]) =>
  same((stored): stored is T => (values as readonly unknown[]).includes(stored))

export const optional = <T>(field: Field<T>) => ({ ...field, optional: true as const })

export const list = <T>(item: Field<T>): Field<readonly T[]> & { readonly optional?: never } => ({
  encode: (value) => value.map(item.encode),
  decode: (stored) => {
    if (!Array.isArray(stored)) return undefined
    const items = stored.map(item.decode)
    return items.some((each) => each === undefined) ? undefined : (items as T[])
  },
})

/** A list of pairs: names that callers choose are values in the table, never names of attributes. */
export const pairs: Field<Readonly<Record<string, string>>> & { readonly optional?: never } = {
  encode: (value) => Object.entries(value).map(([name, each]) => [text.encode(name), text.encode(each)]),
  decode: (stored) => {
    if (!Array.isArray(stored) || !stored.every(isPair)) return undefined
    const names = new Set(stored.map(([name]) => name))
    return names.size === stored.length ? Object.fromEntries(stored) : undefined
  },
}

const isPair = (stored: unknown): stored is readonly [string, string] =>
  Array.isArray(stored) && stored.length === 2 && stored.every((each) => text.decode(each) !== undefined)

/** A map with these members and no others: one more is from a version that knows something this one does not. */
export function record<T extends object>(fields: FieldsOf<T>): Field<T> & { readonly optional?: never } {
  const entries = Object.entries<Field<unknown>>(fields as Readonly<Record<string, Field<unknown>>>)
  return {
    encode: (value) =>
      Object.fromEntries(
        entries
          .map(([name, field]) => [name, field, (value as Readonly<Record<string, unknown>>)[name]] as const)
          .filter(([, field, member]) => member !== undefined || !field.optional)
          .map(([name, field, member]) => [name, field.encode(member)]),
      ),
    decode: (stored) => {
      if (!isMap(stored)) return undefined
      const members: [string, unknown][] = []
      for (const [name, field] of entries) {
        if (field.optional && !Object.hasOwn(stored, name)) continue
        const member = Object.hasOwn(stored, name) ? field.decode(stored[name]) : undefined
        if (member === undefined) return undefined
        members.push([name, member])
      }
      return members.length === Object.keys(stored).length ? (Object.fromEntries(members) as T) : undefined
    },
  }
}

const isMap = (stored: unknown): stored is Readonly<Record<string, unknown>> =>
  typeof stored === 'object' && stored !== null && Object.getPrototypeOf(stored) === Object.prototype

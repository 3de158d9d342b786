export type Use = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'wrap' | 'unwrap' | 'derive'

/** The usage attributes of a key, each said: SoftHSM takes one that a template leaves out for granted. */
export const uses = (...allowed: readonly Use[]): Readonly<Record<Use, boolean>> => ({
  encrypt: allowed.includes('encrypt'),
  decrypt: allowed.includes('decrypt'),
  sign: allowed.includes('sign'),
  verify: allowed.includes('verify'),
  wrap: allowed.includes('wrap'),
  unwrap: allowed.includes('unwrap'),
  derive: allowed.includes('derive'),
})

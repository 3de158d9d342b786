/** The forms of IAM's identifiers (kms-authz.md §9.4). Randomness is the caller's to bring. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Random bytes that a unique id, or the end of an access key id, is made of. */
export const idBytes = 17

const letters = (random: Uint8Array): string => Array.from(random, (byte) => alphabet[byte & 31]).join('')

/** @param random `idBytes` random bytes */
export const uniqueId = (prefix: 'AIDA' | 'AROA' | 'AGPA' | 'ANPA', random: Uint8Array): string =>
  prefix + letters(random.subarray(0, idBytes))

/** Sixteen letters of base32 for ten bytes. */
function base32(bytes: Uint8Array): string {
  let bits = bytes.reduce((all, byte) => (all << 8n) | BigInt(byte), 0n)
  const out: string[] = []
  for (let at = 0; at < (bytes.length * 8) / 5; at++) {
    out.unshift(alphabet[Number(bits & 31n)] ?? '')
    bits >>= 5n
  }
  return out.join('')
}

/**
 * An access key id, which says whose account it is of.
 * @param random at least five random bytes
 */
export function accessKeyId(prefix: 'AKIA' | 'ASIA', account: string, random: Uint8Array): string {
  const head = (1n << 47n) | (BigInt(account) << 7n) | BigInt((random[0] ?? 0) & 127)
  const bytes = new Uint8Array(10)
  new DataView(bytes.buffer).setBigUint64(0, head << 16n)
  bytes.set(random.subarray(1, 5), 6)
  return prefix + base32(bytes)
}

/** The account that an access key id of this form says it is of; undefined for another form. */
export function accountOfAccessKeyId(id: string): string | undefined {
  const body = /^(?:AKIA|ASIA)([Q-Z2-7][A-Z2-7]{15})$/.exec(id)?.[1]
  if (body === undefined) return
  const bits = [...body].reduce((all, letter) => (all << 5n) | BigInt(alphabet.indexOf(letter)), 0n)
  const account = (bits >> 39n) & 0xff_ffff_ffffn
  return account > 999_999_999_999n ? undefined : String(account).padStart(12, '0')
}

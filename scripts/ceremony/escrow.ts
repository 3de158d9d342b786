/** What is in escrow: the keys of a token, encrypted to the escrow key when they were made, and to nobody since. */
import { constants, createPublicKey, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'
import { fromHex, hex } from '../../lib/bytes.ts'
import { parseRootName } from '../../lib/hsm/roots.ts'
import { type Escrow, fingerprint } from '../provision.ts'

const rootBytes = 32
const bindingName = /^(?:domain-)?binding-[1-9]\d*(?:-[0-9a-f]{16})?$/
const oaep = (key: KeyObject) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' })

const membersOf = (value: unknown): readonly (readonly [string, unknown])[] => Object.entries(Object(value))

/**
 * What files hold for one escrow key: the `escrow.json` of a token, and what `npm run domain -- share --escrow` wrote.
 * @throws Error when they hold nothing for it, or a root without the binding key that goes with it
 */
export function escrowIn(files: readonly unknown[], escrowKey: string): Escrow {
  const recipient = fingerprint(createPublicKey(escrowKey))
  const keys = new Map<string, string>()
  let tokenLabel = ''
  for (const file of files) {
    const { tokenLabel: named, recipient: whole, keys: found } = Object(file)
    if (typeof named === 'string') tokenLabel ||= named
    for (const [label, sent] of membersOf(found)) {
      const wrapped = typeof sent === 'string' ? whole === recipient && sent : Object(sent)[recipient]
      if (typeof wrapped !== 'string') continue
      if (!parseRootName(label) && !bindingName.test(label))
        throw new Error(`The escrow holds ${label}, which is no root.`)
      keys.set(label, wrapped)
    }
  }
  const lacking = [...keys.keys()].map((label) => parseRootName(label)?.binding).find((each) => each && !keys.has(each))
  if (lacking) throw new Error(`The escrow lacks ${lacking}, without which a root of it is of no use.`)
  if (![...keys.keys()].some((label) => parseRootName(label)?.kind === 'regional')) {
    throw new Error('The escrow holds no regional root for the key that these shares give.')
  }
  return { version: 1, tokenLabel, recipient, encryption: 'RSA-OAEP, SHA-1', keys: Object.fromEntries(keys) }
}

/** What was encrypted to one key, encrypted to another; in clear only in between, in memory. */
function readdressed(label: string, wrapped: string, from: KeyObject, to: KeyObject): Uint8Array {
  let clear = Buffer.alloc(0)
  try {
    clear = privateDecrypt(oaep(from), fromHex(wrapped))
    if (clear.length !== rootBytes) throw new Error('not a root')
    return new Uint8Array(publicEncrypt(oaep(to), clear))
  } catch (cause) {
    throw new Error(`What the escrow holds of ${label} is corrupted.`, { cause })
  } finally {
    clear.fill(0)
  }
}

/** All that is in escrow, encrypted to another key, by label. @throws Error naming what is corrupted */
export const readdress = ({ keys }: Escrow, from: KeyObject, to: KeyObject): ReadonlyMap<string, Uint8Array> =>
  new Map(Object.entries(keys).map(([label, wrapped]) => [label, readdressed(label, wrapped, from, to)]))

/** The same keys in escrow with other custodians. */
export function escrowFor(escrow: Escrow, from: KeyObject, to: KeyObject): Escrow {
  const sent = [...readdress(escrow, from, to)].map(([label, wrapped]) => [label, hex(wrapped)] as const)
  return { ...escrow, recipient: fingerprint(to), keys: Object.fromEntries(sent) }
}

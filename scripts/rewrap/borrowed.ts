/**
 * Roots that M custodians lend from escrow, so that what hangs from them can be wrapped again. Each is unwrapped in the
 * token, by a transfer key made there for the purpose, as an object of one session of this process: what it opens is
 * sensitive and stays in that session, but is extractable. With the session all of it is gone.
 */
import type { KeyObject } from 'node:crypto'
import type { Handle } from '../../lib/hsm/pkcs11.ts'
import { parseRootName, type Root } from '../../lib/hsm/roots.ts'
import { readdress } from '../ceremony/escrow.ts'
import { borrowKey, type Escrow, keyOf, sessionBeside, ulong } from '../provision.ts'
import type { RootedToken } from './token.ts'

export interface BorrowedRoots {
  readonly byId: ReadonlyMap<string, Root>
  /** Ends their session, and them. */
  close(): void
}

/** Lends what is in escrow, and the key that opens it. @throws Error when custodians do not */
export type OpenEscrow = <T>(use: (escrow: Escrow, key: KeyObject) => T) => Promise<T>

/** @throws Error when one is not in escrow, or is no root's name */
export async function borrowRoots(
  { module, tokenLabel, roots }: RootedToken,
  ids: readonly string[],
  openEscrow: OpenEscrow,
): Promise<BorrowedRoots> {
  const { token, session, close } = sessionBeside(module, tokenLabel)
  try {
    const transfer = token.generateKeyPair(session)
    const transferKey = keyOf(token, session, transfer.publicKey)
    const sent = await openEscrow((escrow, key) => {
      const wanted = ids.flatMap((id) => [id, ...bindingNeeded(id, roots)])
      const lacking = wanted.find((label) => !Object.hasOwn(escrow.keys, label))
      if (lacking !== undefined) throw new Error(`The escrow does not hold ${lacking}.`)
      const keys = Object.fromEntries(Object.entries(escrow.keys).filter(([label]) => wanted.includes(label)))
      return readdress({ ...escrow, keys }, key, transferKey)
    })
    const handleOf = (label: string, kind: 'root' | 'binding'): Handle | undefined => {
      const wrapped = sent.get(label)
      return wrapped && ulong(borrowKey(token, session, transfer.privateKey, kind, wrapped))
    }
    const byId = new Map<string, Root>()
    for (const id of ids) {
      const name = parseRootName(id)
      const handle = name && handleOf(id, 'root')
      const binding = name && (bindingIn(id, roots) ?? handleOf(name.binding, 'binding'))
      if (!name || !handle || !binding) throw new Error(`${id} is no root.`)
      byId.set(id, { id, kind: name.kind, handle, binding })
    }
    return { byId, close }
  } catch (error) {
    close()
    throw error
  }
}

/** The binding key of a root, where the token has it, with the root or without: regional roots share theirs. */
const bindingIn = (id: string, { current, byId }: RootedToken['roots']): Handle | undefined =>
  parseRootName(id)?.kind === 'regional' ? current.binding : byId.get(id)?.binding

const bindingNeeded = (id: string, roots: RootedToken['roots']): readonly string[] => {
  const name = parseRootName(id)
  return name && !bindingIn(id, roots) ? [name.binding] : []
}

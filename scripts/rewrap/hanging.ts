/** What in a store hangs from the roots of one token. */
import { equal } from '../../lib/bytes.ts'
import { bindingBy, rootFor } from '../../lib/hsm/materials.ts'
import { parseRootName } from '../../lib/hsm/roots.ts'
import type { BoundKey, Holder, WrappedKeys } from '../../lib/store/wrapped.ts'
import type { RootedToken } from './token.ts'

/** How many keys hang from each root, by kind of the item that holds them. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>()

  add(rootId: string, kind: string): void {
    const kinds = this.#counts.get(rootId) ?? new Map<string, number>()
    this.#counts.set(rootId, kinds.set(kind, (kinds.get(kind) ?? 0) + 1))
  }

  get roots(): readonly string[] {
    return [...this.#counts.keys()].toSorted()
  }

  under(rootId: string): number {
    return [...(this.#counts.get(rootId)?.values() ?? [])].reduce((sum, each) => sum + each, 0)
  }

  get total(): number {
    return this.roots.reduce((sum, each) => sum + this.under(each), 0)
  }

  /** For people: `12 material, 3 access-key`. */
  kindsUnder(rootId: string): string {
    const kinds = [...(this.#counts.get(rootId) ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return kinds.map(([kind, many]) => `${many} ${kind}`).join(', ')
  }
}

/**
 * Whether a key is this token's: tokens of custom key stores have roots of the same names. Of material whose key is not
 * there, or not yet, its binding says so.
 */
async function isHere(store: WrappedKeys, { session, roots, cluster }: RootedToken, key: BoundKey): Promise<boolean> {
  const custody = await store.custodyOf(key)
  if (custody) return custody.cluster === cluster
  const { rootId: id, blob, binding } = key.wrapped
  if (parseRootName(id)?.kind !== 'regional') return cluster === undefined
  return equal(bindingBy(session, { id, binding: roots.current.binding }, key.owner, blob), binding)
}

/** The keys of an item that are this token's. */
export async function keysHere(store: WrappedKeys, token: RootedToken, holder: Holder): Promise<readonly BoundKey[]> {
  const here: BoundKey[] = []
  for (const key of holder.keys) if (await isHere(store, token, key)) here.push(key)
  return here
}

export async function tallyOf(store: WrappedKeys, token: RootedToken): Promise<Tally> {
  const tally = new Tally()
  for await (const holder of store.holders()) {
    for (const { wrapped } of await keysHere(store, token, holder)) tally.add(wrapped.rootId, holder.kind)
  }
  return tally
}

/** Whether a key hangs from another root than it would if it were made now. */
export const isOld = ({ owner, wrapped }: BoundKey, { roots }: RootedToken): boolean =>
  rootFor(owner, roots)?.id !== wrapped.rootId

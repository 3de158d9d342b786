/** All that hangs from some roots, wrapped again item by item: each by one conditional write, whatever goes on beside. */
import { isLost } from '../../lib/hsm/failures.ts'
import type { WrappedKey } from '../../lib/keys/key.ts'
import { type BoundKey, type Holder, reasonOf, type WrappedKeys } from '../../lib/store/wrapped.ts'
import { keysHere, Tally } from './hanging.ts'
import type { RootedToken } from './token.ts'

export interface Moved {
  /** By the root that it hung from. */
  readonly moved: Tally
  /** What could not be, by its name, and why. */
  readonly failed: ReadonlyMap<string, string>
}

interface Moving {
  readonly store: WrappedKeys
  readonly token: RootedToken
  readonly wants: (key: BoundKey) => boolean
  readonly again: (key: BoundKey) => WrappedKey
  /** All is done but the writes. */
  readonly dryRun: boolean
  /** Is told now and then how many keys were wrapped again. */
  readonly tell?: (many: number) => void
}

/** What was changed between its reading and its writing is read again: its new keys may hang from the old root, too. */
const mostAttempts = 8

async function moveOne({ store, token, wants, again, dryRun }: Moving, first: Holder, moved: Tally): Promise<void> {
  let holder: Holder | undefined = first
  for (let attempt = 0; holder && attempt < mostAttempts; attempt++) {
    const old = (await keysHere(store, token, holder)).filter(wants)
    if (old.length === 0) return
    const made = new Map(old.map((key) => [key.wrapped, again(key)]))
    if (dryRun || (await store.replace(holder, ({ wrapped }) => made.get(wrapped) ?? wrapped))) {
      for (const { wrapped } of old) moved.add(wrapped.rootId, holder.kind)
      return
    }
    holder = await store.find(holder.at)
  }
  if (holder) throw new Error('it is changed all the time')
}

const mostPasses = 5
const tellEvery = 100

async function moveOnce(moving: Moving, moved: Tally): Promise<Moved> {
  const failed = new Map<string, string>()
  let told = moved.total
  for await (const holder of moving.store.holders()) {
    try {
      await moveOne(moving, holder, moved)
    } catch (error) {
      // Nothing else would be done either: the roots were lent to a session that is no more.
      if (isLost(error)) throw error
      failed.set(`${holder.at.PK} ${holder.at.SK}`, reasonOf(error))
    }
    if (moved.total < told + tellEvery) continue
    told = moved.total
    moving.tell?.(told)
  }
  return { moved, failed }
}

/** Goes through the store until nothing is left that is wanted: what is made meanwhile, by whom an old root still serves, too. */
export async function moveAll(moving: Moving): Promise<Moved> {
  const moved = new Tally()
  for (let pass = 1; ; pass++) {
    const before = moved.total
    const done = await moveOnce(moving, moved)
    if (moving.dryRun || moved.total === before || pass === mostPasses) return done
  }
}

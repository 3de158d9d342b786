/** What is to be done with keys in time. */
import type { Key } from './key.ts'
import { multiRegionTypeOf } from './regions.ts'

export const dueKinds = ['rotate', 'expire', 'delete', 'synchronize'] as const
export type DueKind = (typeof dueKinds)[number]

/** Keys to do something with are spread over as many partitions as an id has last digits. */
export const dueShards = [...'0123456789abcdef'] as const
export type DueShard = (typeof dueShards)[number]

export interface DueWork {
  readonly kind: DueKind
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Imported material that is still there; staged material may expire, and be rotated in all the same. */
const expiriesOf = ({ imports = [] }: Key): readonly number[] =>
  imports.flatMap(({ state, pending, validTo }) =>
    state === 'IMPORTED' && !pending && validTo !== undefined ? [validTo] : [],
  )

/** The next work on a key, one thing at a time: a key that is to be deleted, or disabled, is not rotated. */
export function dueWorkOf(key: Key): DueWork | undefined {
  const { state, deletion, rotation, multiRegion } = key
  const work: DueWork[] = expiriesOf(key).map((at) => ({ kind: 'expire', at }))
  if (state === 'PendingDeletion' && deletion) work.push({ kind: 'delete', at: deletion.at })
  if (multiRegion?.untold) work.push({ kind: 'synchronize', at: multiRegion.untold.at })
  if (state === 'Enabled' && rotation && multiRegionTypeOf(key) !== 'REPLICA')
    work.push({ kind: 'rotate', at: rotation.nextAt })
  return work.toSorted((a, b) => a.at - b.at)[0]
}

/** Ascending with the time that work is due at. */
export const dueSortValue = (key: Pick<Key, 'id'>, { at }: DueWork): string => `${new Date(at).toISOString()}#${key.id}`

import type { Digest, Window } from './digest.ts'
import type { Lookup, LookupPage } from './lookup.ts'
import type { Range } from './mark.ts'
import type { Head } from './verify.ts'

export interface Unsealed {
  readonly window: Window
  /** Numbers passed over, by writer. */
  readonly missing: Readonly<Record<string, readonly Range[]>>
  /** Stands for everything up to here. */
  readonly cursor: string
  readonly more: boolean
}

export interface StoredDigest {
  readonly number: number
  readonly digest: Digest
  /** What it was sealed up to, in the sink's own terms. */
  readonly cursor: string
}

/** The trail as it was written, and the digests that seal it. */
export interface Trail {
  /** How many records one digest is to vouch for at most. */
  readonly windowRecords: number
  /** @param cursor of the newest digest; undefined when there is none */
  unsealed(cursor: string | undefined, limit: number, now: number): Promise<Unsealed>
  newestDigest(): Promise<StoredDigest | undefined>
  findDigest(number: number): Promise<StoredDigest | undefined>
  /** @throws Conflict when there is one of this number */
  addDigest(digest: StoredDigest): Promise<void>
  /** What is published beside the digests: which is the newest, and the public key that verifies them (SPKI DER). */
  setHead(head: Head, publicKey: Uint8Array): Promise<void>
  /**
   * What is to be forgotten: digests that vouch for nothing of this day or later, with their records. `from` is the
   * first digest that stays; once that has been published, `remove` removes the others.
   * @param before `YYYY-MM-DD`; nothing is forgotten without it
   */
  prune(before: string | undefined): Promise<{ readonly from?: number; readonly remove: () => Promise<void> }>
  /** @throws InvalidNextTokenException */
  lookUp(lookup: Lookup): Promise<LookupPage>
}

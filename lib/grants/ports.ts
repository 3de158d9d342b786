import type { Page, PageRequest, Read } from '../ports.ts'
import type { Grant } from './grant.ts'
import type { GrantTallies } from './tally.ts'
import type { GrantTokens } from './tokens.ts'

export interface Grants {
  find(keyId: string, id: string, read?: Read): Promise<Grant | undefined>
  /** @throws Conflict when the key has one with this id */
  create(grant: Grant): Promise<void>
  /** Ends a grant; one that is no more, or was made anew since, is left alone. */
  remove(grant: Grant): Promise<void>
  /** All that are bound to this grantee on this key, whatever the key's other grants. */
  ofGrantee(keyId: string, bound: string, read?: Read): Promise<readonly Grant[]>
  /** Ascending by id: all of a key, or those bound to one grantee. Never from memory. */
  list(keyId: string, page: PageRequest, bound?: string): Promise<Page<Grant>>
  /** Of all keys, paged by `retirableSortValue`. A grant that was created or ended lately may be missing, or be there. */
  retirableBy(bound: string, page: PageRequest): Promise<Page<Grant>>
  readonly tallies: GrantTallies
}

export interface GrantPorts {
  readonly grants: Grants
  readonly grantTokens: GrantTokens
}

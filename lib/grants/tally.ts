/**
 * AWS's quota of grants a key, without counting fifty thousand of them for each that is made. A tally is kept that is
 * never less than they are: each creation is counted before it is done, and no ending is. So requests that are cut short,
 * or sent again, leave it too high at the worst; and where it says that there is no room left the grants themselves are
 * counted, once in a while, and the tally is put right.
 */
import { LimitExceededException } from '../errors.ts'
import type { Grant } from './grant.ts'
import type { Grants } from './ports.ts'

export interface GrantTally {
  readonly keyId: string
  readonly revision: number
  /** At least how many grants the key has. */
  readonly count: number
  /** When it was last counted up. */
  readonly at: number
  /** When the grants themselves were last counted. */
  readonly countedAt?: number
}

export interface GrantTallies {
  /** Counts one up, from none where there is no tally, unless it is at `most`. @returns whether it did */
  countUp(keyId: string, most: number, now: number): Promise<boolean>
  find(keyId: string): Promise<GrantTally | undefined>
  /** @throws Conflict when the stored revision is not `tally.revision` */
  replace(tally: GrantTally): Promise<void>
  remove(keyId: string): Promise<void>
}

export const mostGrants = 50_000
/** Long after what was counted up has come to be, or has failed; and how often grants are counted at the most. */
const settledMs = 60_000
/** More than are ever being made at once: counted up, and perhaps not there yet. */
const underWay = 1000
const atOnce = 5000

/** Once for each grant that is to be made. @throws LimitExceededException; Conflict when another writer was first */
export async function takeRoom(grants: Grants, { keyId, keyArn }: Grant, now: number): Promise<void> {
  const { tallies } = grants
  if (await tallies.countUp(keyId, mostGrants, now)) return
  const full = () => new LimitExceededException(`${keyArn} already has ${mostGrants} grants.`)
  const tally = await tallies.find(keyId)
  if (!tally || now - (tally.countedAt ?? 0) < settledMs) throw full()
  const found = (await countOf(grants, keyId)) + (now - tally.at < settledMs ? underWay : 0)
  const hasRoom = found < mostGrants
  await tallies.replace({
    ...tally,
    count: hasRoom ? found + 1 : mostGrants,
    countedAt: now,
    ...(hasRoom && { at: now }),
  })
  if (!hasRoom) throw full()
}

async function countOf(grants: Grants, keyId: string): Promise<number> {
  let count = 0
  for (let after: string | undefined, more = true; more && count < mostGrants; ) {
    const page = await grants.list(keyId, { limit: atOnce, ...(after !== undefined && { after }) })
    count += page.items.length
    after = page.items.at(-1)?.id
    more = page.more
  }
  return count
}

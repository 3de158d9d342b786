/** Token buckets: how often each account, and each principal of it, has called of late. */
import { ThrottlingException } from '../errors.ts'
import type { Caller } from '../identity/caller.ts'
import type { Quota } from './quotas.ts'

export interface Rates {
  /** Counts one request. @throws ThrottlingException when there were too many; the request is then not counted */
  take(caller: Pick<Caller, 'account' | 'principalId'>, quota: Quota | undefined): void
}

/** Nobody is counted. */
export const unlimited: Rates = { take() {} }

interface RateOptions {
  /** What AWS's quotas are multiplied with. */
  readonly factor: number
  /** How much of its account's quota one principal may use: more than 0, and at most 1, which leaves it to the account. */
  readonly principalShare: number
  readonly now: () => number
}

interface Bucket {
  tokens: number
  at: number
}

/**
 * More buckets than that are not remembered. The one used longest ago goes first: it has most likely filled up again, and
 * a full bucket is like none.
 */
export const maxBuckets = 50_000

export class TokenBuckets implements Rates {
  readonly #options: RateOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#buckets.size
  }

  take({ account, principalId }: Pick<Caller, 'account' | 'principalId'>, quota: Quota | undefined): void {
    if (!quota) return
    const { factor, principalShare } = this.#options
    const perSecond = quota.perSecond * factor
    const asked = [this.#bucket(`${account} ${quota.name}`, perSecond)]
    if (principalShare < 1) {
      asked.push(this.#bucket(`${account} ${quota.name} ${entityOf(principalId)}`, perSecond * principalShare))
    }
    // Both or neither: what its own share refuses costs the account nothing, and the other way round.
    if (asked.some(({ tokens }) => tokens < 1)) throw new ThrottlingException(tooMany)
    for (const bucket of asked) bucket.tokens--
  }

  /** As it is now. It holds a second's worth, and at least one. */
  #bucket(name: string, perSecond: number): Bucket {
    const now = this.#options.now()
    const capacity = Math.max(1, perSecond)
    const known = this.#buckets.get(name)
    const elapsedMs = known ? Math.max(0, now - known.at) : 0
    const bucket = {
      tokens: known ? Math.min(capacity, known.tokens + (elapsedMs * perSecond) / 1000) : capacity,
      at: now,
    }
    this.#buckets.delete(name)
    this.#buckets.set(name, bucket)
    if (this.#buckets.size > maxBuckets) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest)
        break
      }
    }
    return bucket
  }
}

const tooMany = 'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.'

/** All sessions of a role count as one: whoever may assume it chooses their names. */
const entityOf = (principalId: string): string => principalId.split(':')[0] ?? ''

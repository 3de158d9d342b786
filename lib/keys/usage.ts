/** A cryptographic operation that a key was successfully used for; or a request that an access key has signed. */
export interface KeyUse {
  readonly keyId: string
  /** AWS's name of the operation; of what an access key has signed, with the service before a colon. */
  readonly operation: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Of the audit record. */
  readonly eventId: string
  readonly requestId: string
}

const dayMs = 24 * 60 * 60 * 1000

/** The later of two uses, any of which may be unknown; of two at the same time, the second. */
export const laterOf = (a: KeyUse | undefined, b: KeyUse | undefined): KeyUse | undefined =>
  a && b ? (b.at >= a.at ? b : a) : (a ?? b)

/** What GetKeyLastUsage says of it: its time is the audit record's, in whole seconds. */
export const usageEntry = (use: KeyUse | undefined) =>
  use
    ? {
        Operation: use.operation,
        Timestamp: Math.floor(use.at / 1000) * 1000,
        CloudTrailEventId: use.eventId,
        KmsRequestId: use.requestId,
      }
    : {}

/** How long a key has not been used, in whole days: from its making on, where it never was. */
export const daysWithoutUse = (createdAt: number, last: KeyUse | undefined, now: number): number =>
  Math.max(0, Math.floor((now - (last?.at ?? createdAt)) / dayMs))

/** Sealing: what was written since the last digest gets a digest of its own. */
import { utf8 } from '../bytes.ts'
import { Conflict, type Hsm, type Materials } from '../ports.ts'
import { base64, bodyHash, type DigestBody, fingerprintOf, firstPrevious, unsignedDigest } from './digest.ts'
import { sealingKey } from './sealing-key.ts'
import type { StoredDigest, Trail } from './trail.ts'
import type { HeadBody } from './verify.ts'

interface SealingPorts {
  readonly trail: Trail
  readonly hsm: Hsm
  readonly materials: Materials
}

interface At {
  readonly account: string
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Seals what no digest has yet, up to a window of it.
 * @param newest digest that there is
 * @returns how many records they were, whether there are more, and the digest that is newest now
 * @throws Conflict when another run was first: its digest holds them
 */
async function sealNext(ports: SealingPorts, { account, region, now }: At, newest: StoredDigest | undefined) {
  const { trail } = ports
  const { window, missing, cursor, more } = await trail.unsealed(newest?.cursor, trail.windowRecords, now)
  if (window.records === 0 && Object.keys(missing).length === 0) return { records: 0, more, newest }
  const key = await sealingKey(ports, account, now)
  const number = newest ? bodyOf(newest.digest.body).number + 1 : 1
  const unsigned = unsignedDigest(window, {
    number,
    account,
    region,
    sealedAt: new Date(now).toISOString(),
    previous: newest ? bodyHash(newest.digest.body) : firstPrevious,
    missing,
    key: fingerprintOf(key.publicKey),
  })
  const signature = base64(await key.sign(utf8(unsigned.body)))
  const sealed: StoredDigest = { number, cursor, digest: { ...unsigned, signature } }
  await trail.addDigest(sealed)
  return { records: window.records, more, newest: sealed }
}

/**
 * Publishes which digests there are, after forgetting those of days before `keptSince`. Done again it says the same, so
 * a run that was cut short before it is made good by the next.
 */
async function publish(
  ports: SealingPorts,
  { account, now }: At,
  newest: StoredDigest,
  keptSince: string | undefined,
): Promise<void> {
  const { trail } = ports
  const { from = 1, remove } = await trail.prune(keptSince)
  const first = await trail.findDigest(from)
  const key = await sealingKey(ports, account, now)
  const body: HeadBody = {
    number: newest.number,
    hash: bodyHash(newest.digest.body),
    from,
    previous: first ? bodyOf(first.digest.body).previous : firstPrevious,
    at: new Date(now).toISOString(),
  }
  const text = JSON.stringify(body)
  await trail.setHead({ body: text, signature: base64(await key.sign(utf8(text))) }, key.publicKey)
  await remove()
}

interface SealingWorld extends SealingPorts {
  readonly account: string
  readonly region: string
  readonly now: () => number
  /** How many days of the trail are kept; 0 is all. */
  readonly auditKeepDays: number
}

/**
 * Seals everything that no digest has yet, or what there is time for, or nothing where another run is at it.
 * @param until milliseconds since the epoch after which no further digest is begun
 */
export async function sealAll(world: SealingWorld, until: number) {
  const at = (): At => ({ account: world.account, region: world.region, now: world.now() })
  let records = 0
  let more = true
  try {
    let newest = await world.trail.newestDigest()
    while (more && world.now() < until) {
      const sealed = await sealNext(world, at(), newest)
      records += sealed.records
      ;({ more, newest } = sealed)
    }
    if (newest) await publish(world, at(), newest, dayBefore(world.now(), world.auditKeepDays))
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
  }
  return { records, more }
}

const dayBefore = (now: number, days: number): string | undefined =>
  days === 0 ? undefined : new Date(now - days * 86_400_000).toISOString().slice(0, 10)

const bodyOf = (body: string): DigestBody => JSON.parse(body) as DigestBody

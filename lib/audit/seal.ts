/** Sealing: what was written since the last digest gets a digest of its own. */
import { utf8 } from '../bytes.ts'
import { Conflict, type Hsm, type Materials } from '../ports.ts'
import { base64, bodyHash, type DigestBody, fingerprintOf, firstPrevious, unsignedDigest } from './digest.ts'
import { sealingKey } from './sealing-key.ts'
import type { Trail } from './trail.ts'

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

/** What one digest vouches for at most: it is stored, and read, as a whole. */
const maxRecords = 10_000

/**
 * Seals up to 10,000 records that no digest has yet.
 * @returns how many they were, and whether there are more
 * @throws Conflict when another run was first: its digest holds them
 */
export async function sealNext(ports: SealingPorts, { account, region, now }: At) {
  const { trail } = ports
  const newest = await trail.newestDigest()
  const { lines, missing, cursor, more } = await trail.unsealed(newest?.cursor, maxRecords, now)
  if (lines.length === 0 && Object.keys(missing).length === 0) return { records: 0, more }
  const key = await sealingKey(ports, account, now)
  const number = newest ? bodyOf(newest.digest.body).number + 1 : 1
  const unsigned = unsignedDigest(lines, {
    number,
    account,
    region,
    sealedAt: new Date(now).toISOString(),
    previous: newest ? bodyHash(newest.digest.body) : firstPrevious,
    missing,
    key: fingerprintOf(key.publicKey),
  })
  const sign = async (text: string): Promise<string> => base64(await key.sign(utf8(text)))
  await trail.addDigest({ number, cursor, digest: { ...unsigned, signature: await sign(unsigned.body) } })
  const head = JSON.stringify({ number, hash: bodyHash(unsigned.body), at: new Date(now).toISOString() })
  await trail.setHead({ body: head, signature: await sign(head) }, key.publicKey)
  return { records: lines.length, more }
}

interface SealingWorld extends SealingPorts {
  readonly account: string
  readonly region: string
  readonly now: () => number
}

/**
 * Seals everything that no digest has yet, or what there is time for, or nothing where another run is at it.
 * @param until milliseconds since the epoch after which no further digest is begun
 */
export async function sealAll(world: SealingWorld, until: number) {
  let records = 0
  let more = true
  try {
    while (more && world.now() < until) {
      const sealed = await sealNext(world, { account: world.account, region: world.region, now: world.now() })
      records += sealed.records
      more = sealed.more
    }
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
  }
  return { records, more }
}

const bodyOf = (body: string): DigestBody => JSON.parse(body) as DigestBody

/** Digests: each closes a window of the trail, names the digest before it, and is signed by the HSM. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { hex, utf8 } from '../bytes.ts'
import { fileOfDay, type Range, type TrailLine } from './mark.ts'
import { joined, leafHash, parted, rootOf } from './merkle.ts'

/** Records that follow each other in the trail: file, writer, number of the first, count. */
export type Run = readonly [string, string, number, number]

/** What is signed. */
export interface DigestBody {
  readonly version: 1
  /** From 1, without a gap. */
  readonly number: number
  readonly account: string
  readonly region: string
  /** ISO 8601: when it was sealed. Every record in it was durable by then, and in no digest before it. */
  readonly sealedAt: string
  /** Hex SHA-256 of the body before; 64 zeros in the first. */
  readonly previous: string
  readonly records: number
  /** Hex Merkle root over the records' lines, in the trail's order. */
  readonly root: string
  readonly runs: readonly Run[]
  /** Numbers that were passed over, by writer: the records are not there, and no later record of the writer says why. */
  readonly missing: Readonly<Record<string, readonly Range[]>>
  /** Hex SHA-256 of the public key that verifies it, as SPKI DER. */
  readonly key: string
}

export interface Digest {
  /** DigestBody as JSON, byte for byte as it was signed. */
  readonly body: string
  /** ECDSA P-256 with SHA-256, DER, base64. */
  readonly signature: string
  /** The leaves' hashes one after another, base64: they tell which record differs when the root does. */
  readonly leaves: string
}

export const firstPrevious = '0'.repeat(64)

export const bodyHash = (body: string): string => hex(createHash('sha256').update(body).digest())

export const fingerprintOf = (spki: Uint8Array): string => hex(createHash('sha256').update(spki).digest())

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** What a digest says of the records themselves: enough to seal them, without them. */
export interface Window extends Pick<DigestBody, 'records' | 'root' | 'runs'>, Pick<Digest, 'leaves'> {}

/** A window in the making: of each record it keeps the hash alone. */
export class WindowDraft {
  readonly #leaves: Uint8Array[] = []
  readonly #runs: [string, string, number, number][] = []

  get records(): number {
    return this.#leaves.length
  }

  /** Takes the next line in the trail's order. */
  add({ file, mark, text }: TrailLine): void {
    this.#leaves.push(leafHash(utf8(text)))
    const last = this.#runs.at(-1)
    if (last && last[0] === file && last[1] === mark.writer && last[2] + last[3] === mark.sequence) last[3]++
    else this.#runs.push([file, mark.writer, mark.sequence, 1])
  }

  done(): Window {
    const [leaves, runs] = [this.#leaves, this.#runs]
    return { records: leaves.length, root: hex(rootOf(leaves)), runs, leaves: base64(joined(leaves)) }
  }
}

type Sealing = Pick<DigestBody, 'number' | 'account' | 'region' | 'sealedAt' | 'previous' | 'missing' | 'key'>

/** The digest of this window, but for its signature. */
export function unsignedDigest({ leaves, records, root, runs }: Window, sealing: Sealing): Omit<Digest, 'signature'> {
  const body: DigestBody = {
    version: 1,
    number: sealing.number,
    account: sealing.account,
    region: sealing.region,
    sealedAt: sealing.sealedAt,
    previous: sealing.previous,
    records,
    root,
    runs,
    missing: sealing.missing,
    key: sealing.key,
  }
  return { body: JSON.stringify(body), leaves }
}

/** A place in the trail that a digest vouches for. */
export interface SealedPlace {
  readonly file: string
  readonly writer: string
  readonly sequence: number
  readonly leaf: Uint8Array
}

/** A digest, read. */
export interface ReadDigest {
  readonly digest: Digest
  readonly body: DigestBody
  readonly places: readonly SealedPlace[]
}

/** Undefined when it is no digest, or its leaves are not those of its root: then nothing in it can be relied upon. */
export function readDigest(digest: Digest): ReadDigest | undefined {
  try {
    const body = JSON.parse(digest.body) as DigestBody
    const leaves = parted(Buffer.from(digest.leaves, 'base64'))
    if (body.version !== 1 || !leaves || leaves.length !== body.records || hex(rootOf(leaves)) !== body.root) return
    const places = body.runs.flatMap(([file, writer, first, count]) =>
      Array.from({ length: Math.min(count, leaves.length) }, (_, at) => ({ file, writer, sequence: first + at })),
    )
    if (places.length !== leaves.length) return
    return { digest, body, places: places.map((place, at) => ({ ...place, leaf: leaves[at] ?? new Uint8Array() })) }
  } catch {
    // Whatever it is, it is not what was signed.
    return undefined
  }
}

/** @param spki of the key that is trusted to sign digests */
export function isSignedBy(spki: Uint8Array, { body, signature }: Pick<Digest, 'body' | 'signature'>): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
    return verify('sha256', utf8(body), key, Buffer.from(signature, 'base64'))
  } catch {
    return false
  }
}

/** The day files that a digest vouches for. */
export const filesOf = ({ body }: Pick<Digest, 'body'>): readonly string[] =>
  (JSON.parse(body) as DigestBody).runs.map(([file]) => file)

/** Whether all that it vouches for is of days before this one; nothing is before none. @param day `YYYY-MM-DD` */
export const isPast = (digest: Pick<Digest, 'body'>, day: string | undefined): boolean =>
  day !== undefined && filesOf(digest).every((file) => file < fileOfDay(day))

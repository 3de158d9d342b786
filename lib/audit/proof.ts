/** That one record is in the trail, shown to somebody who has neither the trail nor reason to trust its keeper. */
import { fromHex, hex, utf8 } from '../bytes.ts'
import { type Digest, type DigestBody, isSignedBy, readDigest } from './digest.ts'
import { readLine } from './mark.ts'
import { isInTree, leafHash, pathOf } from './merkle.ts'
import type { Export } from './verify.ts'

export interface Proof {
  /** The record's line. */
  readonly record: string
  readonly digest: Pick<Digest, 'body' | 'signature'>
  /** Which of the digest's records it is, from 0. */
  readonly index: number
  /** Hashes beside the way to the root, in hex, nearest the record first. */
  readonly path: readonly string[]
}

/** Undefined when no digest holds a record of this event. */
export function proofFor({ files, digests }: Export, eventId: string): Proof | undefined {
  for (const text of [...files.values()].flat()) {
    if (readLine(text)?.record.eventID !== eventId) continue
    const leaf = hex(leafHash(utf8(text)))
    for (const digest of digests) {
      const places = readDigest(digest)?.places ?? []
      const index = places.findIndex((place) => hex(place.leaf) === leaf)
      if (index < 0) continue
      const path = pathOf(
        places.map((place) => place.leaf),
        index,
      ).map(hex)
      return { record: text, digest: { body: digest.body, signature: digest.signature }, index, path }
    }
  }
  return undefined
}

/** @returns what is wrong with it; undefined when it holds */
export function verifyProof({ record, digest, index, path }: Proof, spki: Uint8Array): string | undefined {
  if (!isSignedBy(spki, digest)) return 'the signature of the digest is not right'
  const { records, root } = JSON.parse(digest.body) as DigestBody
  const holds = isInTree(leafHash(utf8(record)), index, records, path.map(fromHex), fromHex(root))
  return holds ? undefined : 'the digest does not hold this record'
}

/** Whether an export of the trail is what was sealed; and if not, what differs, record by record. */
import { equal, utf8 } from '../bytes.ts'
import { bodyHash, type Digest, firstPrevious, isSignedBy, type ReadDigest, readDigest } from './digest.ts'
import { placedLine, type Range, readLine, uncovered } from './mark.ts'
import { leafHash } from './merkle.ts'

/** A signed statement of which digest is the newest: without it, whole windows could be cut off the end unseen. */
export interface Head {
  /** HeadBody as JSON, byte for byte as it was signed. */
  readonly body: string
  readonly signature: string
}

export interface HeadBody {
  /** Of the newest digest. */
  readonly number: number
  readonly hash: string
  /** Of the oldest that is kept, and what that one says of the one before it. */
  readonly from: number
  readonly previous: string
  /** ISO 8601. */
  readonly at: string
}

export interface Export {
  /** Day files by name, each with its lines in order. */
  readonly files: ReadonlyMap<string, readonly string[]>
  /** In the order of their numbers. */
  readonly digests: readonly Digest[]
  readonly head: Head | undefined
}

export interface Finding {
  readonly what: 'changed' | 'removed' | 'inserted' | 'moved' | 'missing' | 'digest'
  /** Names the record (file, writer, number, event id where it is known), or the digest. */
  readonly where: string
  readonly why: string
}

export interface Verdict {
  readonly findings: readonly Finding[]
  /** Records that a digest vouches for and that are as they were. */
  readonly sound: number
  readonly digests: number
}

interface Found {
  readonly file: string
  readonly line: number
  readonly leaf: Uint8Array
  readonly eventId: string | undefined
}

const idOf = (writer: string, sequence: number): string => `${writer}#${sequence}`

/** @param spki the public key that is trusted to sign digests */
export function verifyExport({ files, digests, head }: Export, spki: Uint8Array): Verdict {
  const { chain, findings } = verifyChain(digests, head, spki)
  const found = linesOf(files)
  let sound = 0
  const seen = new Set<string>()
  const lastLine = new Map<string, number>()
  for (const { body, places } of chain) {
    for (const { file, writer, sequence, leaf } of places) {
      const id = idOf(writer, sequence)
      const name = `${file} ${id}`
      const candidates = found.get(id) ?? []
      seen.add(id)
      const own = candidates.find((each) => equal(each.leaf, leaf))
      for (const other of candidates) {
        if (other === own) continue
        const changed = own === undefined && other === candidates[0]
        findings.push({
          what: changed ? 'changed' : 'inserted',
          where: lineName(other, id),
          why: `not what digest ${body.number} holds of ${name}`,
        })
      }
      if (!own) {
        if (candidates.length === 0)
          findings.push({ what: 'removed', where: name, why: `digest ${body.number} holds it` })
        continue
      }
      const before = lastLine.get(file) ?? 0
      if (own.file !== file || own.line < before)
        findings.push({ what: 'moved', where: lineName(own, id), why: `not where digest ${body.number} has it` })
      else sound++
      lastLine.set(file, Math.max(before, own.file === file ? own.line : 0))
    }
  }
  for (const [id, lines] of found) {
    if (seen.has(id)) continue
    for (const line of lines) findings.push({ what: 'inserted', where: lineName(line, id), why: 'in no digest' })
  }
  findings.push(...unexplained(chain, files))
  return { findings, sound, digests: chain.length }
}

const lineName = ({ file, line, eventId }: Found, id: string): string =>
  `${file}:${line} ${id}${eventId === undefined ? '' : ` (event ${eventId})`}`

/** The digests that hold, each checked against the one before it. */
function verifyChain(digests: readonly Digest[], head: Head | undefined, spki: Uint8Array) {
  const findings: Finding[] = []
  const chain: ReadDigest[] = []
  const report = (where: string, why: string) => void findings.push({ what: 'digest', where, why })
  const published = head && isSignedBy(spki, head) ? (JSON.parse(head.body) as HeadBody) : undefined
  let { from: expected, previous } = published ?? { from: 1, previous: firstPrevious }
  for (const [index, digest] of digests.entries()) {
    const read = isSignedBy(spki, digest) ? readDigest(digest) : undefined
    if (!read) {
      report(`digest at place ${index + 1}`, 'its signature or its leaves are not right')
      continue
    }
    const { number } = read.body
    if (number !== expected) report(`digest ${number}`, `follows in the place of digest ${expected}`)
    else if (read.body.previous !== previous) report(`digest ${number}`, 'does not follow the digest before it')
    chain.push(read)
    previous = bodyHash(digest.body)
    expected = number + 1
  }
  if (!published) report('head', 'missing, or its signature is not right')
  else if (published.number !== expected - 1 || published.hash !== previous)
    report('head', `names digest ${published.number} as the newest`)
  return { chain, findings }
}

/** Every line by the place that it claims. */
function linesOf(files: Export['files']): ReadonlyMap<string, readonly Found[]> {
  const found = new Map<string, Found[]>()
  for (const [file, lines] of files) {
    let offset = 0
    for (const [index, text] of lines.entries()) {
      const bytes = utf8(text)
      const { mark } = placedLine(file, offset, text)
      const id = idOf(mark.writer, mark.sequence)
      const own: Found = { file, line: index + 1, leaf: leafHash(bytes), eventId: readLine(text)?.record.eventID }
      const others = found.get(id)
      if (others) others.push(own)
      else found.set(id, [own])
      offset += bytes.length + 1
    }
  }
  return found
}

/** Numbers that digests passed over, unless the writer itself says that they could not be written. */
function unexplained(chain: readonly ReadDigest[], files: Export['files']): readonly Finding[] {
  const gaps = chain.flatMap(({ body }) =>
    Object.entries(body.missing).flatMap(([writer, ranges]) =>
      ranges.map((range) => ({ writer, range, number: body.number })),
    ),
  )
  if (gaps.length === 0) return []
  const declared = new Map<string, Range[]>()
  const sealed = new Set(chain.flatMap(({ places }) => places.map(({ writer, sequence }) => idOf(writer, sequence))))
  for (const text of [...files.values()].flat()) {
    const { mark } = readLine(text) ?? {}
    if (!mark?.unwritten || !sealed.has(idOf(mark.writer, mark.sequence))) continue
    declared.set(mark.writer, [...(declared.get(mark.writer) ?? []), ...mark.unwritten])
  }
  return gaps.flatMap(({ writer, range, number }) =>
    uncovered(range, [...(declared.get(writer) ?? []), ...late(chain, writer)]).map(([first, last]) => ({
      what: 'missing' as const,
      where: first === last ? idOf(writer, first) : `${idOf(writer, first)} to ${last}`,
      why: `not there when digest ${number} was sealed: never written, or removed before`,
    })),
  )
}

/** What a writer's runs cover: a record that came late is in a later digest. */
const late = (chain: readonly ReadDigest[], writer: string): readonly Range[] =>
  chain.flatMap(({ body }) =>
    body.runs.flatMap(([, by, first, count]): Range[] => (by === writer ? [[first, first + count - 1]] : [])),
  )

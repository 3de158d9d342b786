/**
 * A run of a pattern's text. In policy text `*` stands for any run of UTF-16 units and `?` for one; in `data`, which
 * is what a variable stood for, they are characters like any other.
 */
export interface Piece {
  readonly text: string
  readonly data: boolean
}
export type Pattern = readonly Piece[]

export const patternOf = (text: string): Pattern => [{ text, data: false }]

/** The text with nothing in it standing for anything else. */
export const textOfPattern = (pattern: Pattern): string => pattern.map((piece) => piece.text).join('')

/** What lies between two stars: literal segments with `?` before, between and after them. */
interface Chunk {
  readonly segments: { readonly text: string; readonly offset: number }[]
  length: number
}

/** Counts the work of a match, for the test that holds it linear. */
export interface Work {
  steps: number
}

function chunksOf(pattern: Pattern): Chunk[] {
  let chunk: Chunk = { segments: [], length: 0 }
  const chunks = [chunk]
  const append = (text: string): void => {
    if (text === '') return
    const last = chunk.segments.at(-1)
    if (last && last.offset + last.text.length === chunk.length) {
      chunk.segments[chunk.segments.length - 1] = { text: last.text + text, offset: last.offset }
    } else {
      chunk.segments.push({ text, offset: chunk.length })
    }
    chunk.length += text.length
  }
  for (const { text, data } of pattern) {
    if (data) {
      append(text)
      continue
    }
    for (const [star, between] of text.split('*').entries()) {
      if (star > 0) {
        chunk = { segments: [], length: 0 }
        chunks.push(chunk)
      }
      for (const [mark, literal] of between.split('?').entries()) {
        if (mark > 0) chunk.length += 1
        append(literal)
      }
    }
  }
  return chunks
}

const isAt = (chunk: Chunk, text: string, start: number, work: Work): boolean =>
  chunk.segments.every((segment) => {
    work.steps += segment.text.length
    return text.startsWith(segment.text, start + segment.offset)
  })

/** Knuth-Morris-Pratt: for each prefix, how much of it is left when the next unit does not fit. */
function fallbacks(text: string, work: Work): Uint32Array {
  const table = new Uint32Array(text.length)
  for (let at = 1, length = 0; at < text.length; work.steps++) {
    if (text.charCodeAt(at) === text.charCodeAt(length)) table[at++] = ++length
    else if (length > 0) length = table[length - 1] ?? 0
    else at++
  }
  return table
}

/**
 * The first start of the chunk in text[from, end); -1 when there is none. All segments are looked for in one pass, and
 * each one found counts for the start it implies: the work is the length passed over times the segments, whatever the
 * text repeats.
 */
function find(chunk: Chunk, text: string, from: number, end: number, work: Work): number {
  const last = end - chunk.length
  if (last < from) return -1
  if (chunk.segments.length === 0) return from
  const searches = chunk.segments.map((segment) => ({ ...segment, table: fallbacks(segment.text, work), matched: 0 }))
  const found = new Uint16Array(last - from + 1)
  for (let at = from; at < end; at++) {
    const unit = text.charCodeAt(at)
    for (const search of searches) {
      work.steps++
      while (search.matched > 0 && search.text.charCodeAt(search.matched) !== unit) {
        search.matched = search.table[search.matched - 1] ?? 0
        work.steps++
      }
      if (search.text.charCodeAt(search.matched) === unit) search.matched++
      if (search.matched < search.text.length) continue
      search.matched = search.table[search.matched - 1] ?? 0
      const start = at + 1 - search.text.length - search.offset
      if (start < from || start > last) continue
      const count = (found[start - from] ?? 0) + 1
      if (count === searches.length) return start
      found[start - from] = count
    }
  }
  return -1
}

export type Matcher = (text: string, work?: Work) => boolean

/**
 * Whether the pattern fits a whole text, case-sensitively. No backtracking and no regular expression: a policy's
 * author chooses the pattern and a caller the text, and neither may choose how long this takes.
 */
export function matcherOf(pattern: Pattern): Matcher {
  const [head, ...rest] = chunksOf(pattern)
  // INVARIANT: there is a chunk more than there are stars.
  if (!head) return () => false
  const tail = rest.pop()
  // Stars beside each other are one, so that there are no more chunks than units in a text they may fit.
  const between = rest.filter((chunk) => chunk.length > 0)
  const length = [head, ...between, ...(tail ? [tail] : [])].reduce((sum, chunk) => sum + chunk.length, 0)
  return (text, work = { steps: 0 }) => {
    work.steps++
    if (length > text.length || !isAt(head, text, 0, work)) return false
    if (!tail) return length === text.length
    const end = text.length - tail.length
    if (!isAt(tail, text, end, work)) return false
    let from = head.length
    for (const chunk of between) {
      const start = find(chunk, text, from, end, work)
      if (start < 0) return false
      from = start + chunk.length
    }
    return true
  }
}

export const matches = (pattern: Pattern, text: string): boolean => matcherOf(pattern)(text)

/**
 * The parts of an ARN pattern, at most six, the last with the colons left. A colon in data parts nothing, unless the
 * data begins the pattern: a caller's tag cannot move the rest into other fields, and `${aws:PrincipalArn}` is an ARN.
 */
export function arnParts(pattern: Pattern): readonly Pattern[] {
  let part: Piece[] = []
  const parts = [part]
  for (const [index, { text, data }] of pattern.entries()) {
    let rest = text
    while (parts.length < 6 && (!data || index === 0)) {
      const colon = rest.indexOf(':')
      if (colon < 0) break
      part.push({ text: rest.slice(0, colon), data })
      part = []
      parts.push(part)
      rest = rest.slice(colon + 1)
    }
    part.push({ text: rest, data })
  }
  return parts
}

/** Each of the six parts by itself, so that no `*` reaches into the next field. */
export function arnMatcherOf(parts: readonly Pattern[]): Matcher {
  const matchers = parts.map(matcherOf)
  return (arn) => {
    const values = arnParts(patternOf(arn)).map(textOfPattern)
    return values.length === 6 && matchers.every((matcher, index) => matcher(values[index] ?? ''))
  }
}

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

const shortText = 8

/** The first start of the text in whole[from, end); -1 when there is none. In one pass, whatever the text repeats. */
function findText(text: string, whole: string, from: number, end: number, work: Work): number {
  if (text.length <= shortText) {
    // What is short is found by the engine many times faster, and cannot be made slow by what it repeats.
    const start = whole.indexOf(text, from)
    work.steps += start < 0 ? whole.length - from : start - from
    return start < 0 || start + text.length > end ? -1 : start
  }
  const table = fallbacks(text, work)
  let matched = 0
  for (let at = from; at < end; at++) {
    const unit = whole.charCodeAt(at)
    work.steps++
    while (matched > 0 && text.charCodeAt(matched) !== unit) {
      matched = table[matched - 1] ?? 0
      work.steps++
    }
    if (text.charCodeAt(matched) === unit) matched++
    if (matched === text.length) return at + 1 - matched
  }
  return -1
}

/**
 * The same for a chunk with question marks: a bit for each prefix of it that ends here, all of them moved on at once
 * (Baeza-Yates and Gonnet's shift-and). The work is the length passed over times a thirty-second of the chunk's.
 */
function findChunk(chunk: Chunk, whole: string, from: number, end: number, work: Work): number {
  const words = Math.ceil(chunk.length / 32)
  // For each unit the places that it fits; those of question marks, any unit fits.
  const anywhere = new Int32Array(words).fill(-1)
  const units = chunk.segments.flatMap(({ text, offset }) =>
    text.split('').map((unit, index) => ({ code: unit.charCodeAt(0), place: offset + index })),
  )
  for (const { place } of units) anywhere[place >> 5] = (anywhere[place >> 5] ?? 0) & ~(1 << (place & 31))
  const masks = new Map<number, Int32Array>()
  for (const { code, place } of units) {
    const mask = masks.get(code) ?? anywhere.slice()
    mask[place >> 5] = (mask[place >> 5] ?? 0) | (1 << (place & 31))
    masks.set(code, mask)
  }
  const state = new Int32Array(words)
  const last = chunk.length - 1
  for (let at = from; at < end; at++) {
    const mask = masks.get(whole.charCodeAt(at)) ?? anywhere
    let carry = 1
    for (let word = 0; word < words; word++) {
      const bits = state[word] ?? 0
      state[word] = ((bits << 1) | carry) & (mask[word] ?? 0)
      carry = bits >>> 31
      work.steps++
    }
    if ((state[last >> 5] ?? 0) & (1 << (last & 31))) return at - last
  }
  return -1
}

function find(chunk: Chunk, whole: string, from: number, end: number, work: Work): number {
  if (end - from < chunk.length) return -1
  const [only, ...more] = chunk.segments
  if (!only) return from
  if (more.length > 0 || only.text.length < chunk.length) return findChunk(chunk, whole, from, end, work)
  return findText(only.text, whole, from, end, work)
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

/** The six fields of an ARN, the last with the colons left; fewer where it is none. */
function fieldsOf(arn: string): readonly string[] {
  const fields = arn.split(':')
  return fields.length <= 6 ? fields : [...fields.slice(0, 5), fields.slice(5).join(':')]
}

/** Each of the six parts by itself, so that no `*` reaches into the next field. */
export function arnMatcherOf(parts: readonly Pattern[]): Matcher {
  const matchers = parts.map(matcherOf)
  return (arn) => {
    const values = fieldsOf(arn)
    return values.length === 6 && matchers.every((matcher, index) => matcher(values[index] ?? ''))
  }
}
